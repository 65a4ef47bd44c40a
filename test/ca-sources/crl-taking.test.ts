// Goal: what a good list names is revoked, with reason, comment and record; what it does not name stays; a list that has not changed costs
// nothing. Method: a real store, index and publisher; lists over real HTTP and in files.
import { readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { pemOf } from '../../src/x509/pem.ts'
import { eventually } from '../helpers/eventually.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { file, listOf, startCrlGateway, startCrlServer, url } from './crl-setting.ts'

const nowMs = systemClock.nowMs()

t.test('a list from a URL revokes what it names and nobody else', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(`${server.url}/branch.crl`)] })] })
  const { ca, keyOf, store, sources, audited } = gateway
  await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'user01', contractId: 'shoji', role: 'general' })
  await store.upsertCertificate({ key: keyOf('a1'), loginId: 'user01', notBeforeMs: 0, notAfterMs: nowMs * 2 })
  server.give(
    crlOf(ca, nowMs, {
      number: 42,
      entries: [{ serial: 'a1', reasonCode: 1 }, { serial: 'a2', reasonCode: 6 }, { serial: 'a3' }],
    }),
    '"42"',
  )
  t.match(await sources.lookNow(), [
    { issuer: 'branch', list: 'crl', number: '42', entries: 3, result: 'applied', fault: undefined },
  ])
  t.ok(gateway.isListed('a1') && gateway.isListed('a2') && gateway.isListed('a3'))
  t.notOk(gateway.isListed('a4'))
  t.match((await store.revocation(keyOf('a1')))?.revocation, {
    loginId: 'user01',
    reason: 'keyCompromise',
    comment: 'CRL 42 of branch/crl',
    actor: 'crl:branch',
  })
  t.match((await store.revocation(keyOf('a2')))?.revocation, {
    reason: 'unspecified',
    comment: 'CRL 42 of branch/crl (certificateHold)',
  })
  t.match(audited, [
    { event: 'certificates_revoked', actor: { kind: 'gateway', name: 'crl:branch' }, detail: { serials1: 'a1' } },
    { event: 'certificates_revoked', detail: { serials1: 'a2' } },
    { event: 'certificates_revoked', detail: { serials1: 'a3' } },
    {
      event: 'crl_applied',
      target: { kind: 'issuer', name: 'branch' },
      detail: { number: '42', entries: 3, revoked: 3, kind: 'complete', place: `${server.url}/branch.crl` },
    },
  ])
  t.match(server.requests[0]?.headers, { 'accept-encoding': 'identity' })
  t.strictSame(readdirSync(join(gateway.stateFolder, 'crl')), [], 'nothing is left of the transfer')
})

t.test('a list that has not changed is not transferred, and one with one more entry posts that one', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(server.url)] })] })
  const { ca, sources, posted, looks } = gateway
  const serials = Array.from({ length: 2_500 }, (_, at) => (at + 0x1000).toString(16))
  server.give(crlOf(ca, nowMs, { number: 1, serials }), '"1"')
  await sources.lookNow()
  t.equal(posted.length, 2_500)
  await sources.lookNow()
  t.equal(server.requests[1]?.headers['if-none-match'], '"1"')
  server.give(crlOf(ca, nowMs, { number: 2, serials: [...serials, 'ff1'] }))
  await sources.lookNow()
  t.strictSame(posted.slice(2_500), ['ff1'], 'what is known is not posted')
  await sources.lookNow()
  t.equal(server.requests[3]?.headers['if-none-match'], undefined)
  t.equal(posted.length, 2_501, 'the same bytes again')
  t.strictSame(
    looks,
    ['applied', 'unchanged', 'applied', 'unchanged'].map((result) => `branch/crl ${result}`),
  )
})

t.test('a validator of another place is not sent', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(`${server.url}/one`)] })] })
  server.give(crlOf(gateway.ca, nowMs, { number: 1, serials: ['a1'] }), '"1"')
  await gateway.sources.lookNow()
  gateway.reload([listOf({ from: [url(`${server.url}/two`)] })])
  await gateway.sources.lookNow()
  t.equal(server.requests[1]?.headers['if-none-match'], undefined)
  await gateway.sources.lookNow()
  t.equal(server.requests[2]?.headers['if-none-match'], '"1"', 'the place is the one of before now')
})

