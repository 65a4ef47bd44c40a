import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { eventually } from './eventually.ts'

/**
 * An application behind the gateway that shows every byte it was sent. It reads requests with a reader of its own, written
 * apart from the product's, and answers with raw bytes, so that any misbehaviour can be played.
 */

export type AppRequest = {
  readonly method: string
  readonly target: string
  /** Target without its query. */
  readonly path: string
  /** The whole head as received, with its empty line. */
  readonly head: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Values of the fields with this name, without regard to case. */
  values(name: string): readonly string[]
  /** Resolves with the decoded body when it is complete; rejects if the connection ends before. */
  readonly body: Promise<Buffer>
  /** Bytes of the body received so far. */
  readonly bodyBytes: number
  /** Trailer lines; known once `body` has resolved. */
  readonly trailers: readonly string[]
  readonly socket: Socket
  /** Counts connections from 0. */
  readonly connection: number
  /** Hands on the pieces of the body as they come instead of keeping them; to be called by the handler at once. */
  takeBody(sink: (piece: Buffer) => void): void
  /** From now on the connection is the handler's; returns what came after the head. To be called by the handler at once. */
  takeConnection(): Buffer
}

export type AppHandler = (request: AppRequest) => void

export class TestUpstream {
  readonly port: number
  readonly requests: AppRequest[] = []
  readonly connections: Socket[] = []
  readonly #server: Server
  readonly #handlers = new Map<string, AppHandler>()

  static async start(): Promise<TestUpstream> {
    const server = createServer({ noDelay: true, allowHalfOpen: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new TestUpstream(server)
  }

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as { port: number }).port
    server.on('connection', (socket) => {
      const connection = this.connections.push(socket) - 1
      socket.on('error', () => {})
      new RequestReader(socket, connection, (request) => {
        this.requests.push(request)
        const handler = this.#handlers.get(request.path) ?? echo
        handler(request)
      })
    })
  }

  /** What happens when the head of a request for this path has come. Other paths are echoed. */
  handle(path: string, handler: AppHandler): void {
    this.#handlers.set(path, handler)
  }

  /** Answers every request for this path with these bytes, and nothing else. */
  answer(path: string, bytes: string | Buffer): void {
    this.handle(path, ({ body, socket }) => {
      body.then(
        () => socket.write(bytes, 'latin1'),
        () => {},
      )
    })
  }

  requestsFor(path: string): readonly AppRequest[] {
    return this.requests.filter((request) => request.path === path)
  }

  /** The first request for this path, now or soon. */
  async request(path: string): Promise<AppRequest> {
    await eventually(
      () => this.requestsFor(path).length,
      (count) => count > 0,
    )
    return this.requestsFor(path)[0] as AppRequest
  }

