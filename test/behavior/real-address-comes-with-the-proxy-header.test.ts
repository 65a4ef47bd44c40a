// Goal: behind a trusted balancer the client's address is the one in the PROXY header, for limits, logs and the application; from
// nobody else is a header taken, and from the balancer nothing else. Method: real connections with and without headers, from a
// trusted and from other addresses, and through a real HAProxy.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { LiveClient, verdictOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const proxyProtocol = { trustedAddresses: ['127.0.0.1/32'] }
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    certificateDoor: { proxyProtocol },
    accessLog: { file: 'access.log' },
    limits: { handshakeTimeoutMs: 2_000, unauthenticatedPerAddressMax: 2 },
  },
})
const port = gateway.ports.certificate
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})

/** A TCP connection that has sent these bytes; `localAddress` is 127.0.0.1, which is trusted, unless another is given. */
async function begin(bytes: string | Buffer, localAddress = '127.0.0.1'): Promise<Socket & { gone: boolean }> {
  const socket = Object.assign(connect({ host: '127.0.0.1', port, localAddress }), { gone: false })
  socket.on('error', () => {})
  socket.on('close', () => {
    socket.gone = true
  })
  await once(socket, 'connect')
  if (bytes.length > 0) socket.write(bytes)
  return socket
}

/** What the application is told of a client that sends these bytes before its TLS. */
async function addressSeen(bytes: string | Buffer, localAddress?: string): Promise<string | undefined> {
  const socket = await begin(bytes, localAddress)
  const client = await LiveClient.connect({ port, certificate }, { socket })
  const answer = await client.request()
  client.destroy()
  if (answer.kind === 'failure') return answer.detail
  const { fields } = JSON.parse(answer.body) as { fields: [string, string][] }
  return fields.find(([name]) => name.toLowerCase() === 'x-forwarded-for')?.[1]
}

async function faults(code: string): Promise<number> {
  return (await gateway.metric('sekisho_faults_total', { code })) ?? 0
}

const version2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000208c6336401dc0401bb', 'hex')
const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')

t.test('the application and the access log are told the address of the header', async (t) => {
  t.equal(await addressSeen('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n'), '192.0.2.7')
  t.equal(await addressSeen('PROXY TCP6 2001:DB8::0:7 2001:db8::1 56324 443\r\n'), '2001:db8::7')
  t.equal(await addressSeen(version2), '192.0.2.8')
  t.equal(await addressSeen('PROXY UNKNOWN\r\n'), '127.0.0.1', 'where it names none, that of the connection')
  t.equal(await addressSeen(local), '127.0.0.1')
  const log = join(gateway.folder, 'access.log')
  await eventually(
    () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    (text) => ['192.0.2.7', '2001:db8::7', '192.0.2.8'].every((address) => text.includes(address)),
  )
})

t.test('who is not trusted speaks TLS at once and is never believed', async (t) => {
  t.equal(await addressSeen('', '127.0.0.2'), '127.0.0.2')
  const liar = await begin('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n', '127.0.0.2')
  await eventually(
    () => liar.gone,
    (gone) => gone,
  )
  t.equal(await faults('proxy_header_malformed'), 0)
})

t.test('a trusted balancer that sends no header, a bad one or half of one is refused', async (t) => {
  const before = await faults('proxy_header_malformed')
  for (const bytes of [
    '\x16\x03\x01\x02\x00\x01',
    'PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n',
    'GET / HTTP/1.1\r\n',
  ]) {
    const socket = await begin(Buffer.from(bytes, 'latin1'))
    await eventually(
      () => socket.gone,
      (gone) => gone,
    )
  }
  t.equal(await faults('proxy_header_malformed'), before + 3)
  const timeouts = await faults('handshake_timeout')
  const half = await begin('PROXY TCP4 192.0')
  await eventually(
    () => half.gone,
    (gone) => gone,
  )
  t.equal(await faults('handshake_timeout'), timeouts + 1)
})

t.test('limits count the address of the header, not the balancer', async (t) => {
  const of = (address: string) => begin(`PROXY TCP4 ${address} 198.51.100.1 56324 443\r\n`)
  const first = await of('192.0.2.20')
  const others = [await of('192.0.2.21'), await of('192.0.2.21'), await of('192.0.2.22'), await of('192.0.2.20')]
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (open) => open === 5,
  )
  t.notOk(first.gone, 'five of one balancer, two of one address at most')
  const third = await of('192.0.2.20')
  await eventually(
    () => first.gone,
    (gone) => gone,
  )
  t.same(
    [...others, third].map(({ gone }) => gone),
    [false, false, false, false, false],
    'the third of one address makes its first give way',
  )
  for (const socket of [...others, third]) socket.destroy()
})

t.test('through HAProxy, in TCP mode', async (t) => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const frontPort = (probe.address() as AddressInfo).port
  await new Promise((resolve) => probe.close(resolve))
  const file = join(gateway.folder, 'haproxy.cfg')
  const timeouts = ['connect', 'client', 'server'].map((what) => `  timeout ${what} 10s\n`).join('')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 100
defaults
  mode tcp
${timeouts}
listen front
  bind 127.0.0.1:${frontPort}
  bind [::1]:${frontPort}
  server gateway 127.0.0.1:${port} source 127.0.0.1 send-proxy-v2 proxy-v2-options crc32c,unique-id
`,
  )
  const haproxy = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
  const exited = once(haproxy, 'exit')
  t.teardown(async () => {
    haproxy.kill('SIGKILL')
    await exited
  })
  const visit = async (host: string, localAddress: string) => {
    const socket = connect({ host, port: frontPort, localAddress })
    const client = await LiveClient.connect({ port: frontPort, certificate }, { socket })
    const answer = await client.request()
    client.destroy()
    t.equal(verdictOf(answer), '200')
    return answer.kind === 'answer' && answer.body.includes(`["X-Forwarded-For","${localAddress}"]`)
  }
  await eventually(
    () =>
      visit('127.0.0.1', '127.0.0.9').catch((error: NodeJS.ErrnoException) => {
        if (haproxy.exitCode !== null || error.code !== 'ECONNREFUSED') throw error
        return false
      }),
    (seen) => seen,
  )
  t.ok(await visit('::1', '::1'))
})
