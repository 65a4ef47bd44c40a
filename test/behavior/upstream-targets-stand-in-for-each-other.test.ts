// Goal: with several targets a failing one costs nobody a request that can be saved, nothing is done twice, and the load goes where
// there is room. Method: real applications that hold, die, refuse, stay silent and come back, behind one gateway each.
import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { startDeafListener } from '../helpers/faults/deaf-listener.ts'
import { reset } from '../helpers/faults/reset.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { type AppRequest, echo, plainAnswer, TestUpstream } from '../helpers/upstream.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

const issuingCa = createTestCa({ commonName: 'test-issuing-ca' })
const users = Array.from({ length: 12 }, (_, at) => issuingCa.issueClient({ commonName: `user${at}` }))
const json = 'Accept: application/json\r\n'

/** A gateway before these ports, with one upstream of this configuration. */
async function start(t: Test, ports: readonly number[], upstream: object = {}): Promise<RunningGateway> {
  const gateway = await withGateway({
    upstreamPort: 0,
    issuingCa,
    config: {
      upstream: { targets: ports.map((port) => ({ url: `http://127.0.0.1:${port}` })), slowStartMs: 0, ...upstream },
    },
  })
  t.teardown(() => gateway.stop())
  return gateway
}

async function startApps(t: Test, count: number): Promise<TestUpstream[]> {
  const apps = await Promise.all(Array.from({ length: count }, () => TestUpstream.start()))
  t.teardown(async () => {
    for (const app of apps) await app.stop()
  })
  return apps
}

