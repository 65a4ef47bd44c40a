import type { Clock } from '../base/clock.ts'
import type { ControlLog } from '../control-path/ports.ts'
import type { OcspCheckResult } from './ports.ts'

/** Between two lines on the same kind of trouble. Unit: milliseconds. */
const quietMs = 60_000

type Trouble = { loggedAtMs: number; since: number }

/** Tells of responders that do not help, once a minute at most, whatever the number of certificates. */
export class OcspTroubles {
  readonly #log: ControlLog
  readonly #clock: Clock
  /** By issuer and kind. */
  readonly #troubles = new Map<string, Trouble>()

  constructor({ log, clock }: { readonly log: ControlLog; readonly clock: Clock }) {
    this.#log = log
    this.#clock = clock
  }

  /** `fault`: what was wrong, where something was. */
  note(issuer: string, result: OcspCheckResult, fault?: unknown): void {
    if (result === 'good' || result === 'revoked') {
      if (this.#forget(issuer)) this.#log.info('the OCSP responder answers again', { issuer })
      return
    }
    const id = `${issuer} ${result}`
    const nowMs = this.#clock.monotonicMs()
    const trouble = this.#troubles.get(id)
    if (trouble !== undefined && nowMs - trouble.loggedAtMs < quietMs) {
      trouble.since++
      return
    }
    const more = trouble === undefined || trouble.since === 0 ? {} : { timesSinceTheLastLine: trouble.since }
    this.#troubles.set(id, { loggedAtMs: nowMs, since: 0 })
    this.#log.warn(texts[result], { issuer, ...more, ...(fault === undefined ? {} : { error: fault }) })
  }

  #forget(issuer: string): boolean {
    return (['refused', 'unreachable'] as const).map((kind) => this.#troubles.delete(`${issuer} ${kind}`)).some(Boolean)
  }
}

const texts = {
  unknown: 'the OCSP responder does not know a certificate that connects',
  refused: 'the answer of the OCSP responder was refused',
  unreachable: 'the OCSP responder gives no answer',
} as const satisfies Partial<Record<OcspCheckResult, string>>
