import type { LiveAudience } from './live-message.ts'

/** What waits for a viewer who reads slowly. */
const waitingMax = 64
const heartbeat = ': still here\n\n'

type Waiting = { readonly isTick: boolean; readonly text: string }

/** One open stream. States: open; closed (what waits is still told). */
export class LiveViewer {
  readonly audience: LiveAudience
  readonly #heartbeatMs: number
  #waiting: Waiting[] = []
  #wake: (() => void) | undefined
  #closed = false

  constructor(audience: LiveAudience, heartbeatMs: number) {
    this.audience = audience
    this.#heartbeatMs = heartbeatMs
  }

  /** Never waits: a tick takes the place of one that was not read yet, and of everything else the oldest is left out. */
  tell(text: string, isTick: boolean): void {
    if (this.#closed) return
    if (isTick) this.#waiting = this.#waiting.filter((one) => !one.isTick)
    this.#waiting.push({ isTick, text })
    if (this.#waiting.length > waitingMax) this.#waiting.shift()
    this.#wake?.()
  }

  /** What has come, or a comment after the time of a heartbeat, so that both sides notice a dead connection; undefined: it is over. */
  async next(): Promise<string | undefined> {
    if (this.#waiting.length === 0 && !this.#closed) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const timer = setTimeout(resolve, this.#heartbeatMs)
      await promise
      clearTimeout(timer)
      this.#wake = undefined
    }
    const texts = this.#waiting.splice(0).map(({ text }) => text)
    if (texts.length > 0) return texts.join('')
    return this.#closed ? undefined : heartbeat
  }

  close(): void {
    this.#closed = true
    this.#wake?.()
  }
}
