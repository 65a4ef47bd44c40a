import type { Clock } from '../../src/base/clock.ts'

/** A clock that moves only when told; both times move together unless set apart. Unit: milliseconds. */
export class FakeClock implements Clock {
  wallMs: number
  elapsedMs = 1_000

  constructor(wallMs = Date.UTC(2026, 0, 2, 3, 4, 5)) {
    this.wallMs = wallMs
  }

  nowMs(): number {
    return this.wallMs
  }

  monotonicMs(): number {
    return this.elapsedMs
  }

  /** A tick clock is read anew; this one always is. */
  refresh(): void {}

  advance(durationMs: number): void {
    this.wallMs += durationMs
    this.elapsedMs += durationMs
  }
}
