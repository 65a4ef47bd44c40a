import { createServer, type Server, type Socket } from 'node:net'
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
}

export type AppHandler = (request: AppRequest) => void

export class TestUpstream {
  readonly port: number
  readonly requests: AppRequest[] = []
  readonly connections: Socket[] = []
  readonly #server: Server
  readonly #handlers = new Map<string, AppHandler>()

  static async start(): Promise<TestUpstream> {
    const server = createServer({ noDelay: true })
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

/** Splits a connection into requests. Throws, which fails the test, on anything that is no plain HTTP/1.1 request. */
class RequestReader {
  #held: Buffer = Buffer.alloc(0)
  #receive: ((bytes: Buffer) => Buffer | undefined) | undefined
  readonly #socket: Socket
  readonly #connection: number
  readonly #onRequest: AppHandler
  #broken: ((error: Error) => void) | undefined

  constructor(socket: Socket, connection: number, onRequest: AppHandler) {
    this.#socket = socket
    this.#connection = connection
    this.#onRequest = onRequest
    socket.on('data', (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes])
      this.#advance()
    })
    socket.on('close', () => this.#broken?.(new Error('The connection ended within a request body')))
  }

  #advance(): void {
    for (;;) {
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
    const progress = { bytes: 0 }
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

type Progress = { bytes: number }

function sizedBody(length: number, options: { progress: Progress; done: (body: Buffer) => void }) {
  const pieces: Buffer[] = []
  return (bytes: Buffer): Buffer | undefined => {
    const taken = bytes.subarray(0, length - options.progress.bytes)
    pieces.push(taken)
    options.progress.bytes += taken.length
    if (options.progress.bytes < length) return undefined
    options.done(Buffer.concat(pieces))
    return bytes.subarray(taken.length)
  }
}

function chunkedBody(options: { progress: Progress; trailers: string[]; done: (body: Buffer) => void }) {
  const pieces: Buffer[] = []
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
        options.done(Buffer.concat(pieces))
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
      pieces.push(held.subarray(lineEnd + 2, lineEnd + 2 + size))
      options.progress.bytes += size
      held = held.subarray(lineEnd + 2 + size + 2)
    }
  }
}
