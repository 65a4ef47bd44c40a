// Goal: behind a PROXY header TLS begins at the right byte, however the bytes arrive; a header that is bad, late or cut off is told.
// Method: a real listener that reads headers, then TLS; real TLS clients that put a header in front, in pieces of their choosing.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls'
import t from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import { Deadlines } from '../../src/data-path/deadlines.ts'
import { type ProxyRead, readProxyHeader } from '../../src/data-path/proxy-reader.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { block, ipv4Hex } from './proxy-samples.ts'

const ca = createTestCa({ commonName: 'test-server-ca' })
const { certificatePem, keyPem } = ca.issueServer({ names: ['localhost'] })
const secureContext = createSecureContext({ cert: certificatePem, key: keyPem })

const lineHeader = Buffer.from('PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n')
const headers = { 'version 1': lineHeader, 'version 2': block(0x21, 0x11, ipv4Hex) }
const sources = {
  'version 1': { address: '2001:db8::7', port: 56324 },
  'version 2': { address: '192.0.2.7', port: 56324 },
}

/** A listener that reads a header of each connection and then speaks TLS: it sends back what it receives, with the source in front. */
class Listener {
  readonly clock = new FakeClock()
  readonly deadlines: Deadlines
  readonly results: ProxyRead[] = []
  readonly raws: Socket[] = []
  readonly server: Server
  readonly #tick = new TickClock(this.clock)

  constructor() {
    this.deadlines = new Deadlines(this.#tick)
    this.server = createServer({ noDelay: true }, (raw) => {
      this.raws.push(raw)
      readProxyHeader(raw, { timeoutMs: 1_000, clock: this.#tick, deadlines: this.deadlines }, (result) => {
        this.results.push(result)
        if (result.kind === 'read') speakTls(raw, result)
        else raw.destroy()
      })
    })
  }

  static async start(t: { teardown(undo: () => void): void }, host: string): Promise<Listener> {
    const listener = new Listener()
    listener.server.listen(0, host)
    await once(listener.server, 'listening')
    t.teardown(() => {
      for (const raw of listener.raws) raw.destroy()
      listener.deadlines.close()
      listener.server.close()
    })
    return listener
  }

  async connect(): Promise<Socket> {
    const { address, port } = this.server.address() as AddressInfo
    const socket = connect({ host: address, port, noDelay: true })
    socket.on('error', () => {})
    await once(socket, 'connect')
    await eventually(
      () => this.raws.length,
      (accepted) => accepted > 0,
    )
    return socket
  }

  async result(): Promise<ProxyRead> {
    await eventually(
      () => this.results.length,
      (results) => results > 0,
    )
    return this.results[0] as ProxyRead
  }
}

function speakTls(raw: Socket, { source }: ProxyRead & { kind: 'read' }): void {
  const socket = new TLSSocket(raw, { isServer: true, secureContext })
  socket.on('error', () => {})
  socket.write(`${JSON.stringify(source)}\n`)
  socket.on('data', (bytes: Buffer) => socket.write(bytes))
}

/** Writes one piece and waits until the listener has read it, so that the next arrives by itself. */
async function writeAlone(listener: Listener, socket: Socket, piece: Buffer): Promise<void> {
  const raw = listener.raws[0] as Socket
  const before = raw.bytesRead
  socket.write(piece)
  await eventually(
    () => raw.bytesRead,
    (read) => read >= before + piece.length,
  )
}

/** The end of a connection, by a reset as well. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().once('close', () => resolve()))
}

type Delivery = (listener: Listener, socket: Socket, parts: { header: Buffer; hello: Buffer }) => void | Promise<void>

const deliveries: Readonly<Record<string, Delivery>> = {
  'header and ClientHello in one piece': (_listener, socket, { header, hello }) => {
    socket.write(Buffer.concat([header, hello]))
  },
  'the header byte by byte': async (listener, socket, { header, hello }) => {
    for (const byte of header) await writeAlone(listener, socket, Buffer.of(byte))
    socket.write(hello)
  },
  'the header cut in two, the second half with the ClientHello': async (listener, socket, { header, hello }) => {
    await writeAlone(listener, socket, header.subarray(0, 9))
    socket.write(Buffer.concat([header.subarray(9), hello]))
  },
  'the ClientHello later': async (listener, socket, { header, hello }) => {
    socket.write(header)
    await listener.result()
    socket.write(hello)
  },
  'the ClientHello cut in two, the first half with the header': async (listener, socket, { header, hello }) => {
    socket.write(Buffer.concat([header, hello.subarray(0, 100)]))
    await listener.result()
    socket.write(hello.subarray(100))
  },
}

/** Below the client's TLS: its first piece, the ClientHello, is delivered with a header in front. */
function withHeader(listener: Listener, socket: Socket, options: { header: Buffer; deliver: Delivery }): Duplex {
  let first = true
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (bytes: Buffer, _encoding, done) => {
      const delivered = first
        ? options.deliver(listener, socket, { header: options.header, hello: bytes })
        : void socket.write(bytes)
      first = false
      Promise.resolve(delivered).then(() => done(), done)
    },
  })
  socket.on('data', (bytes: Buffer) => stream.push(bytes))
  socket.on('close', () => stream.push(null))
  return stream
}

