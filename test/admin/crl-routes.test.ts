// Goal: operators see the CRLs of other CAs, have them looked at and hand one in, if they may, and nothing is left of what they send.
// Method: a real door on loopback, a desk that reads files with openssl, lists that were signed, and raw TLS for senders that stop.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { request as startRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { OperatorRole } from '../../src/admin/operator.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { pemOf } from '../../src/x509/pem.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { signingCa } from '../lifecycle/fake-lifecycle.ts'
import { FakeCrlDesk } from './fake-crl-desk.ts'
import { type AdminOptions, type CallOptions, operators, serverCa, withAdmin } from './with-admin.ts'

const nowMs = Date.parse('2027-03-01T00:00:00Z')
const other = createTestCa({ commonName: 'other' })
const list = Buffer.from(crlOf(other, nowMs, { number: 7, serials: ['1a', '2b', '3c'] }))
const crlType = { 'Content-Type': 'application/pkix-crl' }
const importPath = '/v1/crls/import?issuer=signing-ca'
const bytesMax = 4_096

async function withDesk(t: Test, options: AdminOptions = {}) {
  const desk = new FakeCrlDesk('signing-ca')
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-crl-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const admin = await withAdmin(t, { crls: desk, crlUploads: { folder, bytesMax: () => bytesMax }, ...options })
  const send = (body: Uint8Array, call: CallOptions & { path?: string } = {}) =>
    admin.call('POST', call.path ?? importPath, { headers: crlType, body, ...call })
  return { ...admin, desk, folder, left: () => readdirSync(folder), send }
}

t.test('every list with its state; what is not known is left out', async (t) => {
  const { call, desk } = await withDesk(t)
  const before = await call('GET', '/v1/crls')
  t.match(before, { status: 200 })
  t.strictSame(before.body, { crls: [{ issuer: 'signing-ca', list: 'crl' }] })
  desk.found = {
    ...{ place: 'http://127.0.0.1/x.crl', number: '12', entries: 3, thisUpdateMs: nowMs, nextUpdateMs: nowMs + 1 },
    ...{ lookedAtMs: nowMs, result: 'rolled_back', fault: 'its number 11 is below 12' },
  }
  await desk.lookNow()
  t.strictSame((await call('GET', '/v1/crls')).body, {
    crls: [
      {
        ...{ issuer: 'signing-ca', list: 'crl', place: 'http://127.0.0.1/x.crl', number: '12', entries: 3 },
        ...{ thisUpdate: '2027-03-01T00:00:00.000Z', nextUpdate: '2027-03-01T00:00:00.001Z' },
        ...{ lookedAt: '2027-03-01T00:00:00.000Z', result: 'rolled_back', fault: 'its number 11 is below 12' },
      },
    ],
  })
})

t.test('who may: each role reads or is refused, and only security looks and hands in', async (t) => {
  const { call, send, desk, audited } = await withDesk(t)
  const statusOf = async (role: OperatorRole) => {
    const certificate = operators[role]
    const read = await call('GET', '/v1/crls', { certificate })
    const look = await call('POST', '/v1/crls/look', { certificate, json: {} })
    const sent = await send(list, { certificate })
    return [read.status, look.status, sent.status]
  }
  t.same(await statusOf('branch'), [403, 403, 403])
  t.same(await statusOf('helpdesk'), [200, 403, 403])
  t.same(await statusOf('auditor'), [200, 403, 403])
  t.same([desk.looks, desk.imports], [[], []])
  t.equal(audited.filter(({ event }) => event === 'operator_refused').length, 7)
  t.same(await statusOf('security'), [200, 200, 200])
})

t.test('a look at the lists of one issuer, or of all, says who asked', async (t) => {
  const { call, desk, audited } = await withDesk(t)
  desk.found = { result: 'applied', number: '1', entries: 9 }
  const one = await call('POST', '/v1/crls/look', { json: { issuer: 'signing-ca' } })
  t.match(one, { status: 200, body: { crls: [{ issuer: 'signing-ca', list: 'crl', result: 'applied', entries: 9 }] } })
  t.match(await call('POST', '/v1/crls/look', { json: { issuer: signingCa.issuerId } }), { status: 200 })
  t.match(await call('POST', '/v1/crls/look', { json: {} }), { status: 200 })
  t.same(desk.looks, ['signing-ca', 'signing-ca', undefined])
  const [first, , all] = audited
  t.match(first, {
    event: 'crl_look_requested',
    actor: { kind: 'operator', name: 'sato.hanako' },
    target: { kind: 'issuer', name: 'signing-ca' },
    requestId: one.headers['sekisho-request-id'],
    detail: { role: 'security' },
  })
  t.equal(all?.target, undefined)
  t.match(await call('POST', '/v1/crls/look', { json: { issuer: 'nobody' } }), {
    status: 400,
    body: { code: 'admin_request_invalid', path: 'issuer', detail: /signing-ca.*"nobody"/ },
  })
  t.match(await call('POST', '/v1/crls/look', { json: { issuers: [] } }), { status: 400 })
  t.equal(audited.length, 3)
})

