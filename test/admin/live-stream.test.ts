// Goal: the live stream tells what happens, to whom it may, for as long as it may. Method: a real admin door over a real store; the
// counters are the test's; streams are read as a browser reads them.
import t from 'tap'
import { operatorRoles } from '../../src/admin/operator.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { RevocationRequest } from '../../src/lifecycle/ports.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { issuerA } from '../store/contract.ts'
import { type EventData, openLive } from './live-client.ts'
import { issueOperator, operators, withAdmin } from './with-admin.ts'

const fast = { intervalMs: 40 }
const refusal = {
  atMs: 1_800_000_000_000,
  reason: 'certificate_revoked',
  loginId: 'user02',
  serial: 'ab12',
  door: 'main',
  address: '192.0.2.7',
  requestId: 'r-1',
}
const actor = { name: 'sato.hanako', role: 'security', requestId: 'push-1' }

function revocationOf(serial: string): RevocationRequest {
  return {
    key: `${issuerA}:${serial}` as RevocationRequest['key'],
    loginId: 'user02',
    reason: 'keyCompromise',
    comment: 'secret comment',
  }
}

t.test('a snapshot with the history comes first, then a tick for each sample', async (t) => {
  const { port, live, metrics } = await withAdmin(t, { live: fast })
  live.start()
  const worker = metrics.controlThread
  worker.verdict('main', 'permitted')
  worker.verdict('portal', 'permitted')
  worker.verdict('main', 'certificate_revoked')
  worker.handshakeEnded('main', 'completed', 0.01)
  worker.requestEnded('app', 200, 0.01)
  worker.connectionCut('main', 'user_suspended')
  const first = await openLive(t, port)
  t.match(first, {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
  })
  await first.see('tick', ({ sample }) => sample.permitted === 0)
  const { history, state } = (await (await openLive(t, port)).see('snapshot')) as {
    history: { permitted: number; denied: object }[]
    state: { alarms: { code: string }[] }
  }
  t.match(
    history.find(({ permitted }) => permitted > 0),
    {
      permitted: 2,
      denied: { certificate_revoked: 1 },
      handshakes: { completed: 1 },
      requests: { '2xx': 1 },
      cuts: { user_suspended: 1 },
    },
    'what happened before anybody looked',
  )
  t.match(state, {
    version: '0.1.0',
    own: { state: 'live', maxStalenessSeconds: 60, workersConfigured: 1 },
    doors: [{ door: 'main' }, { door: 'portal' }],
    published: [{ name: 'demo-issuing-ca', number: null }],
    crls: [{ name: 'partner-ca/full' }],
  })
  t.ok(state.alarms.some(({ code }) => code === 'crl_missing'))
  worker.verdict('main', 'permitted')
  await first.see('tick', ({ sample }) => sample.permitted === 1)
})

t.test('a refused login and a push appear at once, and stand in the snapshots of who comes later', async (t) => {
  const { port, live, publisher, store, follower } = await withAdmin(t, { live: { intervalMs: 600_000 } })
  live.start()
  const stream = await openLive(t, port)
  live.noteRefusal(refusal)
  t.same(await stream.see('refused'), refusal)
  await publisher.publish([revocationOf('1'), revocationOf('2')], actor)
  const push = await stream.see('pushed', ({ count }) => count === 2)
  t.match(push, { kind: 'revoked', count: 2, actor: 'sato.hanako', reason: 'keyCompromise' })
  t.equal(push.version, follower.status().version, 'whoever has come to this version has it in force')

  const loginId = 'user02'
  await store.publishRule(
    { rule: { by: 'loginId', loginId, notBeforeMs: 1 }, reason: 'keyCompromise', comment: '' } as never,
    actor,
  )
  await follower.caughtUp()
  const { id } = await stream.see('pushed', ({ kind }) => kind === 'rule')
  live.noteRule({ actor: { name: 'sato.hanako' }, target: { name: `login:${loginId}` }, reason: 'keyCompromise' })
  await stream.see('pushed', (one) => one.id === id && one.actor === 'sato.hanako')
  await store.publishRule(
    { rule: { by: 'loginId', loginId: 'user04', notBeforeMs: 1 }, reason: 'keyCompromise', comment: '' } as never,
    actor,
  )
  await store.publishRule(
    { rule: { by: 'loginId', loginId: 'user05', notBeforeMs: 1 }, reason: 'keyCompromise', comment: '' } as never,
    { ...actor, name: 'tanaka.ichiro' },
  )
  await follower.caughtUp()
  const both = await stream.see('pushed', (one) => one.kind === 'rule' && one.count === 2)
  live.noteRule({ actor: { name: 'sato.hanako' }, target: { name: 'login:user04' }, reason: 'keyCompromise' })
  live.noteRule({ actor: { name: 'tanaka.ichiro' }, target: { name: 'login:user05' }, reason: 'keyCompromise' })
  live.noteRule({ actor: { name: 'tanaka.ichiro' }, target: { name: 'login:user05' }, reason: 'keyCompromise' })
  await stream.see('pushed', (one) => one.id === both.id && one.actor === 'sato.hanako, tanaka.ichiro')

  const later = await (await openLive(t, port)).see('snapshot')
  t.same(later.refused, [refusal])
  t.match(later.pushes, [
    { kind: 'rule', actor: 'sato.hanako, tanaka.ichiro' },
    { kind: 'rule', actor: 'sato.hanako' },
    { kind: 'revoked', count: 2 },
  ])
  t.notMatch(stream.text(), /secret comment/, 'what operators write about a person is not shown')
})

