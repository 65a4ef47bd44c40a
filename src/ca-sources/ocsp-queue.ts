import type { CertificateKey } from '../x509/certificate-key.ts'

export type OcspQueueLimits = {
  /** Questions under way at the same time. */
  readonly atOnceMax: number
  /** Questions that wait. */
  readonly waitingMax: number
}

type Job = { readonly work: () => Promise<void>; readonly settle: (ran: boolean) => void }

/**
 * Questions for one responder, a few at a time. Those for which somebody waits at a door go before those that only renew; where
 * there is no place any more, one of the latter gives way.
 */
export class OcspQueue {
  readonly #limits: OcspQueueLimits
  readonly #urgent = new Map<CertificateKey, Job>()
  readonly #other = new Map<CertificateKey, Job>()
  #running = 0

  constructor(limits: OcspQueueLimits) {
    this.#limits = limits
  }

  /**
   * Resolves with true when `work`, which never rejects, has ended, and with false if it was never begun: no place, or closed. At most
   * one job waits for each certificate; the caller sees to that.
   */
  add(key: CertificateKey, { urgent, work }: { urgent: boolean; work: () => Promise<void> }): Promise<boolean> {
    return new Promise((settle) => {
      const job: Job = { work, settle }
      if (this.#running < this.#limits.atOnceMax) {
        this.#begin(job)
        return
      }
      const isFull = this.#urgent.size + this.#other.size >= this.#limits.waitingMax
      if (isFull && !(urgent && this.#giveWay())) settle(false)
      else (urgent ? this.#urgent : this.#other).set(key, job)
    })
  }

  /** Somebody waits for this one now. */
  hurry(key: CertificateKey): void {
    const job = this.#other.get(key)
    if (job === undefined) return
    this.#other.delete(key)
    this.#urgent.set(key, job)
  }

  /** Jobs that have not begun never will. */
  close(): void {
    for (const waiting of [this.#urgent, this.#other]) {
      for (const { settle } of waiting.values()) settle(false)
      waiting.clear()
    }
  }

  #giveWay(): boolean {
    const [oldest] = this.#other
    if (oldest === undefined) return false
    this.#other.delete(oldest[0])
    oldest[1].settle(false)
    return true
  }

  #begin({ work, settle }: Job): void {
    this.#running++
    void work().finally(() => {
      this.#running--
      settle(true)
      const next = takeFirst(this.#urgent) ?? takeFirst(this.#other)
      if (next !== undefined) this.#begin(next)
    })
  }
}

function takeFirst(waiting: Map<CertificateKey, Job>): Job | undefined {
  const [first] = waiting
  if (first === undefined) return undefined
  waiting.delete(first[0])
  return first[1]
}
