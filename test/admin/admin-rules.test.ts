// Goal: rules are published, listed and withdrawn through the admin door; gateways tell how far they are, and whoever waits for them is
// told who has not confirmed. Method: a real door over a real store; other gateways are reports that the test writes.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { GatewayReport } from '../../src/control-path/store-port.ts'
import { issuerA, keyA1 } from '../store/contract.ts'
import { withAdmin } from './with-admin.ts'

const range = {
  issuer: 'demo-issuing-ca',
  notBeforeFrom: '1970-01-01T00:00:00Z',
  notBeforeTo: '1970-01-01T09:30:00+09:00',
}
const ruleId = `issuer:${issuerA}:0-1800000`
const rules = '/v1/revocation-rules'
const bySerial = { certificates: [{ issuer: 'demo-issuing-ca', serial: '1' }] }

function report(name: string, version: number, changes: Partial<GatewayReport> = {}): GatewayReport {
  const position = { version, token: '' }
  return {
    gatewayId: `id-${name}`,
    name,
    programVersion: '0.1.0',
    state: 'live',
    position,
    dataAgeMs: 1_240,
    ...changes,
  }
}

t.test('an issuer range: dry run, published, listed, withdrawn', async (t) => {
  const { call, audited, index } = await withAdmin(t)
  const covering = () => index.coveringRule({ issuerId: issuerA, loginEntry: undefined, notBeforeMs: 1_800_000 })
  const dry = await call('POST', rules, { json: { ...range, dryRun: true } })
  t.match(dry, { status: 200, body: { dryRun: true, ruleId, outcome: 'would_be_published', connectedCertificates: 0 } })
  t.equal(covering(), 0)
  const done = await call('POST', rules, { json: { ...range, reason: 'cACompromise', comment: 'HSM' } })
  t.match(done, { status: 200, body: { dryRun: false, ruleId, outcome: 'published', connectionsCut: 0 } })
  t.ok(covering() > 0)
  t.match((await call('POST', rules, { json: range })).body, { outcome: 'unchanged' })
  t.match((await call('GET', rules)).body, {
    total: 1,
    rules: [
      {
        ruleId,
        by: 'issuer',
        issuer: 'demo-issuing-ca',
        issuerId: issuerA,
        notBeforeFrom: '1970-01-01T00:00:00.000Z',
        notBeforeTo: '1970-01-01T00:30:00.000Z',
        reason: 'cACompromise',
        comment: 'HSM',
        actor: 'sato.hanako',
        publishedAt: /^\d{4}-\d\d-\d\dT.*Z$/,
      },
    ],
  })
  const path = `${rules}/${encodeURIComponent(ruleId)}`
  t.match(await call('DELETE', path), { status: 400, body: { path: 'reason' } })
  t.match(await call('DELETE', `${path}?dryRun=true`), { status: 200, body: { outcome: 'would_be_withdrawn' } })
  t.ok(covering() > 0)
  t.match(await call('DELETE', `${path}?reason=wrong&comment=x`), {
    status: 200,
    body: { outcome: 'withdrawn', ruleId },
  })
  t.equal(covering(), 0)
  t.match(await call('DELETE', `${path}?reason=wrong`), { status: 404, body: { code: 'admin_not_found' } })
  t.match(
    audited.map(({ event, reason }) => [event, reason]),
    [
      ['rule_published', 'cACompromise'],
      ['rule_published', 'unspecified'],
      ['rule_withdrawn', 'wrong'],
    ],
  )
})

t.test('times and issuers that cannot be used are told by their field', async (t) => {
  const { call } = await withAdmin(t)
  const cases: [Record<string, unknown>, string][] = [
    [{ notBeforeFrom: '1970-01-01' }, 'notBeforeFrom'],
    [{ notBeforeFrom: '1970-01-01T00:00:00' }, 'notBeforeFrom'],
    [{ notBeforeTo: '1970-02-30T00:00:00Z' }, 'notBeforeTo'],
    [{ notBeforeTo: 'now' }, 'notBeforeTo'],
    [{ notBeforeTo: 0 }, 'notBeforeTo'],
    [{ notBeforeTo: '1969-12-31T23:00:00Z' }, 'notBeforeTo'],
    [{ notBeforeTo: '2100-01-01T00:00:00Z' }, 'notBeforeTo'],
    [{ issuer: 'demo-ca' }, 'issuer'],
    [{ reason: 'stolen' }, 'reason'],
    [{ waitSeconds: 121 }, 'waitSeconds'],
  ]
  for (const [change, path] of cases) {
    const { status, body } = await call('POST', rules, { json: { ...range, ...change } })
    t.match({ status, body }, { status: 400, body: { path } }, JSON.stringify(change))
  }
  t.strictSame((await call('GET', rules)).body, { rules: [], total: 0 })
})

t.test('the list of rules is filtered and given in pages', async (t) => {
  const { call } = await withAdmin(t)
  await call('POST', rules, { json: range })
  await call('POST', '/v1/revocations', { json: { loginIds: ['user01', 'user02'] } })
  const first = await call('GET', `${rules}?limit=2`)
  t.match(first.body, { total: 3, rules: [{ by: 'loginId' }, { by: 'loginId' }] })
  const second = await call('GET', `${rules}?limit=2&cursor=${String(first.body.nextCursor)}`)
  t.match(second.body, { total: 3, rules: [{ ruleId }] })
  t.equal(second.body.nextCursor, undefined)
  t.match((await call('GET', `${rules}?loginId=user01`)).body, {
    total: 1,
    rules: [{ ruleId: 'login:user01', loginId: 'user01', notBeforeTo: /Z$/ }],
  })
  t.match((await call('GET', `${rules}?issuer=demo-issuing-ca`)).body, { total: 1, rules: [{ ruleId }] })
  t.match((await call('GET', `${rules}?issuer=second-ca`)).body, { total: 0 })
  t.equal((await call('GET', `${rules}?issuer=nobody`)).status, 400)
})

