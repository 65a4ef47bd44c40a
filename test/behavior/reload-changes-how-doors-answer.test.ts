// Goal: what a configuration says of doors, limits and pages holds after a reload without a connection lost: for every next request
// on connections that are there, and, where it is about connections, for new ones.
// Method: one gateway with two workers that is reloaded for each field; the same kept connections look at it before and after.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { LiveClient } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { Http2Client } from '../helpers/http2-client.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { ReloadSetting } from './reload-setting.ts'

const setting = await ReloadSetting.start(t, { config: { workers: 2 } })
const { gateway } = setting
const port = gateway.ports.certificate
const certificate = setting.certificateOf('user01')
const serverCa = createTestCa({ commonName: 'next-server-ca' })
const kept = await setting.connect({ certificate })
const keptHttp2 = await Http2Client.connect(gateway, { certificate })

const statusOf = async (client: RawClient, host = 'localhost') =>
  (await client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).answer()).status

/** What the door shows to who asks for this name. */
async function shown(servername: string, alpn = ['http/1.1']) {
  const socket = connectTls({ host: '127.0.0.1', port, servername, rejectUnauthorized: false, ALPNProtocols: alpn })
  await once(socket, 'secureConnect')
  const { subjectaltname, issuer } = socket.getPeerCertificate()
  const { alpnProtocol } = socket
  socket.destroy()
  return { names: subjectaltname, issuer: issuer.CN, alpnProtocol }
}

const issue = (name: string, names: string[]) => {
  const { chainPem, keyPem } = serverCa.issueServer({ names })
  return { certificate: setting.write(`${name}.pem`, chainPem), key: setting.write(`${name}.key`, keyPem) }
}

t.test('a server certificate that is renewed in place, with another key', async (t) => {
  t.match(await shown('localhost'), { issuer: 'test-server-ca' })
  issue('server', ['localhost', '127.0.0.1'])
  const result = await setting.reload()
  t.match(result, { result: 'applied', connectionsCut: 0 })
  t.match(await shown('localhost'), { issuer: 'next-server-ca' })
  t.notMatch(JSON.stringify(result), /BEGIN/)
})

t.test('a host name is added, with a certificate of its own; and taken away', async (t) => {
  const doors = { ...gateway, serverCaPem: serverCa.certificatePem }
  const before = await RawClient.connect(doors, { certificate })
  t.equal(await statusOf(before, 'second.example'), 421)
  await setting.apply((config) => {
    config.doors.certificate[0].hostNames.push('second.example')
    config.doors.certificate[0].serverCertificates.push(issue('second', ['second.example']))
  })
  t.match(await shown('second.example'), { names: 'DNS:second.example' })
  t.match(await shown('localhost'), { names: /localhost/ })
  const second = await RawClient.connect(doors, { certificate, serverName: 'second.example' })
  t.equal(await statusOf(second, 'second.example'), 200)
  await setting.apply((config) => {
    config.doors.certificate[0].hostNames.pop()
    config.doors.certificate[0].serverCertificates.pop()
  })
  t.equal(await statusOf(second, 'second.example'), 421, 'on the connection it was asked for before')
  t.match(await shown('second.example'), { names: /localhost/ })
})

t.test('the largest body', async (t) => {
  const upload = (bytes: number) =>
    kept.send(`POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`).send(Buffer.alloc(bytes, 'a'))
  t.equal((await upload(2_000).answer()).status, 200)
  await setting.apply((config) => {
    config.limits = { bodyBytesMax: 1_000 }
  })
  t.equal((await keptHttp2.send('POST', '/', { body: Buffer.alloc(2_000, 'a') })).status, 413)
  t.equal((await upload(1_000).answer()).status, 200)
  await setting.apply((config) => {
    delete config.limits
  })
  t.equal((await upload(2_000).answer()).status, 200)
})

t.test('the time an idle connection is kept', async (t) => {
  const idle = await LiveClient.connect({ port, certificate })
  await idle.request()
  await setting.apply((config) => {
    config.limits = { keepAliveIdleTimeoutMs: 1_000 }
  })
  await idle.request()
  await idle.ended()
  await setting.apply((config) => {
    delete config.limits
  })
  t.pass('it ended long before the 75 seconds it had')
})
// The kept connections were idle too: they begin anew.

t.test('connections at the same time: those beyond a lower limit stay, others wait for room', async (t) => {
  const more = await Promise.all([1, 2, 3].map(() => LiveClient.connect({ port, certificate })))
  for (const client of more) await client.request()
  await setting.apply((config) => {
    config.limits = { connectionsMax: 3, unauthenticatedConnectionsMax: 3, unauthenticatedPerAddressMax: 3 }
  })
  await t.rejects(LiveClient.connect({ port, certificate }))
  for (const client of more) t.match(await client.request(), { status: 200 })
  await setting.apply((config) => {
    delete config.limits
  })
  const another = await LiveClient.connect({ port, certificate })
  t.match(await another.request(), { status: 200 })
  for (const client of [...more, another]) client.destroy()
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (open) => open === 2,
  )
})

