import { GatewayError } from '../base/errors.ts'

export type WorkLimits = {
  /** How many run at the same time. */
  readonly atOnce: number
  /** How many may wait for their turn; one more is refused. */
  readonly queueMax: number
}

/** Work of which only so much runs at the same time; the rest waits in a queue with an end, in the order in which it came. */
export class LimitedWork {
  readonly #limits: () => WorkLimits
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** The limits are asked for each time: a reload may change them. */
  constructor(limits: () => WorkLimits) {
    this.#limits = limits
  }

  /** Runs the work when its turn has come. Throws GatewayError `verifier_unavailable` when the queue is full. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { atOnce, queueMax } = this.#limits()
    if (this.#running < atOnce) this.#running++
    else if (this.#waiting.length < queueMax) await new Promise<void>((begin) => this.#waiting.push(begin))
    else {
      throw new GatewayError(
        'verifier_unavailable',
        `Cannot check the password as too many are waiting: the limit is ${queueMax}`,
      )
    }
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  /** Hands the place on; where limits were raised meanwhile, several begin, and where they were lowered none does. */
  #leave(): void {
    this.#running--
    const { atOnce } = this.#limits()
    while (this.#running < atOnce) {
      const begin = this.#waiting.shift()
      if (begin === undefined) return
      this.#running++
      begin()
    }
  }
}
