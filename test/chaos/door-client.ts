import { connect, type TLSSocket } from 'node:tls'
import { parseAnswer, type Visited } from '../helpers/clients.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'

export type DoorRequest = {
  readonly method?: 'GET' | 'POST'
  readonly path?: string
  /** Sent as JSON, or as it is if it is a text. */
  readonly body?: unknown
  /** The answer must have come by then. Unit: milliseconds. */
  readonly withinMs: number
}

const failure = (detail: string): Visited => ({ kind: 'failure', detail })

/**
 * A client whose every wait ends: with the answer, with the connection, or with its time. After a failure it is of no use any more.
 */
export class DoorClient {
  readonly #socket: TLSSocket
  readonly #port: number
  #bytes = Buffer.alloc(0)
  #ended = false
  #tell: () => void = () => {}
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>

  /** Begins to connect. `session`: a TLS session to resume. */
  constructor(options: { port: number; certificate: TestCertificate; session?: Buffer | undefined }) {
    const { port, certificate, session } = options
    this.#port = port
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      rejectUnauthorized: false,
      cert: certificate.certificatePem,
      key: certificate.keyPem,
      ...(session === undefined ? {} : { session }),
    })
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (piece: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, piece])
      this.#tell()
    })
    this.#socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.#ended = true
        this.#tell()
        resolve()
      })
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Told of each TLS session that the gateway offers. */
  onSession(take: (session: Buffer) => void): void {
    this.#socket.on('session', take)
  }

  /** Sends a request and waits for its answer. One at a time. */
  async request(request: DoorRequest): Promise<Visited> {
    if (this.#ended) return failure('the connection has ended')
    this.#socket.write(textOf(request, this.#port))
    return await new Promise((resolve) => {
      const finish = (visited: Visited) => {
        clearTimeout(timer)
        this.#tell = () => {}
        if (visited.kind === 'failure') this.destroy()
        resolve(visited)
      }
      const timer = setTimeout(() => finish(failure(`no answer within ${request.withinMs} ms`)), request.withinMs)
      this.#tell = () => {
        const parsed = parseAnswer(this.#bytes, this.#socket.isSessionReused())
        if (parsed !== undefined) {
          this.#bytes = this.#bytes.subarray(parsed.byteLength)
          finish(parsed.answer)
        } else if (this.#ended) finish(failure('the connection ended'))
      }
      this.#tell()
    })
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function textOf({ method = 'GET', path = '/', body }: DoorRequest, port: number): string {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const content =
    text === undefined
      ? ''
      : `Content-Type: ${text === body ? 'application/x-pem-file' : 'application/json'}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`
  return (
    `${method} ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: application/json\r\n` +
    `Connection: keep-alive\r\n${content}\r\n${text ?? ''}`
  )
}
