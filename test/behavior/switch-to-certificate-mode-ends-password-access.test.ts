// Goal: R21, R22: when a contract is switched to certificate mode, what its users began with ID and password ends in every worker at
// once: WebSockets, streams, kept-alive connections, session cookies. Other contracts' users and visitors stay.
// Method: two workers, users of two contracts in password mode; the switch is written into the store as another process would.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { acceptWebSocket, plainAnswer, sendBytes, type UpgradedSide } from '../helpers/upstream.ts'
import { openTunnel, type WebSocketRoad, webSocketRoads } from '../helpers/web-socket.ts'
import { formLogin, openStoreOf, sessionOf, startPasswordSetting } from './password-setting.ts'
import { assertTalking, type Ends, untilEnded } from './websocket-ends.ts'

const { app, gateway } = await startPasswordSetting(t, {
  config: { workers: 2, limits: { webSocketsPerUserMax: 200, unauthenticatedPerAddressMax: 200 } },
})
const store = await openStoreOf(gateway)
t.teardown(() => store.close())

const setsSession = plainAnswer('in', 'Set-Cookie: BANKSESSION=plain; Path=/; HttpOnly; Secure\r\n')
app.answer('/login', setsSession)

let paths = 0
const newPath = () => `/path-${++paths}`

async function openSocket(over: WebSocketRoad, cookie: string): Promise<{ ends: Ends; worker: string }> {
  const path = newPath()
  const { promise, resolve } = Promise.withResolvers<UpgradedSide>()
  app.handle(path, acceptWebSocket(resolve))
  const tunnel = (await openTunnel(gateway, { over, door: 'public', path, headers: { cookie } })).listen()
  const side = await promise
  return { ends: { tunnel, side }, worker: workerOf(side.request.values('sekisho-request-id')[0]) }
}

const workerOf = (requestId: string | undefined) => (requestId ?? '').slice(0, 8)

/** One in each worker, at least. */
async function openSockets(over: WebSocketRoad, cookie: string): Promise<Ends[]> {
  const workers = new Set<string>()
  const all: Ends[] = []
  while (workers.size < 2) {
    if (all.length === 60) throw new Error('One worker had all')
    const { ends, worker } = await openSocket(over, cookie)
    workers.add(worker)
    all.push(ends)
  }
  return all
}

/** Cookies the application sees when a client sends these, on a connection of its own. */
async function seen(cookie: string): Promise<readonly string[]> {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const path = newPath()
  t.equal((await client.get(path, `Cookie: ${cookie}\r\n`).answer()).status, 200)
  client.close()
  return (await app.request(path)).values('cookie')
}

async function untilStatus(loginId: string, wanted: number): Promise<void> {
  await eventually(
    async () => {
      const client = await RawClient.connect(gateway, { door: 'public' })
      // The switch may cut the very connection that asks.
      const answer = await client
        .send(formLogin(loginId))
        .answer()
        .catch(() => undefined)
      client.close()
      return answer?.status
    },
    (status) => status === wanted,
  )
}

const cuts = (reason: string) => gateway.metric('sekisho_cuts_total', { door: 'public', reason })

/** What another contract's user and a visitor have open, and the proof that it stays. */
async function openTwins(): Promise<(t: Test) => Promise<void>> {
  const session = await sessionOf(gateway, 'pass03')
  const sockets = await openSockets('http/1.1', session)
  const http2 = await Http2Client.connect(gateway, { door: 'public' })
  const visitor = await RawClient.connect(gateway, { door: 'public' })
  t.equal((await http2.get('/x', { cookie: session })).status, 200)
  t.equal((await visitor.get('/x').answer()).status, 200)
  return async (t) => {
    for (const ends of sockets) await assertTalking(t, ends, 'the other contract’s WebSocket stays')
    t.equal((await http2.get('/x', { cookie: session })).status, 200, 'and its kept-alive connection')
    t.equal((await visitor.get('/x').answer()).status, 200, 'and a visitor’s')
    t.strictSame(await seen(session), ['BANKSESSION=plain'], 'and its session')
    for (const { tunnel } of sockets) tunnel.destroy()
    http2.close()
    visitor.close()
  }
}

t.test('R22: the switch ends what the contract’s users have open, in both workers, and nothing else', async (t) => {
  const session = await sessionOf(gateway, 'pass01')
  const sockets = (await Promise.all(webSocketRoads.map((over) => openSockets(over, session)))).flat()
  const idle = await RawClient.connect(gateway, { door: 'public' })
  t.equal((await idle.get('/idle', `Cookie: ${session}\r\n`).answer()).status, 200)
  const stream = await Http2Client.connect(gateway, { door: 'public' })
  const path = newPath()
  app.handle(path, sendBytes(1e12))
  stream.request({ ':path': path, cookie: session }).stream.on('data', () => {})
  await app.request(path)
  // Just logged in: its connection is known by the login itself.
  const fresh = await RawClient.connect(gateway, { door: 'public' })
  t.equal((await fresh.send(formLogin('pass02')).answer()).status, 200)
  const twinsStay = await openTwins()
  const before = (await cuts('login_method_mismatch')) ?? 0
  await store.setLoginMethod('yubin', 'certificate')
  await Promise.all(sockets.map(untilEnded))
  await Promise.all([idle.untilEnd(), fresh.untilEnd(), stream.closed])
  t.equal(await cuts('login_method_mismatch'), before + sockets.length + 3, 'each counted once')
  await twinsStay(t)
  await untilStatus('pass01', 403)
  await untilStatus('pass03', 200)
})

