// Goal: behind a balancer (R6) each user counts with an address of their own, so a hundred users behind one balancer get in at once,
// and one who floods keeps nobody else out; nobody but the balancer can name an address.
// Method: one gateway whose limits for an address are small, real connections with PROXY protocol headers of both versions.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { LiveClient, verdictOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { reset } from '../helpers/faults/reset.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { withGateway } from '../helpers/with-gateway.ts'

const app = await TestUpstream.start()
const proxyProtocol = { trustedAddresses: ['127.0.0.1'] }
const gateway = await withGateway({
  upstreamPort: app.port,
  config: {
    certificateDoor: { proxyProtocol },
    publicDoor: { proxyProtocol },
    accessLog: { file: 'access.log' },
    limits: { unauthenticatedPerAddressMax: 1, handshakeTimeoutMs: 1_000, unauthenticatedConnectionsMax: 200 },
  },
})
t.teardown(async () => {
  await gateway.stop()
  await app.stop()
})
const port = gateway.ports.certificate
const certificate = gateway.issuingCa.issueClient({ commonName: 'user01' })

function line(address: string): string {
  return `PROXY TCP4 ${address} 198.51.100.1 40000 443\r\n`
}

/** Version 2, with a field of no meaning behind the addresses. */
function block(address: string): Buffer {
  const head = Buffer.from('0d0a0d0a000d0a515549540a2111', 'hex')
  const addresses = Buffer.from([...address.split('.').map(Number), 198, 51, 100, 1, 0x9c, 0x40, 0x01, 0xbb])
  const field = Buffer.from([0xee, 0, 2, 1, 2])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(addresses.length + field.length)
  return Buffer.concat([head, length, addresses, field])
}

/** A user behind the balancer: TLS begins in the same packet as the header, or after it. */
async function user(header: string | Buffer, options: { door?: 'certificate' | 'public'; localAddress?: string } = {}) {
  const { door = 'certificate', localAddress = '127.0.0.1' } = options
  const socket = connect({ host: '127.0.0.1', port: gateway.ports[door], localAddress, noDelay: true })
  socket.write(header)
  return LiveClient.connect({ port: gateway.ports[door], certificate }, { socket })
}

async function gone(socket: Socket): Promise<void> {
  await eventually(() => socket.destroyed || socket.readableEnded, Boolean)
}

t.test('R6: a hundred users behind one balancer get in at the same time', async (t) => {
  const addresses = Array.from({ length: 100 }, (_, at) => `203.0.113.${at + 1}`)
  const clients = await Promise.all(addresses.map((address, at) => user(at % 2 === 0 ? line(address) : block(address))))
  const answers = await Promise.all(clients.map((client) => client.request()))
  t.same([...new Set(answers.map(verdictOf))], ['200'])
  const seen = answers.map((answer) => {
    const { fields } = JSON.parse(answer.kind === 'answer' ? answer.body : '{}') as { fields: [string, string][] }
    return fields.find(([name]) => name === 'X-Forwarded-For')?.[1]
  })
  t.same(seen, addresses, 'each with an address of its own')
  const log = () => readFileSync(join(gateway.folder, 'access.log'), 'utf8')
  await eventually(log, (text) => addresses.every((address) => text.includes(`"${address}"`)))
  for (const client of clients) client.destroy()
})

t.test('the public door reads headers too', async (t) => {
  const client = await user(block('203.0.113.200'), { door: 'public' })
  const answer = await client.request()
  t.match(answer.kind === 'answer' && answer.body, /"X-Forwarded-For","203\.0\.113\.200"/)
  client.destroy()
})

t.test('one address that opens connections and says nothing keeps no other address out', async (t) => {
  const idle = Array.from({ length: 30 }, () => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.write(line('192.0.2.66'))
    return socket
  })
  // All but the newest have given way.
  await eventually(
    () => idle.filter((socket) => socket.destroyed || socket.readableEnded).length,
    (count) => count >= 29,
  )
  const client = await user(line('192.0.2.67'))
  t.equal(verdictOf(await client.request()), '200')
  client.destroy()
  for (const socket of idle) socket.destroy()
})

t.test(
  'headers that never end are bounded in number and time, and the users behind the balancer come in',
  async (t) => {
    const timeouts = async () => (await gateway.metric('sekisho_faults_total', { code: 'handshake_timeout' })) ?? 0
    const before = await timeouts()
    const halves = Array.from({ length: 250 }, () => {
      const socket = connect({ host: '127.0.0.1', port })
      socket.on('error', () => {})
      socket.write('PROXY TCP4 192.0.2.1 ')
      return socket
    })
    await eventually(
      () => halves.filter((socket) => socket.destroyed || socket.readableEnded).length,
      (count) => count >= 50,
    )
    const client = await user(line('192.0.2.70'))
    t.equal(verdictOf(await client.request()), '200')
    client.destroy()
    for (const socket of halves) await gone(socket)
    t.equal(
      await timeouts(),
      before + 199,
      'the oldest gave way to the newest and to the user, the rest ran out of time',
    )
  },
)

t.test('a second header, or one within TLS, is nobody’s address', async (t) => {
  const twice = connect({ host: '127.0.0.1', port })
  twice.on('error', () => {})
  twice.write(line('192.0.2.80') + line('192.0.2.81'))
  await gone(twice)
  const client = await user(line('192.0.2.82'))
  client.write(`${line('192.0.2.83')}\r\n`)
  const answer = await client.answer()
  t.equal(answer.kind === 'answer' && answer.status, 400)
  await client.ended()
})

t.test('a header from anybody else is no header: the connection ends, and the address is not believed', async (t) => {
  await t.rejects(user(line('192.0.2.90'), { localAddress: '127.0.0.2' }))
  const direct = await user('', { localAddress: '127.0.0.2' })
  const answer = await direct.request()
  t.match(answer.kind === 'answer' && answer.body, /"X-Forwarded-For","127\.0\.0\.2"/)
  direct.destroy()
})

t.test('balancers that look and leave do no harm', async (t) => {
  for (let at = 0; at < 20; at++) {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.once('connect', () => {
      if (at % 3 === 0) socket.end()
      else if (at % 3 === 1) reset(socket)
      else socket.write(line('192.0.2.91'), () => reset(socket))
    })
    await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  }
  const client = await user(line('192.0.2.92'))
  t.equal(verdictOf(await client.request()), '200')
  client.destroy()
  await eventually(
    () => gateway.metric('sekisho_connections_open', { door: 'certificate' }),
    (open) => open === 0,
  )
})
