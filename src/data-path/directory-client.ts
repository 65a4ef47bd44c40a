import type { CertificateSighting, CertificateUse, DirectoryAnswer } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'

/** Answers remembered by one worker. */
const answersMax = 100_000
/** Certificates seen between two calls of `takeSightings`; of more than these, some are told late. */
const seenMax = 10_000

export type DirectoryQuestion = { readonly loginId: string; readonly certificateKey: CertificateKey }

type Asking = { readonly loginId: string; changed: boolean }

/**
 * Positive knowledge about users, asked of the control thread before a connection is judged and remembered until a change of
 * that login ID is announced.
 */
export class DirectoryClient {
  readonly #ask: (question: DirectoryQuestion) => Promise<DirectoryAnswer>
  readonly #tellUse: (use: CertificateUse) => Promise<void>
  /** By login ID, then by certificate. */
  readonly #answers = new Map<string, Map<string, DirectoryAnswer>>()
  readonly #seen = new Map<CertificateKey, number>()
  /** Questions on their way. One whose login ID changes meanwhile is asked again. */
  readonly #asking = new Set<Asking>()

  constructor(
    ask: (question: DirectoryQuestion) => Promise<DirectoryAnswer>,
    tellUse: (use: CertificateUse) => Promise<void> = async () => {},
  ) {
    this.#ask = ask
    this.#tellUse = tellUse
  }

  /**
   * A certificate that was never used is used now (R20): resolves when its older ones are superseded at this gateway, and the client
   * may be answered.
   */
  async noteUse(use: CertificateUse): Promise<void> {
    await this.#tellUse(use)
    const answers = this.#answers.get(use.loginId)
    const answer = answers?.get(use.certificateKey)
    if (answer?.certificateUnused !== true) return
    const { certificateUnused: _, ...used } = answer
    answers?.set(use.certificateKey, used)
  }

  /** `nowMs`: wall time. An answer that vouches for a certificate is forgotten when that ends. */
  remembered(question: DirectoryQuestion, nowMs: number): DirectoryAnswer | undefined {
    const answer = this.#answers.get(question.loginId)?.get(question.certificateKey)
    return answer?.goodUntilMs === undefined || nowMs < answer.goodUntilMs ? answer : undefined
  }

  /** Throws GatewayError `store_unavailable` when the store does not answer. */
  async lookUp(question: DirectoryQuestion): Promise<DirectoryAnswer> {
    const asking: Asking = { loginId: question.loginId, changed: false }
    this.#asking.add(asking)
    try {
      for (;;) {
        asking.changed = false
        const answer = await this.#ask(question)
        // The answer may be the old one, and its connection is not registered yet, so nobody else would judge it anew.
        if (asking.changed) continue
        // A stranger's login ID is not remembered: it may be registered any moment, and there are endlessly many.
        if (answer.user !== undefined) this.#remember(question, answer)
        return answer
      }
    } finally {
      this.#asking.delete(asking)
    }
  }

  /** A certificate of the directory was admitted. */
  noteSeen(certificateKey: CertificateKey, atMs: number): void {
    if (this.#seen.size < seenMax || this.#seen.has(certificateKey)) this.#seen.set(certificateKey, atMs)
  }

  /** Certificates admitted since the last call, each once. */
  takeSightings(): readonly CertificateSighting[] {
    if (this.#seen.size === 0) return []
    const sightings = [...this.#seen].map(([certificateKey, atMs]) => ({ certificateKey, atMs }))
    this.#seen.clear()
    return sightings
  }

  forget(loginId: string): void {
    for (const asking of this.#asking) if (asking.loginId === loginId) asking.changed = true
    this.#answers.delete(loginId)
  }

  forgetAll(): void {
    for (const asking of this.#asking) asking.changed = true
    this.#answers.clear()
  }

  #remember(question: DirectoryQuestion, answer: DirectoryAnswer): void {
    const known = this.#answers.get(question.loginId)
    if (known !== undefined) {
      known.set(question.certificateKey, answer)
      return
    }
    if (this.#answers.size >= answersMax) {
      const oldest = this.#answers.keys().next()
      if (!oldest.done) this.#answers.delete(oldest.value)
    }
    this.#answers.set(question.loginId, new Map([[question.certificateKey, answer]]))
  }
}
