import { createHash } from 'node:crypto'
import { assert } from './assert.ts'

/**
 * Counters in shared memory: each thread writes its own sheet of numbers, and the control thread reads all sheets when
 * it is asked for the metrics. No messages, no locks: a sheet has one writer.
 */

export type MetricType = 'counter' | 'gauge' | 'histogram'

/** One metric with every series it will ever have. */
export type MetricSpec = {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  readonly labels: readonly string[]
  /** Label values of each series, in the order of `labels`; one empty list for a metric without labels. */
  readonly series: readonly (readonly string[])[]
  /** Upper bounds of a histogram, ascending, without +Inf. Unit: that of the metric. */
  readonly buckets: readonly number[]
  /** True: shown once per thread (label `thread`) instead of added up over threads. Gauges only. */
  readonly perThread: boolean
}

/** A metric and where its series lie: series `i` starts at `firstSlot + i * slotsPerSeries`. */
export type PlacedMetric = MetricSpec & { readonly firstSlot: number; readonly slotsPerSeries: number }

/** Where every series lies. Plain data, so that it can be handed to a worker thread. */
export type MetricLayout = {
  readonly metrics: readonly PlacedMetric[]
  /** Length of a sheet. Unit: Float64 slots. */
  readonly slotCount: number
  /** Number in slot 0 of every sheet of this layout; a sheet of another layout is refused. */
  readonly signature: number
}

/** Joins label values into a map key; a unit separator cannot occur in a configured name. */
function seriesKey(name: string, labelValues: readonly string[]): string {
  return [name, ...labelValues].join('\u001f')
}

/**
 * Places the series of all metrics one after another. The same input gives the same layout in every thread.
 * A histogram takes one slot per bucket, one for +Inf and one for the sum; its count is the sum of its buckets, so a
 * reader never sees a count that disagrees with them.
 */
export function layOutMetrics(specs: readonly MetricSpec[]): MetricLayout {
  let slotCount = 1
  const names = new Set<string>()
  const metrics = specs.map((spec): PlacedMetric => {
    assert(!names.has(spec.name), `metric ${spec.name} is defined once`)
    names.add(spec.name)
    const keys = new Set(spec.series.map((values) => seriesKey(spec.name, values)))
    assert(keys.size === spec.series.length, `the series of ${spec.name} are distinct`)
    assert(
      spec.series.every((values) => values.length === spec.labels.length),
      `${spec.name} has a value for each label`,
    )
    assert((spec.type === 'histogram') === spec.buckets.length > 0, `only histograms have buckets: ${spec.name}`)
    assert(!spec.perThread || spec.type === 'gauge', `only a gauge is shown per thread: ${spec.name}`)
    const slotsPerSeries = spec.type === 'histogram' ? spec.buckets.length + 2 : 1
    const placed = { ...spec, firstSlot: slotCount, slotsPerSeries }
    slotCount += slotsPerSeries * spec.series.length
    return placed
  })
  const digest = createHash('sha256').update(JSON.stringify(metrics)).digest()
  return { metrics, slotCount, signature: digest.readUInt32BE(0) }
}

/** The numbers of one thread. One writer; any thread may read. */
export class MetricSheet {
  /** Hand this to the worker thread. */
  readonly buffer: SharedArrayBuffer
  readonly layout: MetricLayout
  /**
   * The numbers themselves, for reading. An aligned 64-bit load or store is not torn on the platforms Node runs on;
   * should one be, the next scrape shows the right number.
   */
  readonly slots: Float64Array<SharedArrayBuffer>

  private constructor(layout: MetricLayout, buffer: SharedArrayBuffer) {
    this.layout = layout
    this.buffer = buffer
    this.slots = new Float64Array(buffer)
  }

  /** A new sheet with every series at 0. */
  static create(layout: MetricLayout): MetricSheet {
    const sheet = new MetricSheet(layout, new SharedArrayBuffer(layout.slotCount * Float64Array.BYTES_PER_ELEMENT))
    sheet.slots[0] = layout.signature
    return sheet
  }

  /** The sheet another thread created. Throws when the buffer was made for another layout. */
  static open(layout: MetricLayout, buffer: SharedArrayBuffer): MetricSheet {
    const sheet = new MetricSheet(layout, buffer)
    assert(
      sheet.slots.length === layout.slotCount && sheet.slots[0] === layout.signature,
      'a metric sheet is opened with the layout it was created with',
    )
    return sheet
  }

  /** Finds slots by metric name and label values. Made once at start; the hot path keeps the numbers. */
  slotFinder(): (name: string, ...labelValues: string[]) => number {
    const slots = new Map<string, number>()
    for (const metric of this.layout.metrics) {
      metric.series.forEach((labelValues, index) => {
        slots.set(seriesKey(metric.name, labelValues), metric.firstSlot + index * metric.slotsPerSeries)
      })
    }
    return (name, ...labelValues) => {
      const slot = slots.get(seriesKey(name, labelValues))
      assert(slot !== undefined, `metric ${name}{${labelValues.join(',')}} is in the layout`)
      return slot
    }
  }

  /** Adds to a counter or gauge. */
  add(slot: number, amount: number): void {
    this.slots[slot] = (this.slots[slot] as number) + amount
  }

  /** Sets a gauge. */
  set(slot: number, value: number): void {
    this.slots[slot] = value
  }

  /**
   * Adds one observation to the histogram series that starts at `slot`. A negative or unreadable value counts as 0, so
   * that the sum never goes backwards.
   */
  observe(slot: number, buckets: readonly number[], value: number): void {
    const observed = Number.isFinite(value) && value > 0 ? value : 0
    const bucketCount = buckets.length
    let bucket = 0
    while (bucket < bucketCount && observed > (buckets[bucket] as number)) bucket += 1
    this.slots[slot + bucket] = (this.slots[slot + bucket] as number) + 1
    const sumSlot = slot + bucketCount + 1
    this.slots[sumSlot] = (this.slots[sumSlot] as number) + observed
  }
}