t.test('HTTP/2 is offered no more, and offered again', async (t) => {
  const both = ['h2', 'http/1.1']
  t.match(await shown('localhost', both), { alpnProtocol: 'h2' })
  await setting.apply((config) => {
    config.http = { http2: false }
  })
  t.match(await shown('localhost', both), { alpnProtocol: 'http/1.1' })
  t.equal((await keptHttp2.get('/')).status, 200, 'who speaks it goes on')
  await setting.apply((config) => {
    delete config.http
  })
  t.match(await shown('localhost', both), { alpnProtocol: 'h2' })
})

t.test('the pages: the name of the institution, and where else to go', async (t) => {
  const page = async () => {
    const stranger = await LiveClient.connect({ port, accept: 'text/html' })
    const answer = await stranger.request()
    return answer.kind === 'answer' ? answer.body : answer.detail
  }
  t.match(await page(), /試験銀行|Test Bank/)
  t.notMatch(await page(), /localhost:9443/)
  const waiting = await LiveClient.connect({ port, accept: 'text/html' })
  await setting.apply((config) => {
    config.institution.name = { ja: '新しい銀行', en: 'New Bank' }
    config.doors.certificate[0].alternateAuthorities = ['localhost:9443']
  })
  const [next, answered] = [await page(), await waiting.request()]
  t.match(next, /新しい銀行|New Bank/)
  t.match(next, /localhost:9443/)
  t.match(answered, { status: 403, body: /新しい銀行|New Bank/ }, 'also for who was refused before, and asks now')
  t.equal((await keptHttp2.get('/nowhere/')).status, 200)
})

t.test('a balancer that tells who comes (PROXY protocol)', async (t) => {
  await setting.apply((config) => {
    config.doors.certificate[0].proxyProtocol = { trustedAddresses: ['127.0.0.1/32'] }
  })
  await t.rejects(LiveClient.connect({ port, certificate }), 'without the header')
  const socket = connectTcp({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  socket.write('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n')
  const client = await LiveClient.connect({ port, certificate }, { socket })
  t.match(await client.request(), { status: 200, body: /192\.0\.2\.7/ })
  client.destroy()
  await setting.apply((config) => {
    delete config.doors.certificate[0].proxyProtocol
  })
  const direct = await LiveClient.connect({ port, certificate })
  t.match(await direct.request(), { status: 200, body: /127\.0\.0\.1/ })
  direct.destroy()
})

t.test('whose X-Forwarded-For is believed, on the public door too', async (t) => {
  const forwarded = async (client: RawClient) => {
    const { text } = await client.get('/', 'X-Forwarded-For: 192.0.2.99\r\n').answer()
    return (JSON.parse(text).fields as [string, string][]).find(
      ([name]) => name.toLowerCase() === 'x-forwarded-for',
    )?.[1]
  }
  const doors = { ...gateway, serverCaPem: serverCa.certificatePem }
  const balancer = await RawClient.connect(doors, { door: 'public' })
  t.notMatch(await forwarded(balancer), /192\.0\.2\.99/)
  await setting.apply((config) => {
    config.http = { trustedForwarders: ['127.0.0.1/32'] }
  })
  t.match(await forwarded(balancer), /192\.0\.2\.99/)
  t.match(await forwarded(kept), /192\.0\.2\.99/)
  await setting.apply((config) => {
    delete config.http
  })
  t.notMatch(
    await forwarded(balancer),
    /192\.0\.2\.99/,
    'who is trusted no more is not believed on the same connection',
  )
  t.notMatch(await forwarded(kept), /192\.0\.2\.99/)
  balancer.close()
})

t.test('what the log tells', async (t) => {
  await setting.apply((config) => {
    config.logLevel = 'info'
  })
  await setting.apply((config) => {
    config.logLevel = 'error'
    config.limits = { headFieldsMax: 100 }
  })
  await setting.apply((config) => {
    config.logLevel = 'warn'
    delete config.limits
  })
  const told = gateway.logLines.filter((line) => line.includes('"configuration reloaded"'))
  t.match(told, [/logLevel/], 'only while it was set to tell such things')
})

t.test('after all of it the connections are those of the beginning, and no observation was lost', async (t) => {
  t.equal(await statusOf(kept), 200)
  t.equal((await keptHttp2.get('/')).status, 200)
  t.strictSame(keptHttp2.goAways, [])
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 0)
})