for (const [how, deliver] of Object.entries(deliveries)) {
  t.test(how, async (t) => {
    for (const version of ['version 1', 'version 2'] as const) {
      for (const [host, tls] of [
        ['127.0.0.1', 'TLSv1.3'],
        ['::1', 'TLSv1.3'],
        ['127.0.0.1', 'TLSv1.2'],
      ] as const) {
        const listener = await Listener.start(t, host)
        const raw = await listener.connect()
        const client = connectTls({
          socket: withHeader(listener, raw, { header: headers[version], deliver }),
          servername: 'localhost',
          ca: ca.certificatePem,
          minVersion: tls,
          maxVersion: tls,
        })
        await once(client, 'secureConnect')
        const sent = Buffer.alloc(300_000, 'what the client says ')
        client.write(sent)
        const wanted = Buffer.concat([Buffer.from(`${JSON.stringify(sources[version])}\n`), sent])
        const received: Buffer[] = []
        for await (const bytes of client) {
          received.push(bytes as Buffer)
          if (Buffer.concat(received).length >= wanted.length) break
        }
        t.ok(Buffer.concat(received).equals(wanted), `${version} from ${host}, ${tls}`)
        t.equal(listener.results.length, 1)
        raw.destroy()
      }
    }
  })
}

t.test('a header is waited for until its deadline, and no longer once it has come', async (t) => {
  const listener = await Listener.start(t, '127.0.0.1')
  const late = await listener.connect()
  const ended = closeOf(late)
  await writeAlone(listener, late, lineHeader.subarray(0, -1))
  listener.clock.advance(999)
  listener.deadlines.sweep()
  t.same(listener.results, [])
  listener.clock.advance(1)
  listener.deadlines.sweep()
  t.same(listener.results, [{ kind: 'timeout' }])
  await ended
  t.equal(listener.results.length, 1, 'the end of the connection is not told again')

  const inTime = await Listener.start(t, '127.0.0.1')
  const socket = await inTime.connect()
  socket.write(lineHeader)
  t.equal((await inTime.result()).kind, 'read')
  inTime.clock.advance(100_000)
  inTime.deadlines.sweep()
  t.equal(inTime.results.length, 1)
})

t.test('what is no header is told at once, and once', async (t) => {
  for (const bytes of [Buffer.from('16030100', 'hex'), Buffer.from('PROXY TCP4 a b c d\r\n'), block(0x21, 0x11, '')]) {
    const listener = await Listener.start(t, '127.0.0.1')
    const socket = await listener.connect()
    const ended = closeOf(socket)
    socket.write(Buffer.concat([bytes, Buffer.alloc(100_000)]))
    t.equal((await listener.result()).kind, 'malformed')
    await ended
    t.equal(listener.results.length, 1)
  }
})

t.test('a connection that ends within its header is told as closed', async (t) => {
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const listener = await Listener.start(t, '127.0.0.1')
    const socket = await listener.connect()
    await writeAlone(listener, socket, lineHeader.subarray(0, 10))
    socket[leave]()
    t.same(await listener.result(), { kind: 'closed' })
    await eventually(
      () => listener.raws[0]?.destroyed,
      (destroyed) => destroyed === true,
    )
    t.equal(listener.results.length, 1)
  }
})

t.test('destroying the socket stops the waiting', async (t) => {
  const listener = await Listener.start(t, '127.0.0.1')
  await listener.connect()
  listener.raws[0]?.destroy()
  t.same(await listener.result(), { kind: 'closed' })
})
