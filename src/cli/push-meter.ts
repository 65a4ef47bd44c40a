import type { Clock } from '../base/clock.ts'

export type PushMeterOptions = {
  readonly clock: Pick<Clock, 'monotonicMs'>
  write(text: string): void
  /** Width of the terminal; undefined: it is none, and gets a plain line now and then. */
  readonly columns: number | undefined
}

const barEveryMs = 100
const plainEveryMs = 5_000
const barWidth = 24
/** How much of the past the rate looks at. Unit: milliseconds. */
const rateWindowMs = 10_000

/** Shows how far a push is: a bar with rate and time left on a terminal, plain lines elsewhere. */
export class PushMeter {
  readonly #options: PushMeterOptions
  readonly #startMs: number
  /** Entries done at some moments of the last seconds. */
  readonly #past: { readonly atMs: number; readonly done: number; readonly fraction: number | undefined }[]
  #shownMs: number
  #barLength = 0

  constructor(options: PushMeterOptions) {
    this.#options = options
    this.#startMs = options.clock.monotonicMs()
    this.#shownMs = this.#startMs
    this.#past = [{ atMs: this.#startMs, done: 0, fraction: undefined }]
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (this.#options.clock.monotonicMs() - this.#startMs) / 1_000
  }

  /** `done`: entries; `fraction`: of the file, undefined where nobody knows how much is coming. */
  show(done: number, fraction: number | undefined): void {
    const { clock, columns, write } = this.#options
    const atMs = clock.monotonicMs()
    this.#past.push({ atMs, done, fraction })
    while (this.#past.length > 2 && (this.#past[1]?.atMs ?? atMs) < atMs - rateWindowMs) this.#past.shift()
    if (atMs - this.#shownMs < (columns === undefined ? plainEveryMs : barEveryMs)) return
    this.#shownMs = atMs
    const text = this.#describe(done, fraction)
    if (columns === undefined) {
      write(`${text}\n`)
      return
    }
    const line = `${fraction === undefined ? '' : `${bar(fraction)} `}${text}`.slice(0, Math.max(1, columns - 1))
    write(`\r${line.padEnd(this.#barLength)}`)
    this.#barLength = line.length
  }

  /** Takes the bar away, before something else is written. */
  clear(): void {
    if (this.#barLength > 0) this.#options.write(`\r${' '.repeat(this.#barLength)}\r`)
    this.#barLength = 0
  }

  #describe(done: number, fraction: number | undefined): string {
    const first = this.#past[0]
    const last = this.#past.at(-1)
    const spanMs = (last?.atMs ?? 0) - (first?.atMs ?? 0)
    const parts = [`${grouped(done)} entries`]
    if (fraction !== undefined) parts.unshift(`${Math.floor(fraction * 100)} %`)
    if (spanMs > 0) parts.push(`${grouped(Math.round(((done - (first?.done ?? 0)) * 1_000) / spanMs))}/s`)
    const gained = (fraction ?? 0) - (first?.fraction ?? 0)
    if (fraction !== undefined && gained > 0) parts.push(`${duration(((1 - fraction) * spanMs) / gained / 1_000)} left`)
    return parts.join(', ')
  }
}

function bar(fraction: number): string {
  const full = Math.min(barWidth, Math.floor(fraction * barWidth))
  return `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}]`
}

/** `1234567` as `1,234,567`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes >= 60) return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`
  return `${minutes}:${pad(whole % 60)}`
}

function pad(count: number): string {
  return String(count).padStart(2, '0')
}
