import type { ClientRequest, IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'

export type AdminStreamOptions = {
  /** Longest silence of the door once something was sent that it has not answered. Unit: milliseconds. */
  readonly answerWithinMs: number
  /** How long nothing is sent before a blank is. Unit: milliseconds. Default 15 000. */
  readonly stillThereMs?: number
  /** The error to throw for a connection that fails. */
  fault(cause: unknown): Error
  /** Throws the error for an answer that says no. */
  refusal(status: number, body: string): void
}

/** The door gives up a body that stays away for a minute; a blank, which it skips, says that this side is still there. */
const stillThereMsDefault = 15_000
/** Unit: milliseconds. */
const keepAliveProbeMs = 10_000

/** A body sent line by line to the admin door, whose answer comes line by line meanwhile. */
export class AdminStream {
  readonly #request: ClientRequest
  readonly #options: AdminStreamOptions
  readonly #response: Promise<IncomingMessage>
  readonly #broken = Promise.withResolvers<never>()
  readonly #stillThere: NodeJS.Timeout
  #silence: NodeJS.Timeout | undefined
  #ended = false

  constructor(request: ClientRequest, options: AdminStreamOptions) {
    this.#request = request
    this.#options = options
    const response = Promise.withResolvers<IncomingMessage>()
    this.#response = response.promise
    this.#broken.promise.catch(() => {
      this.#ended = true
    })
    request.on('response', (message) => {
      message.on('error', (cause) => this.#broken.reject(options.fault(cause)))
      response.resolve(message)
    })
    request.on('error', (cause) => this.#broken.reject(options.fault(cause)))
    request.on('close', () => this.#broken.reject(options.fault(new Error('the connection was closed'))))
    request.on('socket', (socket) => socket.setKeepAlive(true, keepAliveProbeMs))
    // Whoever may not do this is told so before anything is read.
    request.flushHeaders()
    this.#stillThere = setInterval(() => {
      if (!request.writableNeedDrain) request.write(' ')
    }, options.stillThereMs ?? stillThereMsDefault)
  }

  /** False once everything is sent, or nothing more can be. */
  get isOpen(): boolean {
    return !this.#ended
  }

  /** Sends whole lines. Resolves when more may be sent, or nothing any more; what went wrong is told by `answers`. */
  async write(lines: string): Promise<void> {
    if (this.#ended) return
    this.#stillThere.refresh()
    this.#expectAnswer()
    const { promise, resolve } = Promise.withResolvers<void>()
    // Not by 'drain': Node may never say it where a text that is not ASCII was written.
    if (this.#request.write(Buffer.from(lines), () => resolve())) return
    await Promise.race([promise, this.#broken.promise.catch(() => {})])
  }

  /** Everything is sent. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    clearInterval(this.#stillThere)
    this.#expectAnswer()
    this.#request.end()
  }

  /** The objects of the answer. Rejects with what the door says where it refuses, and with the fault of the connection. */
  async *answers(): AsyncGenerator<unknown> {
    const response = await Promise.race([this.#response, this.#broken.promise])
    if (response.statusCode !== 200) {
      const chunks: Buffer[] = []
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
      this.#options.refusal(response.statusCode ?? 0, Buffer.concat(chunks).toString())
      return
    }
    const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
    for (;;) {
      const next = lines.next()
      next.catch(() => {})
      const { done, value } = await Promise.race([next, this.#broken.promise])
      if (done === true) return
      clearTimeout(this.#silence)
      this.#silence = undefined
      if (value !== '') yield JSON.parse(value)
    }
  }

  /** Ends the connection, whatever is under way. */
  destroy(): void {
    this.#ended = true
    clearInterval(this.#stillThere)
    clearTimeout(this.#silence)
    this.#request.destroy()
  }

  #expectAnswer(): void {
    const { answerWithinMs, fault } = this.#options
    this.#silence ??= setTimeout(() => {
      this.#broken.reject(fault(new Error(`no answer within ${answerWithinMs / 1_000} seconds`)))
      this.#request.destroy()
    }, answerWithinMs)
  }
}
