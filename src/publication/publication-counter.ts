import type { OcspAnswerKind, PublicationCounts } from './ports.ts'

/** Counts answers until somebody takes the sums. */
export class PublicationCounter {
  #ocsp: Partial<Record<OcspAnswerKind, number>> = {}
  #lists: Record<string, number> = {}

  ocspAnswered(kind: OcspAnswerKind): void {
    this.#ocsp[kind] = (this.#ocsp[kind] ?? 0) + 1
  }

  listAnswered(status: number): void {
    this.#lists[status] = (this.#lists[status] ?? 0) + 1
  }

  /** Undefined: there were none. Counting begins anew. */
  take(): PublicationCounts | undefined {
    const counts = { ocsp: this.#ocsp, lists: this.#lists }
    if (Object.keys(counts.ocsp).length + Object.keys(counts.lists).length === 0) return undefined
    this.#ocsp = {}
    this.#lists = {}
    return counts
  }
}