  async stop(): Promise<void> {
    for (const socket of this.connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Answers with what was received, as JSON. */
export const echo: AppHandler = (request) => {
  request.body.then(
    (body) => {
      const { method, target, fields, trailers } = request
      const text = JSON.stringify({ method, target, fields, trailers, body: body.toString('latin1') })
      const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`
      request.socket.write(request.method === 'HEAD' ? head : head + text)
    },
    () => {},
  )
}

/** A whole answer with Content-Length. */
export function plainAnswer(text: string, more = ''): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${more}\r\n${text}`
}

/** An answer with these trailers after a chunked body. */
export function answerWithTrailers(text: string, trailers: string): string {
  const size = Buffer.byteLength(text).toString(16)
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${text}\r\n0\r\n${trailers}\r\n`
}

/** An answer after early hints (RFC 8297) with these fields. */
export function answerAfterHints(text: string, hints: string): string {
  return `HTTP/1.1 103 Early Hints\r\n${hints}\r\n${plainAnswer(text)}`
}

/** Takes a body of any size, keeps none of it, and answers with its number of bytes, SHA-256 in hex and trailers, as JSON. */
export const digest: AppHandler = (request) => {
  const hash = createHash('sha256')
  request.takeBody((piece) => hash.update(piece))
  request.body.then(
    () => {
      const { bodyBytes: bytes, trailers } = request
      request.socket.write(plainAnswer(JSON.stringify({ bytes, sha256: hash.digest('hex'), trailers })))
    },
    () => {},
  )
}

/** Answers with this many bytes, as fast as they are taken. `pieceOf` says what stands at an offset; default zeroes. */
export function sendBytes(length: number, pieceOf = (_offset: number, size: number) => Buffer.alloc(size)): AppHandler {
  return async ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`)
    for (let at = 0; at < length && !socket.destroyed; ) {
      const piece = pieceOf(at, Math.min(65_536, length - at))
      at += piece.length
      if (!socket.write(piece)) await untilDrained(socket)
    }
  }
}

function untilDrained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.removeListener('drain', done).removeListener('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}

/** The application's side of a changed protocol: every byte that came, and raw bytes to answer with. */
export class UpgradedSide {
  readonly socket: Socket
  readonly request: AppRequest
  #received: Buffer[] = []
  #receivedBytes = 0
  ended = false

  constructor(request: AppRequest, rest: Buffer) {
    this.request = request
    this.socket = request.socket
    const keep = (bytes: Buffer) => {
      this.#received.push(bytes)
      this.#receivedBytes += bytes.length
    }
    keep(rest)
    this.socket.on('data', keep)
    this.socket.on('end', () => {
      this.ended = true
    })
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** What came so far. */
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
}

/** Agrees to a WebSocket (RFC 6455 4.2.2) and hands over the bytes that follow; `more` are header lines, each with CRLF. */
export function acceptWebSocket(take: (side: UpgradedSide) => void, more = ''): AppHandler {
  return (request) => {
    const side = new UpgradedSide(request, request.takeConnection())
    const accept = webSocketAccept(request.values('sec-websocket-key')[0] ?? '')
    request.socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`,
    )
    take(side)
  }
}

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`. */
export function webSocketAccept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** Talks WebSocket with the `ws` package; by default gives every message back as it came. */
export function serveWebSocket(talk: (webSocket: WebSocket, request: AppRequest) => void = echoMessages): AppHandler {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1_024 * 1_024, perMessageDeflate: false })
  return (request) => {
    const rest = request.takeConnection()
    const headers = Object.fromEntries(request.fields.map(([name, value]) => [name.toLowerCase(), value]))
    // All that the package looks at.
    const message = { method: request.method, url: request.target, headers } as IncomingMessage
    sockets.handleUpgrade(message, request.socket, rest, (webSocket) => {
      webSocket.on('error', () => {})
      talk(webSocket, request)
    })
  }
}

function echoMessages(webSocket: WebSocket): void {
  webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary }))
}

/** Splits a connection into requests. Throws, which fails the test, on anything that is no plain HTTP/1.1 request. */
class RequestReader {
  #held: Buffer = Buffer.alloc(0)
  #receive: ((bytes: Buffer) => Buffer | undefined) | undefined
  readonly #socket: Socket
  readonly #connection: number
  readonly #onRequest: AppHandler
  #broken: ((error: Error) => void) | undefined
  #taken = false

  constructor(socket: Socket, connection: number, onRequest: AppHandler) {
    this.#socket = socket
    this.#connection = connection
    this.#onRequest = onRequest
    socket.on('data', this.#hear)
    socket.on('end', this.#end)
    socket.on('close', () => this.#broken?.(new Error('The connection ended within a request body')))
  }

  readonly #hear = (bytes: Buffer) => {
    this.#held = Buffer.concat([this.#held, bytes])
    this.#advance()
  }

  /** Only who takes the connection may leave it half open. */
  readonly #end = () => void this.#socket.end()

  #takeConnection(): Buffer {
    this.#taken = true
    this.#socket.removeListener('data', this.#hear).removeListener('end', this.#end)
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return rest
  }

  #advance(): void {
    while (!this.#taken) {
      if (this.#receive !== undefined) {
        const rest = this.#receive(this.#held)
        if (rest === undefined) {
          this.#held = Buffer.alloc(0)
          return
        }
        this.#receive = undefined
        this.#held = rest
      }
      const end = this.#held.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#held.toString('latin1', 0, end + 4)
      this.#held = this.#held.subarray(end + 4)
      this.#begin(head)
    }
  }

  #begin(head: string): void {
    const [line = '', ...lines] = head.slice(0, -4).split('\r\n')
    const [method = '', target = '', version] = line.split(' ')
    if (version !== 'HTTP/1.1') throw new Error(`The application was sent no request but: ${JSON.stringify(line)}`)
    const fields = lines.map((text) => {
      const colon = text.indexOf(':')
      return [text.slice(0, colon), text.slice(colon + 1).trim()] as const
    })
    const values = (name: string) =>
      fields.filter(([found]) => found.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    const body = Promise.withResolvers<Buffer>()
    body.promise.catch(() => {})
    const trailers: string[] = []
    const progress: Progress = { bytes: 0, pieces: [], sink: (piece) => progress.pieces.push(piece) }
    const request: AppRequest = {
      method,
      target,
      path: target.split('?')[0] ?? '',
      head,
      fields,
      values,
      body: body.promise,
      get bodyBytes() {
        return progress.bytes
      },
      trailers,
      socket: this.#socket,
      connection: this.#connection,
      takeBody: (sink) => {
        progress.sink = sink
      },
      takeConnection: () => this.#takeConnection(),
    }
    this.#broken = body.reject
    const chunked = values('transfer-encoding').length > 0
    const length = Number(values('content-length')[0] ?? 0)
    this.#receive = chunked
      ? chunkedBody({ progress, trailers, done: body.resolve })
      : sizedBody(length, { progress, done: body.resolve })
    this.#onRequest(request)
  }
}

type Progress = { bytes: number; readonly pieces: Buffer[]; sink: (piece: Buffer) => void }

function sizedBody(length: number, options: { progress: Progress; done: (body: Buffer) => void }) {
  return (bytes: Buffer): Buffer | undefined => {
    const taken = bytes.subarray(0, length - options.progress.bytes)
    if (taken.length > 0) options.progress.sink(taken)
    options.progress.bytes += taken.length
    if (options.progress.bytes < length) return undefined
    options.done(Buffer.concat(options.progress.pieces))
    return bytes.subarray(taken.length)
  }
}

function chunkedBody(options: { progress: Progress; trailers: string[]; done: (body: Buffer) => void }) {
  let held: Buffer = Buffer.alloc(0)
  let trailing = false
  return (bytes: Buffer): Buffer | undefined => {
    held = Buffer.concat([held, bytes])
    for (;;) {
      const lineEnd = held.indexOf('\r\n')
      if (lineEnd < 0) return undefined
      const line = held.toString('latin1', 0, lineEnd)
      if (trailing) {
        held = held.subarray(lineEnd + 2)
        if (line !== '') {
          options.trailers.push(line)
          continue
        }
        options.done(Buffer.concat(options.progress.pieces))
        return held
      }
      const size = Number.parseInt(line, 16)
      if (Number.isNaN(size)) throw new Error(`The application was sent no chunk but: ${JSON.stringify(line)}`)
      if (size === 0) {
        trailing = true
        held = held.subarray(lineEnd + 2)
        continue
      }
      if (held.length < lineEnd + 2 + size + 2) return undefined
      options.progress.sink(held.subarray(lineEnd + 2, lineEnd + 2 + size))
      options.progress.bytes += size
      held = held.subarray(lineEnd + 2 + size + 2)
    }
  }
}
