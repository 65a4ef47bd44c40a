import type { LiveSample } from '../live-message.ts'

/** Seconds that a chart shows. */
export const chartSeconds = 300

type Placed = { readonly sample: LiveSample; readonly start: number; readonly end: number }

/**
 * A number for each second, the newest last. What a sample of a longer time counted, as after a busy moment, is spread over it, so
 * that it is no peak.
 */
export function spread(samples: readonly LiveSample[], count: (sample: LiveSample) => number): number[] {
  const values = new Array<number>(chartSeconds).fill(0)
  for (const { sample, start, end } of place(samples))
    values.fill(count(sample) / (end - start), Math.max(0, start), end)
  return values
}

/** How many of a chart's seconds these samples reach back. */
export function secondsCovered(samples: readonly LiveSample[]): number {
  return chartSeconds - Math.max(0, place(samples).at(-1)?.start ?? chartSeconds)
}

/** Newest first. Where samples are missing, their seconds stay free; a clock that is set back moves nothing. */
function place(samples: readonly LiveSample[]): Placed[] {
  const placed: Placed[] = []
  let end = chartSeconds
  let later: LiveSample | undefined
  for (const sample of samples.toReversed()) {
    const missingMs = later === undefined ? 0 : later.atMs - later.durationMs - sample.atMs
    end -= Math.max(0, Math.round(missingMs / 1_000))
    if (end <= 0) break
    const start = end - Math.max(1, Math.round(sample.durationMs / 1_000))
    placed.push({ sample, start, end })
    later = sample
    end = start
  }
  return placed
}
