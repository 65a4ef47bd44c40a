// Goal: the oracle finds every wrong admission and lost push that a history holds, and accuses nobody of what could not be known.
// Method: histories made up by hand, a fault planted in each, and next to it the same history without it.
import t from 'tap'
import { type History, type Loss, type Push, permitted, revoked, type Visit } from './history.ts'
import { judgeHistory } from './oracle.ts'

const c = 7
const staleAtMs = 1_000 + 6_000 + 500

/** Revoked at gateway 0 at 1 000 ms; 6 s of staleness and 500 ms of margin are allowed. */
function historyOf(changes: Partial<History> = {}): History {
  return {
    maxStalenessMs: 6_000,
    marginMs: 500,
    calmMs: 5_000,
    handMs: 2_000,
    replicas: 2,
    pushes: [pushOf()],
    firstTriedMs: new Map([[c, 900]]),
    handAdditions: [],
    visits: [],
    losses: [],
    calms: [],
    final: undefined,
    ...changes,
  }
}

function pushOf(changes: Partial<Push> = {}): Push {
  return { certificate: c, gateway: 0, askedMs: 900, acknowledgedMs: 1_000, replicas: 0, ...changes }
}

function visitOf(gateway: number, startedMs: number, changes: Partial<Visit> = {}): Visit {
  const endedMs = startedMs + 20
  return { certificate: c, gateway, startedMs, endedMs, outcome: permitted, keptAlive: false, ...changes }
}

function lossOf(beginMs: number, changes: Partial<Loss> = {}): Loss {
  return { kind: 'wiped', what: 'flushed', certificates: undefined, beginMs, endMs: beginMs + 10, ...changes }
}

/** The rules that are broken, each as `rule gateway@start`. */
function wrong(history: History): string[] {
  return judgeHistory(history).wronglyAdmitted.map(({ rule, visit }) => `${rule} ${visit.gateway}@${visit.startedMs}`)
}

t.test('a gateway that admits what it has acknowledged is found', async (t) => {
  t.same(wrong(historyOf({ visits: [visitOf(0, 1_001)] })), ['acknowledged_here 0@1001'])
  const losses = [lossOf(1_100), lossOf(5_000, { kind: 'unsettled', endMs: 90_000 })]
  t.same(
    wrong(historyOf({ visits: [visitOf(0, 80_000)], losses })),
    ['acknowledged_here 0@80000'],
    'whatever the store has forgotten meanwhile',
  )
  t.same(wrong(historyOf({ visits: [visitOf(0, 999, { endedMs: 1_500 })] })), [], 'not a request that began before')
  t.same(wrong(historyOf({ visits: [visitOf(0, 80_000, { outcome: revoked })] })), [], 'nor one that was refused')
  t.same(wrong(historyOf({ visits: [visitOf(0, 80_000, { certificate: 8 })] })), [], 'nor one with another certificate')
})

t.test('another gateway has the allowed staleness, and no more', async (t) => {
  t.same(wrong(historyOf({ visits: [visitOf(1, staleAtMs)] })), [])
  t.same(wrong(historyOf({ visits: [visitOf(1, staleAtMs + 1)] })), ['overdue 1@7501'])
  t.same(wrong(historyOf({ visits: [visitOf(1, staleAtMs + 1)], pushes: [] })), [], 'nobody has acknowledged it')
})

t.test('a gateway that admits what it has refused as revoked is found', async (t) => {
  const refused = visitOf(1, 2_000, { outcome: revoked })
  t.same(wrong(historyOf({ visits: [refused, visitOf(1, 2_021)] })), ['refused_before 1@2021'])
  t.same(wrong(historyOf({ visits: [refused, visitOf(1, 2_020)] })), [], 'they were under way together')
  t.same(wrong(historyOf({ visits: [refused, visitOf(2, 2_021)] })), [], 'it was another gateway')
  const stale = visitOf(1, 2_000, { outcome: 'trust_data_stale' })
  t.same(wrong(historyOf({ visits: [stale, visitOf(1, 2_021)] })), [], 'it was refused for another reason')
  t.same(
    wrong(historyOf({ visits: [refused, visitOf(1, 2_021)], pushes: [] })),
    ['refused_before 1@2021'],
    'also where nobody acknowledged the push',
  )
})

t.test('what the store forgot before anybody else had read it excuses the others', async (t) => {
  const losses = [lossOf(3_000)]
  const visits = [visitOf(1, 20_000)]
  const { wronglyAdmitted, excused } = judgeHistory(historyOf({ visits, losses }))
  t.same(wronglyAdmitted, [])
  t.equal(excused.length, 1, 'it is reported')
  t.same(excused[0]?.losses, losses)
  t.same(wrong(historyOf({ visits, losses: [lossOf(20_021)] })), ['overdue 1@20000'], 'not what it forgot later')
  t.same(wrong(historyOf({ visits, losses: [lossOf(100)] })), ['overdue 1@20000'], 'nor what it forgot before')
  t.same(wrong(historyOf({ visits, losses: [lossOf(800, { endMs: 950 })] })), [], 'but during the push it may have')
  const others = [lossOf(3_000, { certificates: new Set([8]) })]
  t.same(wrong(historyOf({ visits, losses: others })), ['overdue 1@20000'], 'it forgot others')
})

