import type { DirectoryAnswer } from '../trust/directory-answer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'

/** Answers remembered by one worker. */
const answersMax = 100_000

export type DirectoryQuestion = { readonly loginId: string; readonly certificateKey: CertificateKey }

/**
 * Positive knowledge about users, asked of the control thread before a connection is judged and remembered until a change of
 * that login ID is announced.
 */
export class DirectoryClient {
  readonly #ask: (question: DirectoryQuestion) => Promise<DirectoryAnswer>
  /** By login ID, then by certificate. */
  readonly #answers = new Map<string, Map<string, DirectoryAnswer>>()
  /** Rises when something is forgotten, so that an answer on its way then is not remembered. */
  #forgotten = 0

  constructor(ask: (question: DirectoryQuestion) => Promise<DirectoryAnswer>) {
    this.#ask = ask
  }

  remembered(question: DirectoryQuestion): DirectoryAnswer | undefined {
    return this.#answers.get(question.loginId)?.get(question.certificateKey)
  }

  /** Throws GatewayError `store_unavailable` when the store does not answer. */
  async lookUp(question: DirectoryQuestion): Promise<DirectoryAnswer> {
    for (;;) {
      const forgotten = this.#forgotten
      const answer = await this.#ask(question)
      // Something changed while the answer was on its way: it may be the old one, and its connection is not registered yet.
      if (forgotten !== this.#forgotten) continue
      // A stranger's login ID is not remembered: it may be registered any moment, and there are endlessly many.
      if (answer.user !== undefined) this.#remember(question, answer)
      return answer
    }
  }

  forget(loginId: string): void {
    this.#forgotten++
    this.#answers.delete(loginId)
  }

  forgetAll(): void {
    this.#forgotten++
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