t.test('a flood of refusals is told in part and counted', async (t) => {
  const { port, live } = await withAdmin(t, { live: fast })
  const stream = await openLive(t, port)
  await stream.see('snapshot')
  for (let at = 0; at < 130; at++) live.noteRefusal({ ...refusal, requestId: `r-${at}` })
  live.start()
  const { refusalsLeftOut } = await stream.see('tick')
  t.equal(refusalsLeftOut, 110)
  t.equal(stream.events('refused').length, 20)
  const { refused } = await (await openLive(t, port)).see('snapshot')
  t.equal(refused.length, 100, 'the last hundred are remembered')
  t.equal(refused[0].requestId, 'r-129')
})

t.test('every role looks; the branch sees no addresses, unless it has another role', async (t) => {
  const { port, live, metrics } = await withAdmin(t, { live: fast })
  live.start()
  metrics.controlThread.upstreamTarget('app', '10.0.0.1:8080', 'unhealthy')
  metrics.controlThread.upstreamTarget('app', '10.0.0.2:8080', 'available')
  live.noteRefusal(refusal)
  const certificates = [...operatorRoles.map((role) => operators[role]), issueOperator(['branch', 'helpdesk'])]
  for (const [position, certificate] of certificates.entries()) {
    const stream = await openLive(t, port, certificate)
    const { refused } = await stream.see('snapshot')
    const { state } = await stream.see('tick')
    live.noteRefusal({ ...refusal, requestId: `new-${position}` })
    const next = await stream.see('refused', ({ requestId }) => requestId === `new-${position}`)
    t.match([refused.at(-1), next], [{ loginId: 'user02', serial: 'ab12' }, { loginId: 'user02' }])
    if (certificate === operators.branch) {
      t.notMatch(stream.text(), /192\.0\.2\.7|10\.0\.0\./)
      t.match(state.targets, [
        { target: '#1', unhealthy: 1 },
        { target: '#2', available: 1 },
      ])
    } else {
      t.equal(refused.at(-1).address, '192.0.2.7')
      t.match(state.targets, [{ target: '10.0.0.1:8080' }, { target: '10.0.0.2:8080' }])
      t.match(
        state.alarms.find(({ code }: { code: string }) => code === 'target_out'),
        { target: '10.0.0.1:8080' },
      )
    }
    stream.leave()
  }
  t.equal((await openLive(t, port, issueOperator(['guest']))).status, 403)
})

t.test('one viewer too many is told so, and comes in when another leaves', async (t) => {
  const { port, live } = await withAdmin(t, { live: { ...fast, viewersMax: 2 } })
  live.start()
  const first = await openLive(t, port)
  await openLive(t, port)
  const refused = await openLive(t, port)
  t.equal(refused.status, 503)
  if (refused.status === 503) t.match(await refused.ended, /more than 2 at once.*"code":"admin_viewers_limit"/)
  first.leave()
  const status = async () => {
    const stream = await openLive(t, port)
    return stream.status
  }
  t.equal(await eventually(status, (code) => code === 200), 200)
})

