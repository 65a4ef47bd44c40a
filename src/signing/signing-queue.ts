import { GatewayError } from '../base/errors.ts'

/** Signatures that may wait behind those under way; one more is refused at once. */
const waitingMax = 256

/**
 * Lets so many signatures run at the same time and the others wait in order. Each has `timeoutMs` from the moment it is
 * asked for, waiting included; its signal tells when that is over.
 */
export class SigningQueue {
  readonly #atOnceMax: number
  readonly #timeoutMs: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor({ atOnceMax, timeoutMs }: { readonly atOnceMax: number; readonly timeoutMs: number }) {
    this.#atOnceMax = atOnceMax
    this.#timeoutMs = timeoutMs
  }

  /**
   * Runs `work` when its turn comes. Throws GatewayError `signer_unavailable` when 256 are waiting already or when the
   * time is over before its turn, and whatever `work` throws.
   */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting.length >= waitingMax) {
      throw new GatewayError('signer_unavailable', `Cannot sign as ${waitingMax} signatures are waiting already`)
    }
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), this.#timeoutMs)
    try {
      if (this.#running >= this.#atOnceMax) await this.#turn(deadline.signal)
      else this.#running++
      try {
        return await work(deadline.signal)
      } finally {
        this.#passOn()
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Resolves when another one has given its place to this one. */
  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1)
        reject(new GatewayError('signer_unavailable', 'Cannot sign as too many signatures were before this one'))
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(begin)
    })
  }

  #passOn(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }
}