t.test('R22: the session cookie is dropped from then on, which is told once', async (t) => {
  await store.setLoginMethod('yubin', 'password')
  await untilStatus('pass01', 200)
  const session = await sessionOf(gateway, 'pass01')
  t.strictSame(await seen(`a=1; ${session}`), ['a=1; BANKSESSION=plain'])
  await store.setLoginMethod('yubin', 'certificate')
  await untilStatus('pass01', 403)
  for (let count = 0; count < 12; count++) t.strictSame(await seen(`a=1; ${session}`), ['a=1'])
  const told = () =>
    readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('cookie was dropped') && line.includes('pass01'))
  const lines = await eventually(told, (found) => found.length > 0)
  t.ok(lines.length <= 2, 'once for each worker')
  t.match(JSON.parse(lines[0] ?? '{}'), {
    event: 'login_refused',
    reason: 'login_method_mismatch',
    detail: { loginId: 'pass01' },
  })
  t.notMatch(lines.join(), /plain/)
})

t.test('R21: back in password mode its users log in again', async (t) => {
  await store.setLoginMethod('yubin', 'password')
  await untilStatus('pass01', 200)
  const session = await sessionOf(gateway, 'pass01')
  t.strictSame(await seen(session), ['BANKSESSION=plain'])
})

t.test('a suspended user loses password access; another one of the contract keeps it', async (t) => {
  const [suspended, stays] = [await sessionOf(gateway, 'pass01'), await sessionOf(gateway, 'pass02')]
  const cut = await openSockets('http/1.1', suspended)
  const kept = await openSockets('http/1.1', stays)
  await store.setSuspended('pass01', true)
  await Promise.all(cut.map(untilEnded))
  for (const ends of kept) await assertTalking(t, ends, 'the other user’s WebSocket stays')
  t.strictSame(await seen(suspended), [])
  t.strictSame(await seen(stays), ['BANKSESSION=plain'])
  for (const { tunnel } of kept) tunnel.destroy()
  await store.setSuspended('pass01', false)
  await untilStatus('pass01', 200)
})

t.test('an application that goes on with the cookie it gave before the login is followed', async (t) => {
  app.answer('/start', plainAnswer('form', 'Set-Cookie: BANKSESSION=early; HttpOnly; Secure\r\n'))
  app.answer('/login', plainAnswer('in'))
  const client = await RawClient.connect(gateway, { door: 'public' })
  const early = (await client.get('/start').answer()).value('set-cookie')?.split(';')[0] ?? ''
  t.match(early, /^BANKSESSION=s2\./)
  const answer = await client.send(formLogin('pass01', `Cookie: ${early}\r\n`)).answer()
  const set = answer.value('set-cookie') ?? ''
  t.match(set, /^BANKSESSION=s2\.[^;]+; HttpOnly; Secure; Path=\/$/, 'as it was set, where it was set')
  const session = set.split(';')[0] ?? ''
  t.strictSame(await seen(session), ['BANKSESSION=early'])
  const again = await client.send(formLogin('pass01', `Cookie: ${session}\r\n`)).answer()
  t.equal(again.value('set-cookie'), undefined, 'it belongs to the user already')
  const other = await client.send(formLogin('pass03', `Cookie: ${session}\r\n`)).answer()
  t.match(other.value('set-cookie'), /^BANKSESSION=s2\./, 'and then to the next')
  client.close()
  const next = other.value('set-cookie')?.split(';')[0] ?? ''
  await store.setLoginMethod('yubin', 'certificate')
  await untilStatus('pass01', 403)
  t.strictSame(await seen(session), [])
  t.strictSame(await seen(early), ['BANKSESSION=early'], 'nobody had logged in with it')
  t.strictSame(await seen(next), ['BANKSESSION=early'])
  await store.setLoginMethod('yubin', 'password')
  await untilStatus('pass01', 200)
  app.answer('/login', setsSession)
})

t.test('cookies of the answers to a logged-in user belong to that user too', async (t) => {
  const session = await sessionOf(gateway, 'pass01')
  app.answer('/rotate', plainAnswer('x', 'Set-Cookie: BANKSESSION=second; Path=/\r\n'))
  const client = await RawClient.connect(gateway, { door: 'public' })
  const second =
    (await client.get('/rotate', `Cookie: ${session}\r\n`).answer()).value('set-cookie')?.split(';')[0] ?? ''
  client.close()
  t.strictSame(await seen(second), ['BANKSESSION=second'])
  await store.setLoginMethod('yubin', 'certificate')
  await untilStatus('pass01', 403)
  t.strictSame(await seen(second), [])
})