t.test('a gateway that admitted anybody before the loss must have read the revocation', async (t) => {
  const losses = [lossOf(9_000)]
  const late = visitOf(1, 20_000)
  const other = (startedMs: number, endedMs = startedMs + 20) =>
    visitOf(1, startedMs, { endedMs, certificate: 8, outcome: permitted })
  t.same(wrong(historyOf({ visits: [other(8_000), late], losses })), ['overdue 1@20000'])
  t.same(wrong(historyOf({ visits: [other(7_000), late], losses })), [], 'its data may have been older')
  t.same(wrong(historyOf({ visits: [other(8_000, 9_500), late], losses })), [], 'it may have read it after the loss')
  const refused = { ...other(8_000), outcome: 'trust_data_stale' }
  t.same(wrong(historyOf({ visits: [refused, late], losses })), [], 'it read nothing')
})

t.test('two masters excuse only what not every replica had', async (t) => {
  const losses = [lossOf(3_000, { kind: 'unsettled', endMs: 30_000 })]
  const visits = [visitOf(1, 20_000)]
  t.same(wrong(historyOf({ visits, losses })), [])
  t.same(wrong(historyOf({ visits, losses, pushes: [pushOf({ replicas: undefined })] })), [])
  t.same(wrong(historyOf({ visits, losses, pushes: [pushOf({ replicas: 2 })] })), ['overdue 1@20000'])
  const wiped = [...losses, lossOf(4_000)]
  t.same(wrong(historyOf({ visits, losses: wiped, pushes: [pushOf({ replicas: 2 })] })), [], 'emptied all the same')
})

t.test('after a calm long enough nothing is excused any more', async (t) => {
  const losses = [lossOf(3_000)]
  const calms = [{ beginMs: 10_000, endMs: 16_000 }]
  t.same(wrong(historyOf({ visits: [visitOf(1, 15_501)], losses, calms })), ['overdue 1@15501'])
  t.same(wrong(historyOf({ visits: [visitOf(1, 15_500)], losses, calms })), [])
  const later = [...losses, lossOf(17_000)]
  t.same(wrong(historyOf({ visits: [visitOf(1, 60_000)], losses: later, calms })), ['overdue 1@60000'], 'for ever')
  const short = [{ beginMs: 10_000, endMs: 15_000 }]
  t.same(wrong(historyOf({ visits: [visitOf(1, 60_000)], losses, calms: short })), [])
})

t.test('what was added by hand must be refused soon while nothing is wrong', async (t) => {
  const handAdditions = [{ certificate: c, addedMs: 1_000 }]
  const by = (changes: Partial<History>) => historyOf({ pushes: [], handAdditions, ...changes })
  const calms = [{ beginMs: 500, endMs: 60_000 }]
  t.same(wrong(by({ visits: [visitOf(0, 3_501)], calms })), ['hand_overdue 0@3501'])
  t.same(wrong(by({ visits: [visitOf(0, 3_500)], calms })), [])
  t.same(wrong(by({ visits: [visitOf(0, 3_501)] })), [], 'something was wrong')
})

t.test('a push that is not everywhere in the end is lost', async (t) => {
  const lost = (outcomes: readonly string[], stored: readonly number[], changes: Partial<History> = {}) =>
    judgeHistory(historyOf({ final: { inStore: new Set(stored), outcomes: new Map([[c, outcomes]]) }, ...changes }))
      .lostPushes
  t.same(lost([revoked, revoked], [c]), [])
  t.equal(lost([revoked, revoked], []).length, 1, 'the store has not got it')
  t.match(lost([revoked, permitted], [c]), [{ certificate: c, inStore: true, outcomes: [revoked, permitted] }])
  t.equal(lost([revoked, 'trust_data_stale'], [c]).length, 1)
  t.equal(lost([revoked, 'failure'], [c]).length, 1)
  t.equal(lost([], [c]).length, 1, 'nobody looked')
  t.same(lost([permitted], [], { pushes: [] }), [], 'nobody acknowledged it')
  const byHand = { pushes: [], handAdditions: [{ certificate: c, addedMs: 1_000 }] }
  t.equal(lost([permitted], [c], byHand).length, 1, 'what was added by hand and is still there counts')
  t.same(lost([permitted], [], byHand), [], 'what was added by hand and lost does not')
})

t.test('refusing what nobody wanted revoked is found', async (t) => {
  const visits = [visitOf(0, 2_000, { certificate: 8, outcome: revoked })]
  t.equal(judgeHistory(historyOf({ visits })).wronglyRefused.length, 1)
  const tried = new Map([[8, 1_999]])
  t.same(judgeHistory(historyOf({ visits, firstTriedMs: tried })).wronglyRefused, [], 'an attempt is enough')
  const stale = [visitOf(0, 2_000, { certificate: 8, outcome: 'trust_data_stale' })]
  t.same(judgeHistory(historyOf({ visits: stale })).wronglyRefused, [])
})

t.test('each wrong admission is named once, by the rule that bound the gateway first', async (t) => {
  const pushes = [pushOf(), pushOf({ gateway: 1, askedMs: 9_900, acknowledgedMs: 10_000 })]
  t.same(wrong(historyOf({ pushes, visits: [visitOf(1, 20_000)] })), ['overdue 1@20000'])
  t.same(
    wrong(historyOf({ pushes, visits: [visitOf(1, 20_000)], losses: [lossOf(1_100)] })),
    ['acknowledged_here 1@20000'],
    'the first push is excused, its own acknowledgement is not',
  )
})