/** A port that refuses connections. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const connect = (gateway: RunningGateway, user = 0) => {
  const certificate = users[user]
  return RawClient.connect(gateway, certificate && { certificate })
}

const statuses = async (client: RawClient, count: number, path = '/x') => {
  const found: number[] = []
  for (let at = 0; at < count; at++) found.push((await client.get(path, json).answer()).status)
  return found
}

const all = (status: number, count: number) => Array.from({ length: count }, () => status)
const targetState = (gateway: RunningGateway, port: number, state: string) =>
  gateway.metric('sekisho_upstream_target_state', { upstream: 'app', target: `127.0.0.1:${port}`, state })

t.test('requests go where the fewest are in progress', async (t) => {
  const [first, second] = (await startApps(t, 2)) as [TestUpstream, TestUpstream]
  const gateway = await start(t, [first.port, second.port])
  const held: AppRequest[] = []
  for (const app of [first, second]) app.handle('/held', (request) => held.push(request))
  const clients = await Promise.all(users.slice(0, 4).map((_, user) => connect(gateway, user)))
  for (const client of clients) client.get('/held')
  await eventually(
    () => held.length,
    (count) => count === 4,
  )
  t.same(
    [first, second].map((app) => app.requestsFor('/held').length),
    [2, 2],
  )
  // One target answers what it holds; the other one is still busy with two.
  for (const { socket } of first.requestsFor('/held')) socket.write(plainAnswer('done'))
  const client = await connect(gateway, 5)
  t.same(await statuses(client, 6), all(200, 6))
  t.same(
    [first, second].map((app) => app.requestsFor('/x').length),
    [6, 0],
  )
  for (const { socket } of second.requestsFor('/held')) socket.write(plainAnswer('done'))
  for (const each of clients) t.equal((await each.answer()).text, 'done')
  for (const each of [client, ...clients]) each.close()
})

t.test('a target that refuses connections costs nobody a request, and is left out', async (t) => {
  const [app] = (await startApps(t, 1)) as [TestUpstream]
  const dead = await closedPort()
  const gateway = await start(t, [dead, app.port], { ejection: { failures: 3, durationMs: 60_000 } })
  // Each request takes a new connection.
  app.handle('/x', ({ method, body, socket }) => {
    body.then((bytes) => {
      const text = JSON.stringify({ method, body: bytes.toString() })
      socket.end(plainAnswer(text, 'Connection: close\r\n'))
    })
  })
  const client = await connect(gateway)
  for (let at = 0; at < 6; at++) {
    const body = `body ${at}`
    client.send(`POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const answer = await client.answer()
    t.match(JSON.parse(answer.text), { method: 'POST', body }, 'with its body, which had not left')
  }
  t.equal(app.requestsFor('/x').length, 6)
  t.equal(await targetState(gateway, dead, 'ejected'), 1)
  t.equal(await targetState(gateway, app.port, 'available'), 1)
  t.equal(await gateway.metric('sekisho_upstream_ejections_total', { target: `127.0.0.1:${dead}` }), 1)
  t.equal(await gateway.metric('sekisho_upstream_failures_total', { fault: 'upstream_connect_failed' }), 3)
  client.close()
})

t.test('a target that does not answer to connecting is given up in time, for another', async (t) => {
  const [app] = (await startApps(t, 1)) as [TestUpstream]
  const deaf = await startDeafListener()
  t.teardown(() => deaf.stop())
  const gateway = await start(t, [deaf.port, app.port], {
    connectTimeoutMs: 150,
    ejection: { failures: 2, durationMs: 60_000 },
  })
  app.handle('/x', (request) => {
    echo(request)
    request.body.then(() => request.socket.end())
  })
  const client = await connect(gateway)
  t.same(await statuses(client, 5), all(200, 5))
  t.equal(await targetState(gateway, deaf.port, 'ejected'), 1)
  t.equal(await gateway.metric('sekisho_upstream_failures_total', { fault: 'upstream_connect_timeout' }), 2)
  t.equal((await client.send(`PUT /y HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab`).answer()).status, 200)
  client.close()
})

t.test('where no target can be reached the last reason is told', async (t) => {
  const gateway = await start(t, [await closedPort(), await closedPort()])
  const client = await connect(gateway)
  for (let at = 0; at < 12; at++) {
    const answer = await client.get('/x', json).answer()
    t.same([answer.status, JSON.parse(answer.text).reason], [502, 'upstream_connect_failed'])
  }
  client.close()
})

t.test('when a target ends its kept connections, requests on them are sent again where that is harmless', async (t) => {
  const [first, second] = (await startApps(t, 2)) as [TestUpstream, TestUpstream]
  const gateway = await start(t, [first.port, second.port])
  const clients = await Promise.all(users.slice(0, 6).map((_, user) => connect(gateway, user)))
  const held: AppRequest[] = []
  for (const app of [first, second]) app.handle('/warm', (request) => held.push(request))
  for (const client of clients) client.get('/warm')
  await eventually(
    () => held.length,
    (count) => count === 6,
  )
  for (const { socket } of held) socket.write(plainAnswer('warm'))
  for (const client of clients) await client.answer()
  t.ok(first.requests.length > 0)
  const kept = new Set(held.map(({ socket }) => socket))
  first.handle('/get', (request) => (kept.has(request.socket) ? reset(request.socket) : echo(request)))
  const got = await Promise.all(clients.map((client) => client.get('/get', json).answer()))
  t.same(
    got.map(({ status }) => status),
    all(200, 6),
  )
  const resets = first.requestsFor('/get').filter(({ socket }) => kept.has(socket)).length
  t.ok(resets > 0)
  t.equal(await gateway.metric('sekisho_upstream_failures_total', { fault: 'upstream_reset' }), resets)
  for (const client of clients) client.close()
})

t.test('a request that may have changed something is not sent twice, to no target', async (t) => {
  const apps = await startApps(t, 2)
  const gateway = await start(
    t,
    apps.map(({ port }) => port),
  )
  for (const app of apps) app.handle('/pay', ({ body, socket }) => void body.then(() => reset(socket)))
  const client = await connect(gateway)
  t.same(await statuses(client, 4), all(200, 4), 'each target has a kept connection')
  let sent = 0
  for (const request of [
    'POST /pay HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST /pay HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab',
    'PUT /pay HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
    'PATCH /pay HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ]) {
    const answer = await client.send(request).answer()
    t.equal(answer.status, 502, request)
    sent++
    const arrived = apps.reduce((sum, app) => sum + app.requestsFor('/pay').length, 0)
    t.equal(arrived, sent, request)
  }
  client.close()
})

t.test('a target that answers nothing is left out after a few', async (t) => {
  const [silent, good] = (await startApps(t, 2)) as [TestUpstream, TestUpstream]
  silent.handle('/x', () => {})
  const gateway = await withGateway({
    upstreamPort: 0,
    issuingCa,
    config: {
      upstream: {
        targets: [silent, good].map(({ port }) => ({ url: `http://127.0.0.1:${port}` })),
        ejection: { failures: 2, durationMs: 60_000 },
      },
      limits: { upstreamResponseTimeoutMs: 150 },
    },
  })
  t.teardown(() => gateway.stop())
  const client = await connect(gateway)
  const found = await statuses(client, 10)
  t.same(found.toSorted(), [...all(200, 8), ...all(504, 2)], 'two were sent there and may have been heard')
  t.equal(await targetState(gateway, silent.port, 'ejected'), 1)
  client.close()
})

t.test('with affinity each user stays with one target, and moves only when it fails', async (t) => {
  const apps = await startApps(t, 3)
  const gateway = await start(
    t,
    apps.map(({ port }) => port),
    { affinity: 'loginId', ejection: { failures: 1, durationMs: 60_000 } },
  )
  /** Which application got each user's requests, asked on a new connection each time. */
  const homes = async (round: string) => {
    const found: number[] = []
    for (const user of users.keys()) {
      const path = `/${round}-${user}`
      const client = await connect(gateway, user)
      t.same(await statuses(client, 2, path), [200, 200])
      client.close()
      const reached = apps.flatMap((app, at) => (app.requestsFor(path).length > 0 ? [at] : []))
      t.equal(reached.length, 1, `${path}: one target for one user`)
      found.push(reached[0] ?? -1)
    }
    return found
  }
  const before = await homes('first')
  t.same(await homes('again'), before)
  t.ok(new Set(before).size > 1, 'users are spread')
  const lost = before[0] ?? 0
  await apps[lost]?.stop()
  const after = await homes('later')
  for (const [user, home] of before.entries()) {
    if (home === lost) t.not(after[user], lost)
    else t.equal(after[user], home, 'whose target works stays there')
  }
})

t.test('on the public door affinity goes by address', async (t) => {
  const apps = await startApps(t, 3)
  const gateway = await start(
    t,
    apps.map(({ port }) => port),
    { affinity: 'loginId' },
  )
  for (let at = 0; at < 6; at++) {
    const client = await RawClient.connect(gateway, { door: 'public' })
    t.equal((await client.get('/x').answer()).status, 200)
    client.close()
  }
  t.same(apps.map((app) => app.requestsFor('/x').length).toSorted(), [0, 0, 6])
})
