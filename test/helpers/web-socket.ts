import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { reset } from './faults/reset.ts'
import { connectDoor, type Doors, Http2Client } from './http2-client.ts'
import type { RawOptions } from './raw-client.ts'
import { webSocketAccept } from './upstream.ts'

/** WebSockets through a door, over HTTP/1.1 (RFC 6455) and over HTTP/2 (RFC 8441): as bytes, and as the `ws` package speaks them. */

export const webSocketRoads = ['http/1.1', 'h2'] as const
export type WebSocketRoad = (typeof webSocketRoads)[number]

export type UpgradeOptions = RawOptions & {
  readonly over: WebSocketRoad
  readonly path: string
  /** More fields of the request; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** A session to open the stream on, in place of one of its own. */
  readonly http2?: Http2Client
}

/** The gateway answered an upgrade with something else than yes. */
export class UpgradeRefused extends Error {
  readonly status: number
  readonly body: string

  constructor(status: number, body: string) {
    super(`The upgrade was answered with ${status}`)
    this.status = status
    this.body = body
  }
}

/** The client's side of a changed protocol: raw bytes both ways. */
export class Tunnel {
  readonly stream: Duplex
  /** Fields of the answer that agreed; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Resolves when the connection (HTTP/1.1) or the stream (HTTP/2) has ended, with the stream's error code. */
  readonly closed: Promise<number>
  readonly #release: () => void
  #received: Buffer[] = []
  #receivedBytes = 0
  #ended = false

  constructor(
    stream: Duplex,
    options: { headers: Readonly<Record<string, string>>; closed: Promise<number>; release: () => void },
  ) {
    this.stream = stream
    this.headers = options.headers
    this.closed = options.closed
    this.#release = options.release
    stream.on('error', () => {})
  }

  /** Keeps what comes from now on; leave it out to read `stream` by other means. */
  listen(): this {
    this.stream.on('data', (bytes: Buffer) => {
      this.#received.push(bytes)
      this.#receivedBytes += bytes.length
    })
    this.stream.on('end', () => {
      this.#ended = true
    })
    return this
  }

  /** Whether the other side has said that nothing more comes. */
  get ended(): boolean {
    return this.#ended
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  get received(): Buffer {
    const all = Buffer.concat(this.#received)
    this.#received = [all]
    return all
  }

  /** Forgets what came so far. */
  forget(): void {
    this.#received = []
    this.#receivedBytes = 0
  }

  send(bytes: Buffer): this {
    this.stream.write(bytes)
    return this
  }

  /** Says that nothing more comes, and goes on reading. */
  end(): void {
    this.stream.end()
  }

  /** Goes away at once: resets the TCP connection (HTTP/1.1), or the stream or its session (HTTP/2). */
  destroy(): void {
    this.#release()
  }
}

/** Asks for a WebSocket; rejects with `UpgradeRefused` when the answer is another. */
export function openTunnel(gateway: Doors, options: UpgradeOptions): Promise<Tunnel> {
  return options.over === 'h2' ? openOverHttp2(gateway, options) : openOverHttp1(gateway, options)
}

async function openOverHttp1(gateway: Doors, options: UpgradeOptions): Promise<Tunnel> {
  const { path, serverName = 'localhost', headers = {} } = options
  const { socket, tcp } = await connectDoor(gateway, { ...options, protocols: ['http/1.1'] })
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(0)))
  socket.on('error', () => {})
  const key = randomBytes(16).toString('base64')
  const fields = {
    host: serverName,
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': '13',
    'sec-websocket-key': key,
    ...headers,
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const { status, answer } = await readHead(socket)
  if (status !== 101) {
    const length = Number(answer['content-length'] ?? 0)
    let body = Buffer.alloc(0)
    if (length > 0) {
      for await (const bytes of socket) {
        body = Buffer.concat([body, bytes])
        if (body.length >= length) break
      }
    }
    socket.destroy()
    throw new UpgradeRefused(status, body.toString())
  }
  if (answer['sec-websocket-accept'] !== webSocketAccept(key)) throw new Error('Sec-WebSocket-Accept is wrong')
  return new Tunnel(socket, { headers: answer, closed, release: () => reset(tcp, socket.writableEnded) })
}

/** Reads up to the empty line and not a byte more. */
async function readHead(stream: Duplex): Promise<{ status: number; answer: Record<string, string> }> {
  let held: Buffer = Buffer.alloc(0)
  let end = -1
  while (end < 0) {
    if (stream.readableEnded || stream.destroyed) throw new Error(`No answer but: ${JSON.stringify(held.toString())}`)
    const bytes: Buffer | null = stream.read()
    if (bytes === null) {
      await Promise.race([once(stream, 'readable'), once(stream, 'close')])
      continue
    }
    held = Buffer.concat([held, bytes])
    end = held.indexOf('\r\n\r\n')
  }
  stream.unshift(held.subarray(end + 4))
  const [line = '', ...lines] = held.toString('latin1', 0, end).split('\r\n')
  const fields = lines.map((text) => [
    text.slice(0, text.indexOf(':')).toLowerCase(),
    text.slice(text.indexOf(':') + 1).trim(),
  ])
  return { status: Number(line.split(' ')[1]), answer: Object.fromEntries(fields) }
}

async function openOverHttp2(gateway: Doors, options: UpgradeOptions): Promise<Tunnel> {
  const client = options.http2 ?? (await Http2Client.connect(gateway, options))
  const release = () => (options.http2 === undefined ? client.close() : exchange.reset())
  const { host, ...headers } = options.headers ?? {}
  const authority = host === undefined ? {} : { ':authority': host }
  const exchange = client.connectWebSocket(options.path, { ...authority, ...headers })
  const answer = await exchange.head()
  const status = Number(answer[':status'])
  if (status !== 200) {
    const { text } = await exchange.answer()
    release()
    throw new UpgradeRefused(status, text)
  }
  const plain = Object.entries(answer).map(([name, value]) => [name, String(value)])
  return new Tunnel(exchange.stream, { headers: Object.fromEntries(plain), closed: exchange.closed, release })
}

/** A WebSocket as a program uses it; the same client on both roads. */
export async function openWebSocket(gateway: Doors, options: UpgradeOptions): Promise<WebSocket> {
  const tunnel = await openTunnel(gateway, options)
  const createConnection = () => new LocalHandshake(tunnel)
  const webSocket = new WebSocket('ws://localhost/', {
    // The package means a socket; a Duplex is what it needs.
    createConnection: createConnection as never,
    perMessageDeflate: false,
  })
  await once(webSocket, 'open')
  return webSocket
}

/**
 * A tunnel for the `ws` package, which insists on a handshake of its own: it is answered here, and every byte that follows goes
 * through the tunnel.
 */
class LocalHandshake extends Duplex {
  readonly #tunnel: Tunnel
  #request: Buffer | undefined = Buffer.alloc(0)

