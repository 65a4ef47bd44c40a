// Goal: the live page raises what is wrong, and nothing that is well. Method: a state in which everything is well, changed in one place
// at a time.
import t from 'tap'
import { type AlarmFacts, alarmCodes, findAlarms } from '../../src/admin/live/live-alarms.ts'
import type { LiveState } from '../../src/admin/live/live-message.ts'
import { liveWords } from '../../src/admin/live/live-words.ts'

type State = Omit<LiveState, 'alarms'>

const target = { upstream: 'app', available: 2, ejected: 0, unhealthy: 0 }
const list = { name: 'ca', number: 1, entries: 5, nextUpdateSeconds: 10 }
const well: State = {
  atMs: 0,
  version: '0.1.0',
  own: {
    state: 'live',
    storeVersion: 1,
    dataAgeSeconds: 0.4,
    maxStalenessSeconds: 60,
    deniesWhenStale: true,
    workersRunning: 2,
    workersConfigured: 2,
    rules: 0,
  },
  gateways: { heardSecondsAgo: 0.3, storeVersion: 1, list: [] },
  doors: [],
  webSockets: 0,
  revocations: [],
  targets: [
    { ...target, target: 'a:1' },
    { ...target, target: 'b:1' },
  ],
  crls: [list],
  published: [list],
  certificates: [{ kind: 'server', name: 'bank.example', daysLeft: 30 }],
}
const noFacts: AlarmFacts = { longBehind: [], isReloadRefused: false, unrecorded: 0 }

/** Code, `!` if it is grave, and name. */
function raised(changes: Partial<State>, facts: Partial<AlarmFacts> = {}): string[] {
  return findAlarms({ ...well, ...changes }, { ...noFacts, ...facts }).map(({ code, grave, name, target: at }) =>
    [`${code}${grave ? '!' : ''}`, name, at].filter(Boolean).join(' '),
  )
}
const own = (changes: Partial<State['own']>) => ({ own: { ...well.own, ...changes } })
const out = { available: 0, ejected: 1, unhealthy: 1 }
const days = (daysLeft: number) => ({ certificates: [{ kind: 'server', name: 'bank.example', daysLeft }] })

t.test('nothing is wrong where all is well', async (t) => {
  t.same(raised({}), [])
  t.same(raised({ crls: [{ ...list, number: null, nextUpdateSeconds: null }], published: [] }), [])
  t.same(raised({ published: [{ ...list, number: null, entries: null, nextUpdateSeconds: null }] }), [])
})

t.test('each thing that is wrong has its alarm', async (t) => {
  t.same(raised(own({ state: 'stale' })), ['follower_not_live!'])
  t.same(raised(own({ dataAgeSeconds: 31 })), ['data_ageing'])
  t.same(raised(own({ dataAgeSeconds: 61 })), ['data_stale!'])
  t.same(raised(own({ dataAgeSeconds: null })), ['data_stale!'])
  t.same(
    raised(own({ dataAgeSeconds: 61, deniesWhenStale: false })),
    ['stale_data_served!'],
    'nobody is refused for it',
  )
  t.same(
    raised(own({ dataAgeSeconds: null, deniesWhenStale: false })),
    ['data_stale!'],
    'but without data everybody is',
  )
  t.same(raised(own({ workersRunning: 1 })), ['workers_missing!'])
  t.same(raised({ gateways: { ...well.gateways, heardSecondsAgo: 6 } }), ['store_silent!'])
  const [first, second] = well.targets as [State['targets'][number], State['targets'][number]]
  t.same(raised({ targets: [{ ...first, ejected: 1 }, second] }), ['target_out app a:1'])
  t.same(raised({ targets: [{ ...first, ...out }, second] }), ['target_out app a:1'])
  t.same(
    raised({
      targets: [
        { ...first, ...out },
        { ...second, ...out },
      ],
    }),
    ['upstream_down! app'],
  )
  t.same(raised({ crls: [{ ...list, nextUpdateSeconds: -1 }] }), ['crl_late! ca'])
  t.same(raised({ crls: [{ ...list, entries: null }] }), ['crl_missing ca'])
  t.same(raised({ published: [{ ...list, nextUpdateSeconds: -1 }] }), ['own_crl_late! ca'])
  t.same(raised(days(29)), ['certificate_expiring bank.example'])
  t.same(raised(days(6)), ['certificate_expiring! bank.example'])
  t.same(raised(days(-1)), ['certificate_expired! bank.example'])
  t.same(raised({}, { longBehind: ['gw-b'] }), ['gateway_behind! gw-b'])
  t.same(raised({}, { isReloadRefused: true }), ['reload_refused'])
  t.same(raised({}, { unrecorded: -2 }), ['changed_by_hand'])
})

t.test('the worst comes first, and each has words in both languages', async (t) => {
  t.same(raised({ ...days(20), ...own({ state: 'stale' }) }, { longBehind: ['gw-b'] }), [
    'follower_not_live!',
    'gateway_behind! gw-b',
    'certificate_expiring bank.example',
  ])
  for (const words of [liveWords.ja, liveWords.en]) t.same(Object.keys(words.alarms).sort(), [...alarmCodes].sort())
})
