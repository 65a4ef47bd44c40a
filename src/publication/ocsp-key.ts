import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { ControlLog } from '../control-path/ports.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import type { Signer } from '../x509/signing-algorithm.ts'
import { makeResponderCertificate, type ResponderCertificate } from './ocsp-certificate.ts'

export type ResponderKeyOptions = {
  readonly issuer: IssuingCa
  readonly signer: Signer
  readonly responderDays: number
  /** Told of each certificate when it is put to use. */
  issued(serial: string, notAfterMs: number): void
  readonly clock: Clock
  readonly log: ControlLog
}

const lookEveryMs = 1_000
/** After a failure; doubled up to the longest. */
const pauseMs = { first: 1_000, longest: 60_000 } as const

/**
 * The key that signs OCSP answers now. Without one: a new one is being made, or it was tried and the next try waits. With one: it
 * serves until it ends; from half of its life on new ones are tried, and the first that is made takes its place.
 */
export class ResponderKey {
  readonly #options: ResponderKeyOptions
  #current: ResponderCertificate | undefined
  #attempt: Promise<void> | undefined
  #failures = 0
  #nextAttemptAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ResponderKeyOptions) {
    this.#options = options
  }

  /** Resolves when the first attempt has ended, whether it gave a key or not. */
  async start(): Promise<void> {
    // Also when nobody asks: else the first question after a quiet week would find the certificate ended.
    this.#timer = setInterval(() => this.#renewWhenDue(), lookEveryMs)
    this.#timer.unref()
    this.#renewWhenDue()
    await this.#attempt
  }

  /** Nothing is made any more. */
  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
  }

  /** Undefined: there is no key with a certificate that is valid now. */
  inUse(): ResponderCertificate | undefined {
    this.#renewWhenDue()
    return this.#valid()
  }

  #valid(): ResponderCertificate | undefined {
    const nowMs = this.#options.clock.nowMs()
    const current = this.#current
    return current !== undefined && nowMs >= current.notBeforeMs && nowMs < current.notAfterMs ? current : undefined
  }

  #renewWhenDue(): void {
    if (this.#closed || this.#attempt !== undefined) return
    const { clock } = this.#options
    const current = this.#valid()
    if (current !== undefined && clock.nowMs() < current.renewAtMs) return
    if (clock.monotonicMs() < this.#nextAttemptAtMs) return
    this.#attempt = this.#make().finally(() => {
      this.#attempt = undefined
    })
  }

  async #make(): Promise<void> {
    const { issuer, signer, responderDays, clock, log } = this.#options
    try {
      const made = await makeResponderCertificate({ issuer, signer }, { nowMs: clock.nowMs(), responderDays })
      if (this.#closed) return
      this.#current = made
      this.#failures = 0
      this.#nextAttemptAtMs = 0
      const notAfter = new Date(made.notAfterMs).toISOString()
      log.info('certificate for OCSP answers made', { issuer: issuer.name, serial: made.serial, notAfter })
      this.#options.issued(made.serial, made.notAfterMs)
    } catch (fault) {
      const waitMs = Math.min(pauseMs.longest, pauseMs.first * 2 ** this.#failures++)
      this.#nextAttemptAtMs = clock.monotonicMs() + waitMs
      if (this.#closed) return
      const code = fault instanceof GatewayError ? fault.code : 'internal'
      const message = fault instanceof Error ? fault.message : String(fault)
      log.warn('certificate for OCSP answers not made', { issuer: issuer.name, code, fault: message, waitMs })
    }
  }
}