t.test('waiting: complete once all have it, and who is missing is named', async (t) => {
  const { call, store, reports, isRevoked } = await withAdmin(t)
  reports.start()
  const done = await call('POST', '/v1/revocations', { json: { ...bySerial, wait: true } })
  t.match(done.body, { revoked: 1, confirmation: { complete: true, gateways: [{ confirmed: true, state: 'live' }] } })
  await store.reportGateway(report('behind', 0, { state: 'stale' }))
  const loginIds = ['user01']
  const late = await call('POST', '/v1/revocations', { json: { loginIds, wait: true, waitSeconds: 1 } })
  t.equal(late.status, 200)
  const { gateways, ...confirmation } = late.body.confirmation as Record<string, unknown> & {
    gateways: { name: string }[]
  }
  t.match(confirmation, { complete: false })
  t.match(
    gateways.find(({ name }) => name === 'behind'),
    { gatewayId: 'id-behind', confirmed: false, state: 'stale', version: 0 },
  )
  t.match(
    gateways.find(({ name }) => name !== 'behind'),
    { gatewayId: reports.gatewayId, confirmed: true },
  )
  t.ok(isRevoked(keyA1))
  const rule = await call('POST', rules, { json: { ...range, wait: true, waitSeconds: 1 } })
  t.match(rule.body, { outcome: 'published', confirmation: { complete: false } })
  const headers = { 'Content-Type': 'application/x-ndjson' }
  const nothing = await call('POST', '/v1/revocations/bulk?wait=true&waitSeconds=1', { headers })
  t.match(
    nothing.body,
    { done: true, revoked: 0, confirmation: { complete: false } },
    'where nothing is new, all of it',
  )
  const dry = await call('POST', '/v1/revocations', { json: { loginIds, wait: true, dryRun: true } })
  t.equal(dry.body.confirmation, undefined)
  for (const waitSeconds of [0, 121, 1.5, '5']) {
    t.equal((await call('POST', '/v1/revocations', { json: { loginIds, wait: true, waitSeconds } })).status, 400)
  }
})

t.test('a store that cannot be asked who has it does not make a revocation look failed', async (t) => {
  const { call, ports, publisher, isRevoked } = await withAdmin(t)
  const confirmed = async () => {
    throw new GatewayError('store_unavailable', 'Cannot reach the store')
  }
  Object.assign(ports, { publisher: { ...publisher, confirmed } })
  const done = await call('POST', '/v1/revocations', { json: { ...bySerial, wait: true } })
  t.match(done, {
    status: 200,
    body: { revoked: 1, confirmation: { complete: false, gateways: [], problem: /Cannot reach/ } },
  })
  t.ok(isRevoked(keyA1))
})

t.test('gateways: version, lag and age of each, and which one answers', async (t) => {
  const { call, store, reports } = await withAdmin(t)
  // What this one says of itself is the test's, too.
  await reports.stop()
  await call('POST', '/v1/revocations', { json: bySerial })
  const { version } = await store.position()
  await store.reportGateway(report('a', version))
  await store.reportGateway(report('b', version - 1))
  await store.reportGateway(report('c', version, { state: 'stale', dataAgeMs: null }))
  await store.reportGateway(report('d', version + 5, { gatewayId: reports.gatewayId }))
  const { status, body } = await call('GET', '/v1/gateways')
  t.equal(status, 200)
  t.match(body, {
    storeVersion: version,
    gateways: [
      { name: 'a', own: false, version, lagVersions: 0, behind: false, dataAgeSeconds: 1.2, programVersion: '0.1.0' },
      { name: 'b', version: version - 1, lagVersions: 1, behind: true },
      { name: 'c', state: 'stale', lagVersions: 0, behind: true, dataAgeSeconds: null },
      { name: 'd', own: true, lagVersions: 0, behind: false },
    ],
  })
  t.ok((body.gateways as { reportedSecondsAgo: number }[]).every(({ reportedSecondsAgo }) => reportedSecondsAgo < 5))
  t.equal((await call('GET', '/v1/gateways?x=1')).status, 400)
})

t.test('the status tells of rules, comparisons and the snapshot', async (t) => {
  const { call, reports, follower } = await withAdmin(t)
  await call('POST', rules, { json: range })
  t.match((await call('GET', '/v1/status')).body, {
    gatewayId: reports.gatewayId,
    state: 'live',
    rules: 1,
    unrecorded: 0,
    reconcile: { running: false, missingInStore: 0, unknownHere: 0, unreadable: 0 },
    snapshot: null,
  })
  const status = follower.status()
  let lastEndedAgoMs: number | undefined
  // Reports of the gateway ask it too, at any time.
  follower.status = () => ({
    ...status,
    unrecorded: -2,
    reconcile: { ...status.reconcile, runs: 3, lastEndedAgoMs },
    snapshot: { ageMs: 2_000, entries: 7, bytes: 300, lastFault: undefined },
  })
  t.match((await call('GET', '/v1/status')).body, { reconcile: { lastEndedSecondsAgo: null } })
  lastEndedAgoMs = 1_250
  t.match((await call('GET', '/v1/status')).body, {
    unrecorded: -2,
    reconcile: { runs: 3, lastEndedSecondsAgo: 1.3 },
    snapshot: { ageSeconds: 2, entries: 7, bytes: 300, lastFault: null },
  })
})
