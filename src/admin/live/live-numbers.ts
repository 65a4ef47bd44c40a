import type { MetricLayout } from '../../base/metric-sheet.ts'
import type { Counts, LiveSample } from './live-message.ts'

/** All metrics of the process, added up over its threads. */
export type MetricReading = { readonly layout: MetricLayout; readonly values: Float64Array }

/** One series: its label values, in the order of the metric's labels, and its number. */
export type Series = { readonly labels: readonly string[]; readonly value: number }

type Totals = {
  readonly permitted: number
  readonly denied: ReadonlyMap<string, number>
  readonly handshakes: ReadonlyMap<string, number>
  readonly requests: ReadonlyMap<string, number>
  readonly cuts: ReadonlyMap<string, number>
}

/** The series of a metric; none for a metric that is not there. Of a histogram, nothing. */
export function seriesOf({ layout, values }: MetricReading, name: string): Series[] {
  const metric = layout.metrics.find((candidate) => candidate.name === name)
  if (metric === undefined || metric.type === 'histogram') return []
  return metric.series.map((labels, position) => ({ labels, value: values[metric.firstSlot + position] ?? 0 }))
}

/** The number of a metric, its series added up. */
export function sumOf(reading: MetricReading, name: string): number {
  return seriesOf(reading, name).reduce((sum, { value }) => sum + value, 0)
}

/** The number of the series with these label values; 0 where there is none. */
export function numberOf(reading: MetricReading, name: string, ...labels: readonly string[]): number {
  const found = seriesOf(reading, name).find((one) => labels.every((label, at) => one.labels[at] === label))
  return found?.value ?? 0
}

/** Turns counters, which only rise, into what happened since they were looked at before. */
export class SampleTaker {
  #before: { readonly totals: Totals; readonly monotonicMs: number }

  constructor(reading: MetricReading, monotonicMs: number) {
    this.#before = { totals: readTotals(reading), monotonicMs }
  }

  /** Counters are told apart by their names, so a reload that moves their places changes nothing. */
  take(reading: MetricReading, now: { readonly atMs: number; readonly monotonicMs: number }): LiveSample {
    const { totals: before, monotonicMs } = this.#before
    const totals = readTotals(reading)
    this.#before = { totals, monotonicMs: now.monotonicMs }
    return {
      atMs: now.atMs,
      durationMs: Math.max(1, Math.round(now.monotonicMs - monotonicMs)),
      permitted: totals.permitted - before.permitted,
      denied: riseOf(totals.denied, before.denied),
      handshakes: riseOf(totals.handshakes, before.handshakes),
      requests: riseOf(totals.requests, before.requests),
      cuts: riseOf(totals.cuts, before.cuts),
    }
  }
}

function readTotals(reading: MetricReading): Totals {
  const verdicts = bySecondLabel(reading, 'sekisho_verdicts_total')
  const permitted = verdicts.get('permitted') ?? 0
  verdicts.delete('permitted')
  return {
    permitted,
    denied: verdicts,
    handshakes: bySecondLabel(reading, 'sekisho_handshakes_total'),
    requests: bySecondLabel(reading, 'sekisho_requests_total'),
    cuts: bySecondLabel(reading, 'sekisho_cuts_total'),
  }
}

/** Doors and routes are added up. */
function bySecondLabel(reading: MetricReading, name: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { labels, value } of seriesOf(reading, name)) {
    const label = labels[1] ?? ''
    sums.set(label, (sums.get(label) ?? 0) + value)
  }
  return sums
}

function riseOf(after: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): Counts {
  const rises = Array.from(after, ([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
  return Object.fromEntries(rises.filter(([, rise]) => rise > 0))
}
