// Goal: HAProxy and we mean the same by a PROXY header. Method: a real HAProxy sends headers of both versions for connections over
// IPv4 and IPv6; and it reads every sample header itself and sends on what it understood, which must be what we understand.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type ProxyHeader, parseProxyHeader } from '../../src/data-path/proxy-header.ts'
import { eventually } from '../helpers/eventually.ts'
import { badHeaders, goodHeaders } from './proxy-samples.ts'

/** What the client sends behind the header; HAProxy must not touch it. */
const clientBytes = Buffer.from('the bytes of the client')

/** What one backend of HAProxy sends: everything that came, connection by connection. */
class Target {
  readonly connections: { bytes: Buffer; readonly socket: Socket }[] = []
  readonly #server = createServer((socket) => {
    const connection = { bytes: Buffer.alloc(0), socket }
    this.connections.push(connection)
    socket.on('data', (bytes: Buffer) => {
      connection.bytes = Buffer.concat([connection.bytes, bytes])
    })
    socket.on('error', () => {})
  })

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  /** The header of the next connection, when the client's bytes have come behind it; undefined if `ended` comes first. */
  async nextHeader(ended: () => boolean): Promise<ProxyHeader | undefined> {
    await eventually(
      () => ended() || this.connections[0]?.bytes.includes(clientBytes) === true,
      (come) => come,
    )
    const connection = this.connections.shift()
    if (connection === undefined) return undefined
    connection.socket.destroy()
    const header = parseProxyHeader(connection.bytes)
    if (header === 'incomplete' || 'malformed' in header) throw new Error(`${JSON.stringify(header)} of HAProxy's`)
    if (!connection.bytes.subarray(header.byteLength).equals(clientBytes)) throw new Error('the header ends elsewhere')
    return header
  }

  stop(): void {
    for (const { socket } of this.connections) socket.destroy()
    this.#server.close()
  }
}

/** Ports nobody listens on now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** Options of HAProxy's `server` line. */
const senders = {
  'version 1': 'send-proxy',
  'version 2': 'send-proxy-v2',
  'version 2 with checksum': 'send-proxy-v2 proxy-v2-options crc32c',
  'version 2 with more fields': 'send-proxy-v2 proxy-v2-options unique-id,crc32c,authority,ssl,cert-cn',
} as const

const targets = Object.keys(senders).map(() => new Target())
/** Where HAProxy listens: a port for each sender, the last for headers it reads itself. */
const ports = await freePorts(targets.length + 1)
const relay = { port: ports.at(-1) ?? 0, target: new Target() }
const folder = mkdtempSync(join(tmpdir(), 'sekisho-haproxy-'))

async function startHaproxy(): Promise<ChildProcess> {
  const frontends = await Promise.all(
    Object.values(senders).map(
      async (options, at) => `
listen sender${at}
  bind 127.0.0.1:${ports[at]}
  bind [::1]:${ports[at]}
  unique-id-format %ci:%cp
  server target 127.0.0.1:${await targets[at]?.listen()} ${options}`,
    ),
  )
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `
global
  nbthread 1
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
${frontends.join('\n')}
listen relay
  bind 127.0.0.1:${relay.port} accept-proxy
  server target 127.0.0.1:${await relay.target.listen()} send-proxy-v2 proxy-v2-options crc32c
`,
  )
  const started = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
  await once(started, 'spawn')
  await eventually(
    () => started.exitCode !== null || accepts(relay.port),
    (listening) => listening,
  )
  if (started.exitCode !== null) throw new Error(`HAProxy ended with ${started.exitCode}`)
  return started
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port })
  const result = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return result
}

const haproxy = await startHaproxy()
t.teardown(async () => {
  const exited = once(haproxy, 'exit')
  haproxy.kill('SIGKILL')
  await exited
  for (const target of [...targets, relay.target]) target.stop()
  rmSync(folder, { recursive: true })
})

/** Sends bytes to HAProxy; tells where they came from and what HAProxy told its target of it, if anything. */
async function send(bytes: Buffer, to: { host?: string; port: number; target: Target }) {
  const socket = connect({ host: to.host ?? '127.0.0.1', port: to.port })
  let ended = false
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
  })
  socket.resume()
  await once(socket, 'connect')
  const own = { address: socket.localAddress, port: socket.localPort }
  socket.write(bytes)
  const header = await to.target.nextHeader(() => ended)
  socket.destroy()
  return { own, header }
}

t.test('what HAProxy sends names the client, over IPv4 and IPv6', async (t) => {
  for (const [at, what] of Object.keys(senders).entries()) {
    for (const host of ['127.0.0.1', '::1']) {
      const target = targets[at] as Target
      const { own, header } = await send(clientBytes, { host, port: ports[at] ?? 0, target })
      t.same(header?.source, own, `${what} from ${host}`)
    }
  }
})

/** What HAProxy 2.6 refuses although the specification wants it taken (UNKNOWN) or leaves it to the receiver. */
const tooMuchForHaproxy = [
  'UNKNOWN with anything behind it',
  'the longest line',
  'UNSPEC',
  'UNSPEC with fields',
  'unix',
]
/** What it takes although the specification has other numbers. */
const goodEnoughForHaproxy = ['leading zeros in IPv4', 'a port of 65536', 'a port with a leading zero', 'a port of 00']

t.test('what we read out of a good header HAProxy reads too', async (t) => {
  for (const [what, bytes, address, port] of goodHeaders) {
    const { own, header } = await send(Buffer.concat([bytes, clientBytes]), relay)
    if (header === undefined && tooMuchForHaproxy.includes(what)) continue
    t.same(header?.source, address === undefined ? own : { address, port }, what)
  }
})

t.test('what we refuse HAProxy refuses too', async (t) => {
  for (const [what, bytes] of badHeaders) {
    const { header } = await send(Buffer.concat([bytes, clientBytes]), relay)
    if (!goodEnoughForHaproxy.includes(what)) t.equal(header, undefined, what)
  }
})
