// Goal: whatever an application sends wrong, early, twice or not at all reaches no other request (response queue poisoning,
// CVE-2026-48931) and is never passed off as a whole answer.
// Method: a raw application plays each fault; the next request, and the upstream socket, are looked at.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { type AppRequest, plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const gateway = await withGateway({
  upstreamPort: app.port,
  // A client that stalls is not this file's subject, but must not hold it up for long either.
  config: { limits: { upstreamResponseTimeoutMs: 5_000 } },
})
const user01 = gateway.issuingCa.issueClient({ commonName: 'user01' })
const connect = () => RawClient.connect(gateway, { certificate: user01 })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

const destroyed = ({ socket }: AppRequest) => eventually(() => socket.destroyed, Boolean)

t.test('CVE-2026-48931: bytes behind an answer destroy the upstream connection', async (t) => {
  const client = await connect()
  app.answer('/surplus', `${plainAnswer('mine')}${plainAnswer('poison')}`)
  t.equal((await client.get('/surplus').answer()).text, 'mine')
  t.equal(JSON.parse((await client.get('/next').answer()).text).target, '/next')
  await destroyed(await app.request('/surplus'))
  t.not((await app.request('/next')).connection, (await app.request('/surplus')).connection)
  client.close()
})

t.test('CVE-2026-48931: bytes on an idle upstream connection destroy it', async (t) => {
  const client = await connect()
  t.equal((await client.get('/idle').answer()).status, 200)
  const idle = await app.request('/idle')
  idle.socket.write(plainAnswer('poison'))
  await destroyed(idle)
  t.equal(JSON.parse((await client.get('/next-idle').answer()).text).target, '/next-idle')
  client.close()
})

