import { setTimeout as pause } from 'node:timers/promises'
import type { SecureContext } from 'node:tls'
import { systemClock } from '../../src/base/clock.ts'
import { type Answered, BenchClient, visit } from './bench-client.ts'

/** What attempts with one certificate have shown, all times on the monotonic clock. Unit: milliseconds. */
export type Refusal = {
  /** When the last answer that permitted it was read. */
  readonly lastPermittedMs: number
  /** When each gateway that had permitted it was first seen to refuse it, the last of them. */
  readonly firstRefusedMs: number
  readonly attempts: number
}

/** Rest between the answer to a request and the next one on the same connection. */
const requestRestMs = 1
/** Rest between the end of a connection and the next one. */
const connectionRestMs = 2
/** Still permitted after this: the push has failed, and no figure is made of it. Unit: milliseconds. */
const refusalTimeoutMs = 10_000

/**
 * Tries one certificate at several gateways for as long as it is permitted: on one it sends requests over a kept connection, on
 * the next it makes new connections. `refused()` resolves once both were refused, and then every gateway was asked by a new connection
 * until it denied.
 */
export class RefusalWatch {
  readonly #secureContext: SecureContext
  readonly #timeoutMs: number
  #lastPermittedMs = 0
  #firstRefusedMs = 0
  #attempts = 0
  #deadlineMs = Number.POSITIVE_INFINITY
  #loops: Promise<unknown> = Promise.resolve()

  constructor(secureContext: SecureContext, timeoutMs = refusalTimeoutMs) {
    this.#secureContext = secureContext
    this.#timeoutMs = timeoutMs
  }

  /** Begins; resolves once both ways were permitted. Rejects when one was not. */
  async begin(ports: { requests: number; connections: number }): Promise<void> {
    const kept = new BenchClient(ports.requests, this.#secureContext)
    const first = [await kept.ask(), await visit(ports.connections, this.#secureContext)]
    if (first.some(({ answer }) => answer !== 'permitted')) {
      kept.end()
      throw new Error(
        `Cannot begin with a certificate that is not permitted: ${first.map(({ answer }) => answer).join(', ')}`,
      )
    }
    const requests = this.#askUntilRefused(() => kept.ask(), requestRestMs).finally(() => kept.end())
    const connections = this.#askUntilRefused(() => visit(ports.connections, this.#secureContext), connectionRestMs)
    this.#loops = Promise.all([requests, connections])
    this.#loops.catch(() => undefined)
  }

  /** To be called when the push has been sent. Rejects when the certificate is still permitted after the time. */
  async refused(everyPort: readonly number[]): Promise<Refusal> {
    this.#deadlineMs = systemClock.monotonicMs() + this.#timeoutMs
    await this.#loops
    for (const port of everyPort) await this.#askUntilDenied(port)
    return {
      lastPermittedMs: this.#lastPermittedMs,
      firstRefusedMs: this.#firstRefusedMs,
      attempts: this.#attempts,
    }
  }

  async #askUntilRefused(ask: () => Promise<Answered>, restMs: number): Promise<void> {
    for (;;) {
      const answered = await ask()
      if (!this.#wasPermitted(answered)) return this.#noteRefused(answered)
      await pause(restMs)
    }
  }

  /** A connection closed while the answer was on its way is no proof: here the gateway must say so. */
  async #askUntilDenied(port: number): Promise<void> {
    let permitted = false
    for (;;) {
      const answered = await visit(port, this.#secureContext)
      if (this.#wasPermitted(answered)) permitted = true
      else if (permitted) this.#noteRefused(answered)
      if (answered.answer === 'denied') return
      if (answered.atMs > this.#deadlineMs) throw new Error(`Cannot go on: port ${port} gives no answer but closes`)
      await pause(connectionRestMs)
    }
  }

  #wasPermitted({ answer, atMs }: Answered): boolean {
    this.#attempts++
    if (answer !== 'permitted') return false
    this.#lastPermittedMs = Math.max(this.#lastPermittedMs, atMs)
    if (atMs <= this.#deadlineMs) return true
    throw new Error(`Cannot go on: a certificate is still permitted ${this.#timeoutMs} ms after it was revoked`)
  }

  #noteRefused({ atMs }: Answered): void {
    this.#firstRefusedMs = Math.max(this.#firstRefusedMs, atMs)
  }
}
