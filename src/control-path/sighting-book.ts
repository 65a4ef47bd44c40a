import type { CertificateSighting } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { ControlLog } from './ports.ts'
import type { TrustStore } from './store-port.ts'

export type SightingBookOptions = {
  readonly store: Pick<TrustStore, 'noteSightings'>
  readonly log: ControlLog
  /** How often the store is told. Unit: milliseconds. Default 5 000. */
  readonly flushMs?: number
}

/** Certificates remembered between two flushes; those beyond are noted when they are seen again. */
const entriesMax = 200_000
const flushMsDefault = 5_000

/**
 * Gathers which certificates were seen at the doors (R12), and tells the store from time to time, each certificate once: a user who
 * opens a hundred connections costs one entry. While the store is away they wait, the latest time of each.
 */
export class SightingBook {
  readonly #options: SightingBookOptions
  readonly #timer: NodeJS.Timeout
  #seen = new Map<CertificateKey, number>()
  #flushing: Promise<void> | undefined

  constructor(options: SightingBookOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.flush(), options.flushMs ?? flushMsDefault).unref()
  }

  note(sightings: readonly CertificateSighting[]): void {
    for (const { certificateKey, atMs } of sightings) {
      const known = this.#seen.get(certificateKey)
      if (known === undefined && this.#seen.size >= entriesMax) continue
      this.#seen.set(certificateKey, Math.max(known ?? 0, atMs))
    }
  }

  /** Tells the store what it does not know yet; one call at a time. Never rejects. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }

  async #flush(): Promise<void> {
    if (this.#seen.size === 0) return
    const told = this.#seen
    this.#seen = new Map()
    const sightings = [...told].map(([key, atMs]) => ({ key, atMs }))
    try {
      await this.#options.store.noteSightings(sightings)
    } catch (error) {
      this.#options.log.warn('sightings of certificates wait for the store', { fault: String(error) })
      this.note(sightings.map(({ key, atMs }) => ({ certificateKey: key, atMs })))
    }
  }
}