  constructor(tunnel: Tunnel) {
    super()
    this.#tunnel = tunnel
    const { stream } = tunnel
    stream.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) stream.pause()
    })
    stream.on('end', () => this.push(null))
    stream.on('close', () => this.destroy())
    stream.pause()
  }

  override _read(): void {
    if (this.#request === undefined) this.#tunnel.stream.resume()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#request === undefined) {
      this.#tunnel.stream.write(bytes, done)
      return
    }
    this.#request = Buffer.concat([this.#request, bytes])
    const text = this.#request.toString('latin1')
    if (text.endsWith('\r\n\r\n')) {
      const key = /^sec-websocket-key: *(\S+)/im.exec(text)?.[1] ?? ''
      this.#request = undefined
      this.push(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${webSocketAccept(key)}\r\n\r\n`,
      )
    }
    done()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#tunnel.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#tunnel.destroy()
    done(error)
  }
}

/** Opcodes of RFC 6455 5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** One WebSocket frame (RFC 6455 5.2), right or wrong. */
export type WebSocketFrame = {
  readonly opcode: number
  readonly payload?: Buffer
  /** Default true. */
  readonly final?: boolean
  /** The three reserved bits, 0 to 7. Default 0. */
  readonly reserved?: number
  /** Four bytes; what clients must and servers must not do (RFC 6455 5.1). Default none. */
  readonly mask?: Buffer
  /** Bytes of the length field. Default the shortest. */
  readonly lengthBytes?: 1 | 2 | 8
}

export function writeWebSocketFrame(frame: WebSocketFrame): Buffer {
  const { opcode, payload = Buffer.alloc(0), final = true, reserved = 0, mask } = frame
  const { lengthBytes = payload.length < 126 ? 1 : payload.length < 65_536 ? 2 : 8 } = frame
  const head = Buffer.alloc(lengthBytes === 1 ? 2 : 2 + lengthBytes)
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (mask === undefined ? 0 : 0x80) | (lengthBytes === 1 ? payload.length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(payload.length, 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(payload.length), 2)
  if (mask === undefined) return Buffer.concat([head, payload])
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] as number))
  return Buffer.concat([head, mask, masked])
}

/** Payload of a close frame: a code, and a reason (RFC 6455 5.5.1). */
export function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return payload
}