t.test('files: DER, PEM, and one that another takes the place of', async (t) => {
  const path = join(t.testdir(), 'branch.crl')
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [file(path)], pollSeconds: 0.02 })] })
  const { ca, sources } = gateway
  const first = crlOf(ca, nowMs, { number: 1, serials: ['a1'] })
  writeFileSync(path, first)
  sources.start()
  await eventually(
    () => sources.status(),
    ([list]) => list?.number === '1',
  )
  writeFileSync(path, pemOf(first, 'X509 CRL'))
  writeFileSync(`${path}.new`, crlOf(ca, nowMs, { number: 2, serials: ['a1', 'a2'] }))
  renameSync(`${path}.new`, path)
  await eventually(
    () => sources.status(),
    ([list]) => list?.number === '2',
  )
  t.ok(gateway.isListed('a2'))
  t.strictSame(gateway.posted, ['a1', 'a2'])
  t.strictSame(
    gateway.audited.filter(({ event }) => event === 'crl_refused'),
    [],
  )
})

t.test('the same list as PEM is the same list', async (t) => {
  const path = join(t.testdir(), 'branch.crl')
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [file(path)] })] })
  const list = crlOf(gateway.ca, nowMs, { number: 1, serials: ['a1'] })
  writeFileSync(path, list)
  t.match(await gateway.sources.lookNow(), [{ result: 'applied' }])
  writeFileSync(path, pemOf(list, 'X509 CRL'))
  t.match(await gateway.sources.lookNow(), [{ result: 'unchanged' }])
})

t.test('the first place that gives a usable list counts, and the fault of the other is told', async (t) => {
  const server = await startCrlServer(t)
  const path = join(t.testdir(), 'branch.crl')
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [file(path), url(server.url)] })] })
  server.give(crlOf(gateway.ca, nowMs, { number: 1, serials: ['a1'] }))
  const [status] = await gateway.sources.lookNow()
  t.match(status, { result: 'applied', place: server.url, fault: /ENOENT/ })
  t.ok(gateway.isListed('a1'))
  t.equal(gateway.lines.filter((line) => line.startsWith('warn ')).length, 1)
  await gateway.sources.lookNow()
  t.equal(gateway.lines.filter((line) => line.startsWith('warn ')).length, 1, 'told once')
})

t.test('an issuer without lists is no fault, and an unknown one is', async (t) => {
  const { sources } = await startCrlGateway(t)
  t.strictSame(await sources.lookNow('branch'), [])
  t.strictSame(await sources.status(), [])
  await t.rejects(sources.lookNow('nobody'), { code: 'admin_not_found' })
})

t.test('what was restored by hand is revoked again with the next list that names it', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(server.url)] })] })
  server.give(crlOf(gateway.ca, nowMs, { number: 1, serials: ['a1'] }), '"1"')
  await gateway.sources.lookNow()
  await gateway.publisher.restore(gateway.keyOf('a1'), { name: 'sato', role: 'security', requestId: 'r' })
  await gateway.sources.lookNow()
  t.notOk(gateway.isListed('a1'), 'the list is the one from before')
  server.give(crlOf(gateway.ca, nowMs, { number: 2, serials: ['a1'] }), '"2"')
  await gateway.sources.lookNow()
  t.ok(gateway.isListed('a1'))
})

t.test('reload: a new list begins, one that is gone ends, one at another place is looked at soon', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t)
  const { ca, sources, looks, reload } = gateway
  server.answer = ({ url: path }, response) =>
    void response.end(crlOf(ca, nowMs, { number: path === '/b' ? 2 : 1, serials: [path === '/b' ? 'b1' : 'a1'] }))
  sources.start()
  reload([listOf({ from: [url(`${server.url}/a`)] })])
  await eventually(
    () => looks.length,
    (count) => count === 1,
  )
  t.ok(gateway.isListed('a1'))
  reload([listOf({ from: [url(`${server.url}/b`)] })])
  await eventually(
    () => looks.length,
    (count) => count === 2,
  )
  t.ok(gateway.isListed('b1') && gateway.isListed('a1'))
  reload([])
  t.strictSame(await sources.status(), [])
  t.strictSame(await sources.lookNow(), [])
  t.ok(gateway.isListed('a1'), 'what was revoked stays')
  t.equal(looks.length, 2)
})
