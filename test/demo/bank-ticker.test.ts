// Goal: the sample bank's exchange rate feed and echo are WebSockets for those the gateway let through, and for nobody else.
// Method: a real app on a free port, called as the gateway calls it, by the client of the `ws` package and by raw upgrades.
import { randomBytes } from 'node:crypto'
import { on, once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import t from 'tap'
import { WebSocket } from 'ws'
import { ratesAt } from '../../src/demo/bank-rates.ts'
import { tickerScript } from '../../src/demo/bank-scripts.ts'
import { app, call, fromCertificateDoor, fromPublicDoor, logIn, open, time } from './bank-client.ts'

t.teardown(() => app.close())

const host = 'bank.test:8443'

type Message = [data: Buffer, isBinary: boolean]

/** An open WebSocket and the messages it receives, each once. */
async function connect(path: string, headers: Record<string, string>) {
  const socket = new WebSocket(`ws://127.0.0.1:${app.port}${path}`, { headers: { Host: host, ...headers } })
  const messages = on(socket, 'message')
  await once(socket, 'open')
  return { socket, next: async () => (await messages.next()).value as Message }
}

/** Status of an upgrade, and the line of text with it where it was refused. */
async function tryUpgrade(path: string, headers: Record<string, string>): Promise<[status: number, text: string]> {
  const sent = httpRequest({
    host: '127.0.0.1',
    port: app.port,
    path,
    headers: {
      Host: host,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      ...headers,
    },
  })
  sent.end()
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  const [response] = await Promise.race([answered, once(sent, 'upgrade') as Promise<[IncomingMessage]>])
  if (response.statusCode === 101) {
    response.socket.destroy()
    return [101, '']
  }
  let text = ''
  for await (const chunk of response) text += chunk
  return [response.statusCode ?? 0, text.trim()]
}

t.test('rates come at each interval, with time, login ID and sequence number', async (t) => {
  const { socket, next } = await connect('/ticker', await fromCertificateDoor('user01'))
  const messages: unknown[] = []
  while (messages.length < 3) {
    const [data, isBinary] = await next()
    t.equal(isBinary, false)
    messages.push(JSON.parse(data.toString()))
  }
  const rates = ratesAt(time.nowMs)
  const message = { time: new Date(time.nowMs).toISOString(), loginId: 'user01', rates }
  t.strictSame(
    messages,
    [0, 1, 2].map((sequence) => ({ ...message, sequence })),
  )
  t.match(rates, [
    { currency: 'USD', yen: /^15\d\.\d\d$/ },
    { currency: 'EUR' },
    { currency: 'AUD' },
    { currency: 'CNY' },
  ])
  t.notSame(ratesAt(time.nowMs + 1_000), rates, 'they move')
  socket.ping('still there?')
  const [pong] = await once(socket, 'pong')
  t.equal(String(pong), 'still there?')
  socket.close()
  const [code] = await once(socket, 'close')
  t.equal(code, 1005)
})

t.test('echo gives messages back as they were sent, up to 16 MiB', async (t) => {
  const { socket, next } = await connect('/ticker/echo', await fromCertificateDoor('user01'))
  const big = randomBytes(16 * 1_024 * 1_024)
  for (const sent of [Buffer.from('テキスト'), Buffer.alloc(0), big]) {
    for (const binary of sent === big ? [true] : [true, false]) {
      socket.send(sent, { binary })
      const [data, isBinary] = await next()
      t.equal(isBinary, binary)
      t.ok(data.equals(sent), `${sent.length} bytes`)
    }
  }
  socket.send(Buffer.concat([big, Buffer.of(0)]))
  const [code] = await once(socket, 'close')
  t.equal(code, 1009, 'one byte more is too big')
})

t.test('what is sent faster than it is read comes back whole and in order', async (t) => {
  const { socket, next } = await connect('/ticker/echo', await fromCertificateDoor('user01'))
  const count = 400
  socket.pause()
  for (let i = 0; i < count; i++) socket.send(Buffer.alloc(10_000, i % 251))
  socket.resume()
  for (let i = 0; i < count; i++) {
    const [data] = await next()
    if (data.length !== 10_000 || data[0] !== i % 251) t.fail(`message ${i}`)
  }
  t.pass('all came')
  socket.terminate()
})

t.test('an upgrade is refused like a page: past the gateway, from another site, without a login', async (t) => {
  const good = await fromCertificateDoor('user01')
  const { 'Sekisho-Assertion': _, ...unsigned } = good
  const pageOf = (origin: string) => ({ ...good, Origin: origin })
  for (const path of ['/ticker', '/ticker/echo']) {
    const past = [403, 'This application answers its gateway only.']
    t.same(await tryUpgrade(path, unsigned), past)
    t.same(await tryUpgrade(path, { ...good, 'Sekisho-Login-Id': 'user02' }), past)
    t.same(await tryUpgrade(path, pageOf('https://evil.test')), [403, 'Another site sent this.'])
    t.same(await tryUpgrade(path, pageOf(`https://${host}`)), [101, ''])
    t.same(await tryUpgrade(path, await fromPublicDoor()), [403, 'Log in first.'])
    const foreign = { ...(await fromPublicDoor()), Cookie: await logIn('user01') }
    t.same(await tryUpgrade(path, foreign), [403, 'Log in first.'], 'a session of the other door is none')
  }
  t.same(await tryUpgrade('/', good), [404, 'No feed here.'])
  t.same(await tryUpgrade('/events', good), [404, 'No feed here.'])
})

t.test('a plain request for the feed is told what it takes, and other protocols are not changed to', async (t) => {
  const headers = await fromCertificateDoor('user01')
  const plain = await call({ path: '/ticker', headers })
  t.equal(plain.status, 426)
  t.equal(plain.headers.upgrade, 'websocket')
  const other = await call({ path: '/help', headers: { ...headers, Connection: 'Upgrade', Upgrade: 'h2c' } })
  t.equal(other.status, 200)
})

t.test('the top page has rates without script, and the script its policy allows', async (t) => {
  const identity = await fromCertificateDoor('user01')
  const page = await call({ path: '/', headers: { ...identity, Cookie: await logIn('user01') } })
  for (const { currency, yen } of ratesAt(time.nowMs)) t.match(page.text, `<span id="rate-${currency}">${yen}</span>`)
  const integrity = /<script src="\/ticker\.js" integrity="([^"]+)"><\/script>/.exec(page.text)?.[1] ?? 'none'
  const policy = String(page.headers['content-security-policy'])
  t.ok(policy.includes(`'${integrity}'`), policy)
  t.match(policy, "connect-src 'self'")
  const script = await call({ path: '/ticker.js', headers: identity })
  t.equal(script.headers['content-type'], 'text/javascript; charset=utf-8')
  t.equal(script.text, tickerScript)
  t.equal((await call({ path: '/ticker.js', headers: {} })).status, 403)
})

t.test('the bank ends with feeds open', async (t) => {
  const { socket } = await connect('/ticker', await fromCertificateDoor('user01'))
  const stream = await open({ path: '/events', headers: await fromCertificateDoor('user01') })
  stream.on('error', () => {})
  const closed = once(socket, 'close')
  await app.close()
  await closed
  t.equal(socket.readyState, socket.CLOSED)
})
