import type { ControlLog } from '../control-path/ports.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { SerialAnswer } from './ports.ts'

/** Longest wait for the directory; who asked gets tryLater then. */
const timeoutMs = 5_000

/**
 * Asks the directory about certificates: one question for all who ask about the same one meanwhile, and at most `lookUpsMax` at the
 * same time. What is beyond, takes too long or fails is `unavailable`.
 */
export class OcspLookUps {
  readonly #lookUp: (key: CertificateKey) => Promise<SerialAnswer>
  readonly #lookUpsMax: number
  readonly #log: ControlLog
  readonly #asked = new Map<CertificateKey, Promise<SerialAnswer>>()

  constructor(options: {
    readonly lookUp: (key: CertificateKey) => Promise<SerialAnswer>
    readonly lookUpsMax: number
    readonly log: ControlLog
  }) {
    this.#lookUp = options.lookUp
    this.#lookUpsMax = options.lookUpsMax
    this.#log = options.log
  }

  /** Never rejects. */
  ask(key: CertificateKey): Promise<SerialAnswer> {
    const asked = this.#asked.get(key)
    if (asked !== undefined) return asked
    if (this.#asked.size >= this.#lookUpsMax) return Promise.resolve('unavailable')
    const answer = this.#askInTime(key)
    this.#asked.set(key, answer)
    void answer.finally(() => this.#asked.delete(key))
    return answer
  }

  async #askInTime(key: CertificateKey): Promise<SerialAnswer> {
    const time = Promise.withResolvers<SerialAnswer>()
    const timer = setTimeout(() => time.resolve('unavailable'), timeoutMs)
    try {
      return await Promise.race([this.#lookUp(key), time.promise])
    } catch (fault) {
      this.#log.warn('OCSP look-up failed', { fault: fault instanceof Error ? fault.message : String(fault) })
      return 'unavailable'
    } finally {
      clearTimeout(timer)
    }
  }
}
