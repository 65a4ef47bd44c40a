// Goal: a bulk revocation is taken as it comes, told batch by batch, and what was told stays, whatever becomes of the connection.
// Method: a real door over a real store; a client that sends, waits, reads and goes away as the test says; short timeouts.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { eventually } from '../control-path/fake-gateway.ts'
import { issuerA, keyA1, keyA2, keyB1 } from '../store/contract.ts'
import { openBulk, serialEntries } from './bulk-client.ts'
import { operators, serverCa, withAdmin } from './with-admin.ts'

const path = '/v1/revocations/bulk'
const headers = { 'Content-Type': 'application/x-ndjson' }
const keyOf = (serial: number) => certificateKey(issuerA, serial.toString(16))
const bodyOf = (entries: readonly unknown[]) => entries.map((entry) => JSON.stringify(entry)).join('\n')

/** Lets the test stand between lifecycle and publisher. */
function intercept(ports: LifecyclePorts, publish: LifecyclePorts['publisher']['publish']): void {
  Object.assign(ports, { publisher: { ...ports.publisher, publish } })
}

/** Resolves when the server has noticed the end of the next connection that sends a request. */
function connectionEnds(t: Test): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const started = (message: unknown) => (message as { socket: Socket }).socket.on('close', resolve)
  subscribe('http.server.request.start', started)
  t.teardown(() => unsubscribe('http.server.request.start', started))
  return promise
}

