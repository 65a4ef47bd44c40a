import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { systemClock } from '../../src/base/clock.ts'

/** 200 from the application, 403 from the gateway, or the connection closed before there was an answer. */
export type Answer = 'permitted' | 'denied' | 'closed'

/** An answer and when its last byte was read, on the monotonic clock. Unit: milliseconds. */
export type Answered = { readonly answer: Answer; readonly atMs: number }

/** Beyond this a connection or an answer counts as lost. */
const answerTimeoutMs = 10_000

/** What a client offers: TLS 1.3 with its certificate, one curve. Sessions are never resumed. */
export function clientContext(pair: {
  ca: string | Buffer
  cert: string | Buffer
  key: string | Buffer
}): SecureContext {
  return createSecureContext({ ...pair, minVersion: 'TLSv1.3', ecdhCurve: 'X25519' })
}

/** One client on one TLS connection, which asks for the page as often as it is told. One request at a time. */
export class BenchClient {
  readonly #port: number
  readonly #socket: TLSSocket
  #closedAtMs: number | undefined
  #text = ''
  #settle: ((answer: Answer | Error) => void) | undefined
  readonly #closed: Promise<number>
  /** Why the connection ended, where it was not by an orderly end. */
  fault: string | undefined

  constructor(port: number, secureContext: SecureContext) {
    this.#port = port
    const socket = connect({ host: '127.0.0.1', port, secureContext })
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (part: string) => this.#take(part))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.fault = error.code ?? error.message
    })
    this.#closed = new Promise((resolve) => {
      const close = () => {
        this.#closedAtMs ??= systemClock.monotonicMs()
        this.#finish(
          refusedToConnect(this.fault) ? new Error(`Cannot connect to port ${port}: ${this.fault}`) : 'closed',
        )
        resolve(this.#closedAtMs)
      }
      // The gateway's end of it is what counts; `close` follows when this side has ended too.
      socket.once('end', close)
      socket.once('close', close)
    })
  }

  /** Whether the gateway has not ended it yet. */
  get isOpen(): boolean {
    return this.#closedAtMs === undefined
  }

  /** When the gateway ended it, on the monotonic clock. Unit: milliseconds. */
  get closed(): Promise<number> {
    return this.#closed
  }

  get isBusy(): boolean {
    return this.#settle !== undefined
  }

  /** Rejects when nothing comes in time, or an answer that is neither a permission nor a denial. */
  async ask(): Promise<Answered> {
    if (!this.isOpen) return { answer: 'closed', atMs: systemClock.monotonicMs() }
    const answer = await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(
        () => this.#finish(new Error(`Cannot get an answer from port ${this.#port} within ${answerTimeoutMs} ms`)),
        answerTimeoutMs,
      )
      this.#settle = (settled) => {
        clearTimeout(timer)
        if (settled instanceof Error) reject(settled)
        else resolve(settled)
      }
      this.#socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\n\r\n`)
    })
    return { answer, atMs: systemClock.monotonicMs() }
  }

  end(): void {
    this.#socket.destroy()
  }

  #take(part: string): void {
    this.#text += part
    const head = this.#text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, head))?.[1] ?? 0)
    if (this.#text.length < head + 4 + length) return
    const status = this.#text.slice(9, 12)
    const start = this.#text.slice(0, 200)
    this.#text = ''
    if (status === '200') this.#finish('permitted')
    else if (status === '403') this.#finish('denied')
    else this.#finish(new Error(`Cannot count this answer of port ${this.#port}: ${start}`))
  }

  #finish(settled: Answer | Error): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.(settled)
  }
}

/** Nobody listens, or the machine has no place: that is a fault of the run and no refusal. */
function refusedToConnect(fault: string | undefined): boolean {
  return fault !== undefined && ['ECONNREFUSED', 'EADDRNOTAVAIL', 'EMFILE', 'ETIMEDOUT'].includes(fault)
}

/** A new connection, one request, and the end of it. */
export async function visit(port: number, secureContext: SecureContext): Promise<Answered> {
  const client = new BenchClient(port, secureContext)
  try {
    return await client.ask()
  } finally {
    client.end()
  }
}
