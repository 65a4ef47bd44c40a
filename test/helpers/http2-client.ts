import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { RawOptions } from './raw-client.ts'
import type { RunningGateway } from './with-gateway.ts'

/** An HTTP/2 client (node:http2) with a client certificate, one session each, that keeps what happens to it. */

/** What a client needs to know of a gateway. */
export type Doors = {
  readonly ports: Pick<RunningGateway['ports'], 'certificate' | 'public'>
  readonly serverCaPem: string
}

export type Http2Options = RawOptions & {
  /** The client's own SETTINGS. */
  readonly settings?: Settings
}

export type Http2Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  readonly trailers: IncomingHttpHeaders
  /** 1xx answers before this one. */
  readonly interim: readonly { readonly status: number; readonly headers: IncomingHttpHeaders }[]
}

/** A TLS connection to a door that offers these protocols (ALPN), and TCP below it; may be left half open. */
export async function connectDoor(
  gateway: Doors,
  options: RawOptions & { protocols: string[] },
): Promise<{ socket: TLSSocket; tcp: Socket }> {
  const { door = 'certificate', certificate, protocols } = options
  const port = options.port ?? gateway.ports[door]
  const tcp = connectTcp({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
  const socket = connectTls({
    socket: tcp,
    servername: options.serverName ?? 'localhost',
    ca: gateway.serverCaPem,
    // Whatever name was asked for, the gateway is who it says it is in these tests.
    checkServerIdentity: () => undefined,
    ALPNProtocols: protocols,
    ...(certificate === undefined ? {} : { cert: certificate.chainPem, key: certificate.keyPem }),
  })
  await once(socket, 'secureConnect')
  return { socket, tcp }
}

export class Http2Client {
  readonly session: ClientHttp2Session
  readonly socket: TLSSocket
  /** GOAWAY frames received (RFC 9113 6.8). */
  readonly goAways: { readonly code: number; readonly lastStreamId: number }[] = []
  /** Resolves when the connection has ended, with the session's error if there was one. */
  readonly closed: Promise<Error | undefined>

  /** Resolves when the gateway's SETTINGS have come; rejects when it does not choose h2. */
  static async connect(gateway: Doors, options: Http2Options = {}): Promise<Http2Client> {
    const { socket } = await connectDoor(gateway, { ...options, protocols: ['h2'] })
    if (socket.alpnProtocol !== 'h2') throw new Error(`The door chose ${socket.alpnProtocol}, not h2`)
    // A session has no half of its own to keep open.
    socket.once('end', () => socket.destroy())
    const { serverName = 'localhost', settings = {} } = options
    const session = connectHttp2(`https://${serverName}`, { createConnection: () => socket, settings })
    const client = new Http2Client(session, socket)
    await Promise.race([
      once(session, 'remoteSettings'),
      client.closed.then((error) => Promise.reject(error ?? new Error('The session ended before its settings'))),
    ])
    return client
  }

  private constructor(session: ClientHttp2Session, socket: TLSSocket) {
    this.session = session
    this.socket = socket
    let failure: Error | undefined
    session.on('error', (error) => {
      failure = error
    })
    session.on('goaway', (code, lastStreamId) => this.goAways.push({ code, lastStreamId }))
    this.closed = new Promise((resolve) => session.on('close', () => resolve(failure)))
  }

  /** Starts a request. `:method`, `:path`, `:scheme` and `:authority` have defaults. The stream stays open for a body if asked to. */
  request(headers: OutgoingHttpHeaders = {}, { bodyFollows = false, trailersFollow = false } = {}): Http2Exchange {
    const whole = { ':method': 'GET', ':path': '/', ...headers }
    return new Http2Exchange(
      this.session.request(whole, { endStream: !bodyFollows, waitForTrailers: bodyFollows && trailersFollow }),
    )
  }

  get(path: string, headers: OutgoingHttpHeaders = {}): Promise<Http2Answer> {
    return this.request({ ...headers, ':path': path }).answer()
  }

  /** Sends a whole request with a body, and trailers if there are any. */
  send(
    method: string,
    path: string,
    what: { headers?: OutgoingHttpHeaders; body: string | Buffer; trailers?: OutgoingHttpHeaders },
  ): Promise<Http2Answer> {
    const exchange = this.request(
      { ...what.headers, ':method': method, ':path': path },
      { bodyFollows: true, trailersFollow: what.trailers !== undefined },
    )
    exchange.stream.on('wantTrailers', () => exchange.stream.sendTrailers(what.trailers ?? {}))
    exchange.stream.end(what.body)
    return exchange.answer()
  }

  /** An extended CONNECT (RFC 8441) for a WebSocket. */
  connectWebSocket(path: string, headers: OutgoingHttpHeaders = {}): Http2Exchange {
    if (this.session.remoteSettings.enableConnectProtocol !== true) throw new Error('The gateway offers no CONNECT')
    const own = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13' }
    return this.request({ ...own, ...headers }, { bodyFollows: true })
  }

  /** Resolves when a PING was answered: everything sent before has been seen. */
  ping(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.session.ping((error) => (error === null ? resolve() : reject(error)))
    })
  }

  close(): void {
    this.session.destroy()
  }
}

/** One stream and what came of it. */
export class Http2Exchange {
  readonly stream: ClientHttp2Stream
  readonly interim: { readonly status: number; readonly headers: IncomingHttpHeaders }[] = []
  /** Resolves when the stream has ended, with its code: 0 without a reset (RFC 9113 7). */
  readonly closed: Promise<number>
  readonly #head = Promise.withResolvers<IncomingHttpHeaders>()
  #trailers: IncomingHttpHeaders = {}

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    stream.on('headers', (headers) => this.interim.push({ status: Number(headers[':status']), headers }))
    stream.on('response', (headers) => this.#head.resolve(headers))
    stream.on('trailers', (headers) => {
      this.#trailers = headers
    })
    stream.on('error', () => {})
    this.#head.promise.catch(() => {})
    this.closed = new Promise((resolve) => {
      stream.on('close', () => {
        const code = stream.rstCode ?? 0
        this.#head.reject(new Error(`The stream ended without an answer: ${nameOfCode(code)}`))
        resolve(code)
      })
    })
  }

  /** The final answer's headers; rejects if the stream ends before. */
  head(): Promise<IncomingHttpHeaders> {
    return this.#head.promise
  }

  /** The whole answer; rejects if the stream is reset before its end. */
  async answer(): Promise<Http2Answer> {
    const pieces: Buffer[] = []
    this.stream.on('data', (piece: Buffer) => pieces.push(piece))
    const headers = await this.head()
    const code = await this.closed
    if (code !== constants.NGHTTP2_NO_ERROR) throw new Error(`The stream was reset: ${nameOfCode(code)}`)
    const body = Buffer.concat(pieces)
    const status = Number(headers[':status'])
    return { status, headers, body, text: body.toString(), trailers: this.#trailers, interim: this.interim }
  }

  /** Resets the stream; `code` defaults to CANCEL. */
  reset(code: number = constants.NGHTTP2_CANCEL): void {
    this.stream.close(code)
  }
}

/** The name of an HTTP/2 error code, as in `PROTOCOL_ERROR`. */
export function nameOfCode(code: number): string {
  return codeNames[code] ?? String(code)
}

const codeNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]