t.test('progress after each batch and sums at the end, with everything in force', async (t) => {
  const { call, isRevoked, audited, ended } = await withAdmin(t)
  const answer = await call('POST', `${path}?reason=cACompromise&comment=x`, {
    body: bodyOf(serialEntries(1, 2_100)),
    headers,
  })
  t.equal(answer.status, 200)
  t.match(answer.headers, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  t.match(answer.items.slice(0, 2), [
    { line: 1_000, revoked: 1_000, rejected: [] },
    { line: 2_000, revoked: 2_000, rejected: [] },
  ])
  t.match(answer.body, { done: true, dryRun: false, line: 2_100, revoked: 2_100, alreadyRevoked: 0, rejectedCount: 0 })
  t.ok(isRevoked(keyOf(1)) && isRevoked(keyOf(2_100)))
  t.notOk(isRevoked(keyOf(2_101)))
  t.match(audited[0], {
    event: 'certificates_revoked',
    actor: { name: 'sato.hanako' },
    reason: 'cACompromise',
    requestId: answer.headers['sekisho-request-id'],
    detail: { comment: 'x', role: 'security' },
  })
  t.strictSame(ended, [[path, 200]])
  const again = await call('POST', path, { body: bodyOf(serialEntries(1, 2_100)), headers })
  t.match(again.body, { done: true, revoked: 0, alreadyRevoked: 2_100 })
})

t.test('an empty body is done at once', async (t) => {
  const { call } = await withAdmin(t)
  t.match(await call('POST', path, { headers }), { status: 200, body: { done: true, line: 0, revoked: 0 } })
})

t.test('a wrong entry ends the work at its line, though its sender goes on sending, or is skipped', async (t) => {
  const { port, call, isRevoked } = await withAdmin(t)
  const client = openBulk(t, port)
  client.send([...serialEntries(1, 1_500), { issuer: 'demo-issuing-ca', serial: '-7' }])
  t.match(await client.next(), { line: 1_000, revoked: 1_000 })
  client.send(serialEntries(10_000, 50_000))
  t.match(await client.next(), {
    done: false,
    line: 1_000,
    revoked: 1_000,
    rejectedCount: 1,
    rejected: [{ line: 1_501, field: 'serial', value: '-7', problem: /negative/ }],
    problem: { status: 400, code: 'admin_request_invalid', path: 'line 1501: serial', detail: /line 1501.*negative/ },
  })
  client.end()
  t.equal(await client.next(), undefined)
  t.ok(isRevoked(keyOf(1_000)))
  t.notOk(isRevoked(keyOf(1_001)) || isRevoked(keyOf(10_000)))

  const body = `{"issuer":"second-ca","serial":"1"}\n\n{"issuer":\n{"issuer":"demo-issuing-ca","serial":"2"}\n`
  const skipped = await call('POST', `${path}?onInvalid=skip`, { body, headers })
  t.match(skipped.items, [
    {
      line: 4,
      revoked: 1,
      alreadyRevoked: 1,
      rejectedCount: 1,
      rejected: [{ line: 3, field: '', value: '{"issuer":', problem: /as JSON/ }],
    },
    { done: true, line: 4, revoked: 1, alreadyRevoked: 1, rejectedCount: 1 },
  ])
  t.ok(isRevoked(keyB1) && isRevoked(keyA2))
})

t.test('entries that cannot be used are told with their field and value', async (t) => {
  const { call, isRevoked } = await withAdmin(t)
  const certificate = { issuer: 'demo-issuing-ca', serial: '1' }
  const cases: [unknown, string, string, RegExp][] = [
    [{ ...certificate, issuer: 'demo-ca' }, 'issuer', 'demo-ca', /demo-issuing-ca, second-ca/],
    [{ ...certificate, serial: '0' }, 'serial', '0', /zero/],
    [{ ...certificate, serial: 'ab'.repeat(21) }, 'serial', 'ab'.repeat(21), /20 octets/],
    [{ ...certificate, serial: 1 }, 'serial', '1', /string/],
    [{ ...certificate, reason: 'stolen' }, 'reason', 'stolen', /keyCompromise/],
    [{ ...certificate, reason: 'certificateHold' }, 'reason', 'certificateHold', /keyCompromise/],
    [{ ...certificate, comment: 'x'.repeat(1_001) }, 'comment', 'x'.repeat(100), /1000/],
    [{ ...certificate, name: 'n' }, 'name', 'n', /"name"/],
    [{ issuer: 'demo-issuing-ca' }, '', '{"issuer":"demo-issuing-ca"}', /must name issuer and serial/],
    [{ ...certificate, loginId: 'user01' }, '', /^\{/ as never, /must name issuer and serial, or loginId/],
    [{ loginId: 'user09' }, 'loginId', 'user09', /alike: user01/],
    [{ certificate: 'AAAA' }, 'certificate', 'AAAA', /read/],
    [{}, '', '{}', /must name/],
    [[], '', '[]', /object/],
    ['1', '', '1', /object/],
    [null, '', 'null', /object/],
  ]
  for (const [entry, field, value, problem] of cases) {
    const { status, body } = await call('POST', path, { body: bodyOf([entry]), headers })
    t.equal(status, 200, JSON.stringify(entry))
    t.match(body, { done: false, revoked: 0, rejected: [{ line: 1, field, value, problem }] }, JSON.stringify(entry))
  }
  t.notOk(isRevoked(keyA1))
})

t.test(
  'half a file, then a cut connection: what was told stays, the rest is not done, and it is no fault',
  async (t) => {
    const { port, ports, publisher, isRevoked, ended, lines, audited } = await withAdmin(t)
    const begun = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    let calls = 0
    intercept(ports, async (requests, actor) => {
      if (++calls === 2) {
        begun.resolve()
        await goOn.promise
      }
      return await publisher.publish(requests, actor)
    })
    const noticed = connectionEnds(t)
    const client = openBulk(t, port)
    client.send(serialEntries(1, 3_000))
    t.match(await client.next(), { line: 1_000, revoked: 1_000 })
    await begun.promise
    client.request.destroy()
    await noticed
    goOn.resolve()
    await eventually(() => ended.length > 0, 'the request to end')
    t.ok(isRevoked(keyOf(1_000)), 'told to be done')
    t.ok(isRevoked(keyOf(2_000)), 'the batch in progress is finished')
    t.notOk(isRevoked(keyOf(2_001)))
    t.equal(calls, 2)
    t.equal(
      audited.reduce((sum, { detail }) => sum + Number(detail?.count ?? 0), 0),
      2_000,
    )
    t.strictSame(lines, [])
  },
)

t.test('a long upload is not cut while it goes on; another request that takes as long is', async (t) => {
  const { port, isRevoked } = await withAdmin(t, { timeouts: { requestMs: 300, idleMs: 5_000, pauseMs: 200 } })
  const { chainPem: cert, keyPem: key } = operators.security
  const slow = connect({ host: '127.0.0.1', port, ca: serverCa.certificatePem, cert, key })
  slow.on('error', () => {})
  const cut = once(slow, 'close')
  slow.write(
    'POST /v1/revocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"login',
  )
  const client = openBulk(t, port)
  // Each progress comes 200 ms after the entries before it: together well above the limit of the other request.
  for (let serial = 1; serial <= 4; serial++) {
    client.send(serialEntries(serial, 1))
    t.match(await client.next(), { line: serial, revoked: serial })
  }
  await cut
  client.end()
  t.match(await client.next(), { done: true, revoked: 4 })
  t.ok(isRevoked(keyOf(4)))
})

t.test(
  'an upload that stops is given up after its own limit: before the first answer a problem, later the last object',
  async (t) => {
    const { port, isRevoked } = await withAdmin(t, { timeouts: { idleMs: 300, pauseMs: 100 } })
    const silent = openBulk(t, port)
    silent.request.flushHeaders()
    t.equal((await silent.response()).statusCode, 400)
    t.match(await silent.next(), { code: 'admin_request_invalid', detail: /nothing came for 0.3 seconds/ })
    const client = openBulk(t, port)
    client.send(serialEntries(1, 1))
    t.match(await client.next(), { line: 1, revoked: 1 })
    t.match(await client.next(), { done: false, line: 1, revoked: 1, problem: { detail: /nothing came/ } })
    t.ok(isRevoked(keyA1))
  },
)

t.test('a client that does not read its answer is given up as well', async (t) => {
  const { port, ended } = await withAdmin(t, { timeouts: { idleMs: 300 } })
  const client = openBulk(t, port, '?onInvalid=skip')
  client.send(Array.from({ length: 60_000 }, () => ({ serial: 'x'.repeat(90) })))
  await client.response()
  await eventually(() => ended.length > 0, 'the request to end')
  t.strictSame(ended, [[path, 200]])
})

t.test('a store that fails: at first an ordinary problem, later the last object, with what is done', async (t) => {
  const { call, ports, publisher, isRevoked, lines } = await withAdmin(t)
  let calls = 0
  intercept(ports, async (requests, actor) => {
    if (++calls > 1) throw new GatewayError('store_unavailable', 'Cannot reach the store')
    return await publisher.publish(requests, actor)
  })
  const body = bodyOf(serialEntries(1, 1_500))
  const later = await call('POST', path, { body, headers })
  t.match(later, {
    status: 200,
    items: [
      { line: 1_000, revoked: 1_000 },
      { done: false, line: 1_000, revoked: 1_000, problem: { code: 'store_unavailable', status: 503 } },
    ],
  })
  t.ok(isRevoked(keyOf(1_000)))
  const first = await call('POST', path, { body, headers })
  t.match(first, { status: 503, body: { code: 'store_unavailable' }, headers: { 'content-type': /problem/ } })
  t.equal(lines.length, 2, 'both are in the log')
  intercept(ports, async () => {
    throw new Error('SELECT secret')
  })
  const own = await call('POST', path, { body, headers })
  t.match(own, { status: 500, body: { code: 'internal' } })
  t.notMatch(JSON.stringify(own.body), /secret/)
})

t.test('requests that cannot be used are refused before anything is read', async (t) => {
  const { call, isRevoked } = await withAdmin(t)
  const body = bodyOf(serialEntries(1, 1))
  const json = { 'Content-Type': 'application/json' }
  t.match(await call('POST', path, { body, headers: json }), { status: 400, body: { detail: /x-ndjson/ } })
  for (const query of ['?onInvalid=ask', '?reason=stolen', '?waitSeconds=0', '?waitSeconds=121', '?dryRun=1', '?x=1']) {
    t.equal((await call('POST', `${path}${query}`, { body, headers })).status, 400, query)
  }
  const refused = await call('POST', path, { body, headers, certificate: operators.branch })
  t.match(refused, { status: 403, body: { code: 'admin_role_missing' } })
  const origin = { ...headers, Origin: 'https://evil.example' }
  t.equal((await call('POST', path, { body, headers: origin })).status, 400)
  t.notOk(isRevoked(keyA1))
})

t.test('whoever is refused in the middle of sending gets to read why, and is not reset', async (t) => {
  const { port } = await withAdmin(t)
  const { chainPem: cert, keyPem: key } = operators.branch
  const socket = connect({ host: '127.0.0.1', port, ca: serverCa.certificatePem, cert, key })
  const errors: unknown[] = []
  socket.on('error', (error) => void errors.push(error))
  const rest = Buffer.alloc(2_000_000, '\n')
  const head = ['Host: a', `Content-Type: ${headers['Content-Type']}`, `Content-Length: ${rest.length}`]
  socket.write(`POST ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(answer.toString(), /^HTTP\/1\.1 403 [\s\S]*Connection: close[\s\S]*admin_role_missing/)
  socket.resume()
  socket.write(rest)
  await once(socket, 'close')
  t.strictSame(errors, [])
  t.ok(socket.bytesWritten > rest.length)
})

t.test('a dry run changes nothing, and waiting tells which gateways have it', async (t) => {
  const { call, isRevoked, reports, store } = await withAdmin(t)
  const body = bodyOf(serialEntries(1, 2))
  const dry = await call('POST', `${path}?dryRun=true&wait=true`, { body, headers })
  t.match(dry.body, { done: true, dryRun: true, revoked: 2 })
  t.equal(dry.body.confirmation, undefined)
  t.notOk(isRevoked(keyA1))
  reports.start()
  const done = await call('POST', `${path}?wait=true&waitSeconds=10`, { body, headers })
  t.match(done.body, {
    done: true,
    revoked: 2,
    confirmation: { complete: true, gateways: [{ gatewayId: reports.gatewayId, confirmed: true }] },
  })
  t.equal(done.body.version, (await store.position()).version)
})