t.test(
  'a list that is handed in: a dry run, then all of it, in DER and in PEM, and nothing is left of it',
  async (t) => {
    const { send, desk, left } = await withDesk(t)
    const dry = await send(list, { path: `${importPath}&dryRun=true` })
    const facts = { issuer: 'signing-ca', number: '7', isDelta: false, entries: 3, connectionsCut: 0 }
    const times = { thisUpdate: '2027-02-28T23:00:00.000Z', nextUpdate: '2027-03-02T00:00:00.000Z' }
    t.equal(dry.status, 200)
    t.match(dry.body, { ...facts, ...times, dryRun: true, revoked: 3, alreadyRevoked: 0 })
    t.match((await send(list)).body, { ...facts, dryRun: false, revoked: 3, alreadyRevoked: 0 })
    const pem = Buffer.from(pemOf(list, 'X509 CRL'))
    const headers = { 'Content-Type': 'application/octet-stream' }
    t.match((await send(pem, { headers })).body, { ...facts, revoked: 0, alreadyRevoked: 3 })
    const [first, , third] = desk.imports
    t.strictSame(first?.bytes, list)
    t.strictSame(third?.bytes, pem)
    t.match(first?.request.actor, {
      name: 'sato.hanako',
      role: 'security',
      requestId: dry.headers['sekisho-request-id'],
    })
    t.strictSame(left(), [])
  },
)

t.test('what the desk refuses is told, and nothing is left of it', async (t) => {
  const { send, desk, left } = await withDesk(t)
  t.match(await send(Buffer.from('no list')), { status: 400, body: { code: 'crl_unreadable', detail: /not DER/ } })
  const refusals = [
    [new GatewayError('crl_refused', 'Cannot take the CRL as its signature is wrong'), 409],
    [new GatewayError('store_unavailable', 'Cannot reach the store'), 503],
  ] as const
  for (const [failure, status] of refusals) {
    desk.failure = failure
    t.match(await send(list), { status, body: { code: failure.code, detail: failure.message } })
  }
  desk.failure = undefined
  t.match(await send(list), { status: 200 })
  t.strictSame(left(), [])
})

t.test('requests that name no issuer, another type or no body are refused before anything is kept', async (t) => {
  const { send, desk, left } = await withDesk(t)
  const refused = { status: 400, body: { code: 'admin_request_invalid' } }
  t.match(await send(list, { path: '/v1/crls/import' }), refused)
  t.match(await send(list, { path: '/v1/crls/import?issuer=nobody' }), { ...refused, body: { path: 'issuer' } })
  t.match(await send(list, { path: `${importPath}&dryRun=maybe` }), refused)
  t.match(await send(list, { headers: { 'Content-Type': 'text/plain' } }), { ...refused, body: { detail: /pkix-crl/ } })
  t.match(await send(Buffer.alloc(0)), { ...refused, body: { detail: /it is empty/ } })
  t.same([desk.imports, left()], [[], []])
})

t.test('a body beyond the bound is refused, whether it says so or not; one at the bound is read', async (t) => {
  const { send, port, desk, left } = await withDesk(t)
  t.match(await send(randomBytes(bytesMax)), { status: 400, body: { code: 'crl_unreadable' } })
  t.equal(desk.imports.length, 1)
  const tooLarge = { status: 413, body: { code: 'body_too_large', detail: /above 4096 bytes/ } }
  t.match(await send(randomBytes(bytesMax + 1)), tooLarge)
  t.match(await send(randomBytes(1_000_000)), tooLarge)
  const { request, answer } = begin(port)
  request.write(randomBytes(bytesMax))
  request.write(randomBytes(1))
  t.equal(await answer, 413, 'before the sender has ended')
  request.destroy()
  t.same([desk.imports.length, left()], [1, []])
})

t.test('a body that stops coming, and a sender that goes away, leave nothing', async (t) => {
  const { port, desk, left, lines } = await withDesk(t, { timeouts: { idleMs: 150 } })
  const silent = begin(port)
  silent.request.write(list.subarray(0, 50))
  t.equal(await silent.answer, 400)
  silent.request.destroy()
  const gone = begin(port)
  gone.answer.catch(() => {})
  gone.request.write(list.subarray(0, 50))
  while (left().length === 0) await new Promise(setImmediate)
  gone.request.destroy()
  while (left().length > 0) await new Promise(setImmediate)
  t.same([desk.imports, lines], [[], []])
})

t.test('a list that comes slowly is taken', async (t) => {
  const { port, desk } = await withDesk(t, { timeouts: { idleMs: 5_000, requestMs: 50 } })
  const { request, answer } = begin(port)
  // Longer than a request may take that has to come whole.
  for (const byte of list.subarray(0, 8)) {
    request.write(Buffer.of(byte))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  request.end(list.subarray(8))
  t.equal(await answer, 200)
  t.strictSame(desk.imports[0]?.bytes, list)
})

t.test('what a process that ended has left is taken away, and nothing else', async (t) => {
  const { folder, send, desk, left } = await withDesk(t)
  for (const name of ['upload-old', 'upload-new', 'other']) mkdirSync(join(folder, name))
  for (const name of ['upload-old', 'other']) utimesSync(join(folder, name), 1_000, 1_000)
  t.match(await send(list), { status: 200 })
  t.same(left().sort(), ['other', 'upload-new'])
  t.equal(dirname(dirname(desk.imports[0]?.file ?? '')), folder)
})

t.test('a gateway that takes no lists says so', async (t) => {
  const { call } = await withAdmin(t)
  t.strictSame((await call('GET', '/v1/crls')).body, { crls: [] })
  const refused = { status: 404, body: { code: 'admin_not_found', detail: /takes none/ } }
  t.match(await call('POST', '/v1/crls/look', { json: {} }), refused)
  t.match(await call('POST', importPath, { headers: crlType, body: list }), refused)
})

/** A request whose body is written by the test; `answer` is its status. */
function begin(port: number) {
  const { chainPem: cert, keyPem: key } = operators.security
  const ca = serverCa.certificatePem
  const target = { host: '127.0.0.1', port, path: importPath, method: 'POST', headers: crlType }
  const { promise: answer, resolve, reject } = Promise.withResolvers<number>()
  const request = startRequest({ ...target, ca, cert, key, agent: false }, (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  request.on('error', reject)
  return { request, answer }
}