t.test('an operator whose certificate ends is shown nothing more', async (t) => {
  let aheadMs = 0
  const nowMs = () => systemClock.nowMs() + aheadMs
  const { port, live, audited } = await withAdmin(t, { live: fast, nowMs })
  live.start()
  const ending = await openLive(t, port, issueOperator(['security'], { notAfterMs: systemClock.nowMs() + 3_600_000 }))
  const staying = await openLive(t, port)
  await ending.see('tick')
  aheadMs = 3_700_000
  t.match(await ending.ended, /event: problem\ndata: .*"code":"admin_unauthenticated".*\n\n$/)
  t.equal(audited.filter(({ event }) => event === 'operator_refused').length, 1)
  const ticks = staying.events('tick').length
  await eventually(
    async () => staying.events('tick').length,
    (count) => count > ticks,
  )
  t.pass('the other goes on')
})

t.test('an operator CA that is not trusted any more ends the streams of its operators', async (t) => {
  const { port, live, door } = await withAdmin(t, { live: fast })
  live.start()
  const stream = await openLive(t, port)
  await stream.see('tick')
  const other = createTestCa({ commonName: 'other operators' })
  const server = other.issueServer()
  const serverCertificates = [{ certificatePem: server.chainPem, keyPem: server.keyPem, names: ['localhost'] }]
  door.prepare({ operatorIssuerPems: [other.certificatePem], serverCertificates })()
  t.match(await stream.ended, /"code":"admin_unauthenticated"/)
})

t.test('a door that closes ends its streams at once, and with the feed all end', async (t) => {
  const { port, live, door } = await withAdmin(t, { live: { intervalMs: 600_000 } })
  live.start()
  const stream = await openLive(t, port)
  await stream.see('snapshot')
  const startedMs = systemClock.monotonicMs()
  await door.close()
  t.ok(systemClock.monotonicMs() - startedMs < 3_000, 'nobody waits for viewers')
  await stream.ended
  const next = await withAdmin(t, { live: { intervalMs: 600_000 } })
  const other = await openLive(t, next.port)
  await other.see('snapshot')
  next.live.close()
  t.notMatch(await other.ended, /problem/)
})

t.test('a stream without news says that it is alive; HEAD has an end', async (t) => {
  const { port, call, live } = await withAdmin(t, { live: { intervalMs: 600_000, heartbeatMs: 30, viewersMax: 1 } })
  live.start()
  t.equal((await call('HEAD', '/v1/live')).status, 200)
  const stream = await openLive(t, port)
  t.equal(stream.status, 200, 'and HEAD takes no place')
  await eventually(
    async () => stream.text(),
    (text) => text.includes('\n\n: still here\n\n'),
  )
  t.match(stream.text(), /^retry: \d+\n\n/)
})

t.test(
  'other gateways stand there as the store tells; that it falls silent is told, and that one stays behind',
  async (t) => {
    let aheadMs = 0
    let isAway = false
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs }
    const report = { programVersion: '0.1.0', state: 'live', dataAgeMs: 100, reportedAtMs: 1_000 } as const
    const ask = async <Answer>(answer: Answer): Promise<Answer> => {
      if (isAway) throw new Error('away')
      return answer
    }
    const store = {
      position: () => ask({ version: 9, token: '' }),
      gateways: () =>
        ask({
          nowMs: 1_000,
          gateways: [
            { ...report, gatewayId: 'a.1', name: 'gw-a', position: { version: 9, token: '' } },
            { ...report, gatewayId: 'b.1', name: 'gw-b', position: { version: 7, token: '' } },
          ],
        }),
      revocation: async () => undefined,
    }
    const { port, live } = await withAdmin(t, { live: { ...fast, clock, store } })
    live.start()
    const stream = await openLive(t, port)
    const { state } = await stream.see('tick', (tick) => tick.state.gateways.list.length === 2)
    t.match(state.gateways, {
      storeVersion: 9,
      list: [
        { name: 'gw-a', lagVersions: 0, behind: false },
        { name: 'gw-b', lagVersions: 2, behind: true },
      ],
    })
    const codes = (tick: EventData) => tick.state.alarms.map(({ code, name }: EventData) => `${code} ${name}`)
    t.notMatch(codes({ state }).join(), /behind|silent/, 'every push has gateways lag for a moment')
    isAway = true
    aheadMs = 20_000
    const told = await stream.see('tick', (tick) => codes(tick).includes('store_silent '))
    t.ok(codes(told).includes('gateway_behind gw-b'))
    t.notOk(codes(told).includes('gateway_behind gw-a'))
    isAway = false
    await stream.see(
      'tick',
      (tick) =>
        tick.sample.atMs > told.sample.atMs &&
        !codes(tick).includes('store_silent ') &&
        tick.state.gateways.list.length === 2,
    )
    const later = await (await openLive(t, port)).see('snapshot')
    t.notMatch(codes(later).join(), /store_silent/)
  },
)
