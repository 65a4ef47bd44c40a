import type { DirectoryAnswer } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'

/** Answers remembered by one worker. */
const answersMax = 100_000

export type DirectoryQuestion = { readonly loginId: string; readonly certificateKey: CertificateKey }

type Asking = { readonly loginId: string; changed: boolean }

/**
 * Positive knowledge about users, asked of the control thread before a connection is judged and remembered until a change of
 * that login ID is announced.
 */
export class DirectoryClient {
  readonly #ask: (question: DirectoryQuestion) => Promise<DirectoryAnswer>
  /** By login ID, then by certificate. */
  readonly #answers = new Map<string, Map<string, DirectoryAnswer>>()
  /** Questions on their way. One whose login ID changes meanwhile is asked again. */
  readonly #asking = new Set<Asking>()

  constructor(ask: (question: DirectoryQuestion) => Promise<DirectoryAnswer>) {
    this.#ask = ask
  }

  remembered(question: DirectoryQuestion): DirectoryAnswer | undefined {
    return this.#answers.get(question.loginId)?.get(question.certificateKey)
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