t.test('a body behind an answer to HEAD, or behind a 204 or 304, never becomes the next answer', async (t) => {
  for (const [path, status, method] of [
    ['/head-body', '200 OK', 'HEAD'],
    ['/204-body', '204 No Content', 'GET'],
    ['/304-body', '304 Not Modified', 'GET'],
  ] as const) {
    const client = await connect()
    app.answer(path, `HTTP/1.1 ${status}\r\nContent-Length: 6\r\n\r\npoison`)
    client.send(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await client.answer(method)
    t.equal(JSON.parse((await client.get(`/after${path}`).answer()).text).target, `/after${path}`)
    await destroyed(await app.request(path))
    client.close()
  }
})

t.test('an answer that breaks off ends the client connection abruptly', async (t) => {
  const cases: Record<string, string> = {
    '/cut-length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart',
    '/cut-chunked': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
    '/cut-last-chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n',
  }
  for (const [path, bytes] of Object.entries(cases)) {
    app.handle(path, ({ socket }) => void socket.end(bytes))
    const client = await connect()
    await t.rejects(client.get(path).answer(), /ended before/, path)
    t.notMatch(client.received.toString(), /0\r\n\r\n$/, 'no end of body is made up')
  }
  const reached = await gateway.metric('sekisho_upstream_failures_total', { fault: 'upstream_reset' })
  t.ok((reached ?? 0) >= 3)
})

t.test('a reset within a body that lasts until the end is no end', async (t) => {
  app.handle('/cut-until-close', ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\n\r\npart'))
  const client = await connect()
  t.equal((await client.get('/cut-until-close').head()).status, 200)
  t.equal((await client.bytes(9)).toString(), '4\r\npart\r\n')
  reset((await app.request('/cut-until-close')).socket)
  t.equal((await client.untilEnd()).toString(), '', 'the body is not ended')
})

t.test('an answer that is no HTTP is a 502 of ours', async (t) => {
  const cases: Record<string, string> = {
    '/bad-status': 'HTTP/1.1 2000 OK\r\n\r\n',
    '/bad-version': 'HTTP/2 200\r\n\r\n',
    '/bad-greeting': 'SSH-2.0-OpenSSH_9\r\n',
    '/bad-fold': 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n',
    '/bad-both': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
    '/bad-lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc',
    '/bad-te': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    '/bad-nul': 'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n',
    '/bad-101': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    '/bad-head': `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(40_000)}\r\n\r\n`,
    '/bad-interims': `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(17)}${plainAnswer('ok')}`,
  }
  for (const [path, bytes] of Object.entries(cases)) {
    app.answer(path, bytes)
    const client = await connect()
    const answer = await client.get(path, 'Accept: application/json\r\n').answer()
    t.equal(answer.status, 502, path)
    t.equal(JSON.parse(answer.text).reason, 'upstream_response_malformed', path)
    t.equal((await client.get('/after-502').answer()).status, 200, 'the client connection goes on')
    await destroyed(await app.request(path))
    client.close()
  }
})

t.test('bad chunks within an answer that has begun end the client connection', async (t) => {
  for (const [path, chunks] of Object.entries({
    '/bad-size': 'zz\r\n',
    '/bad-end': '2\r\nabXX',
    '/bad-trailer': '0\r\nContent-Length: 5\r\n\r\n',
  })) {
    app.handle(path, ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'))
    const client = await connect()
    t.equal((await client.get(path).head()).status, 200)
    const request = await app.request(path)
    request.socket.write(chunks)
    t.notMatch((await client.untilEnd()).toString(), /0\r\n\r\n/, path)
    await destroyed(request)
  }
})

t.test('sixteen interim answers still pass', async (t) => {
  app.answer('/interims', `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(16)}${plainAnswer('ok')}`)
  const client = await connect()
  const answer = await client.get('/interims').answer()
  t.equal(answer.interim.length, 16)
  t.equal(answer.text, 'ok')
  client.close()
})

t.test(
  'a kept upstream connection that dies under a request: sent once more where that is harmless, and only once',
  async (t) => {
    /** Gets an upstream connection used and idle, then makes the next request on it find it dead. */
    const dying = async (path: string, request: string) => {
      // Only one upstream connection is idle at a time here: the client is the only one.
      const client = await connect()
      app.handle(path, (received) => {
        if (app.requestsFor(path).length === 1) reset(received.socket)
        else received.body.then(() => received.socket.write(plainAnswer('second try')))
      })
      t.equal((await client.get('/warm').answer()).status, 200)
      const answer = await client.send(request).answer(request.split(' ')[0])
      client.close()
      return { answer, tries: app.requestsFor(path).length }
    }
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PUT']) {
      const path = `/dies-${method}`
      const { answer, tries } = await dying(path, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      t.equal(answer.status, 200, method)
      t.equal(tries, 2, method)
    }
    const post = await dying('/dies-post', 'POST /dies-post HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.equal(post.answer.status, 502, 'POST is not sent twice')
    t.equal(post.tries, 1)
    const body = await dying('/dies-body', 'PUT /dies-body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab')
    t.equal(body.answer.status, 502, 'nor is a request whose body is spent')
    t.equal(body.tries, 1)
  },
)

t.test('a second death is a 502', async (t) => {
  const client = await connect()
  app.handle('/dies-twice', ({ socket }) => reset(socket))
  t.equal((await client.get('/warm').answer()).status, 200)
  const answer = await client.get('/dies-twice', 'Accept: application/json\r\n').answer()
  t.equal(answer.status, 502)
  t.equal(JSON.parse(answer.text).reason, 'upstream_reset')
  t.equal(app.requestsFor('/dies-twice').length, 2)
  client.close()
})

t.test('a connection that dies after any byte of an answer is not tried again', async (t) => {
  const client = await connect()
  for (const [path, bytes] of Object.entries({
    '/dies-in-head': 'HTTP/1.1 2',
    '/dies-after-interim': 'HTTP/1.1 103 Early Hints\r\n\r\n',
  })) {
    app.handle(path, ({ socket }) => void socket.end(bytes))
    t.equal((await client.get('/warm').answer()).status, 200)
    t.equal((await client.get(path).answer()).status, 502, path)
    t.equal(app.requestsFor(path).length, 1, path)
  }
  client.close()
})

t.test('an application that is not there is a 502', async (t) => {
  const absent = await TestUpstream.start()
  await absent.stop()
  const other = await withGateway({ upstreamPort: absent.port, issuingCa: gateway.issuingCa })
  t.teardown(() => other.stop())
  const client = await RawClient.connect(other, { certificate: user01 })
  for (const request of [
    'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab',
  ]) {
    const answer = await client.send(request).answer()
    t.equal(answer.status, 502)
    t.match(answer.value('content-type'), /^text\/html/)
    t.match(answer.text, /<html lang="ja"/)
  }
  t.equal(await other.metric('sekisho_upstream_failures_total', { fault: 'upstream_connect_failed' }), 2)
})
