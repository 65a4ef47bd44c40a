import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import { assert } from '../base/assert.ts'
import { type MetricLayout, MetricSheet, type PlacedMetric } from '../base/metric-sheet.ts'
import { type ControlMetrics, createControlMetrics } from './control-metrics.ts'
import { createWorkerMetrics, type WorkerMetrics } from './worker-metrics.ts'

export type MetricsPage = { readonly contentType: string; readonly body: string }

/** All metrics of the process, read when asked for. */
export type Metrics = {
  /** A worker runs and writes this sheet. The id (for example `worker-0`) is its `thread` label, unique while it lives. */
  addWorker(id: string, sheet: MetricSheet): void
  /**
   * The worker has ended (call after its `exit` event, when it can write no more): what it counted is kept, its gauges
   * are dropped. An unknown id is ignored.
   */
  removeWorker(id: string): void
  /** Numbers only the control thread knows. */
  readonly control: ControlMetrics
  /** Writer for doors that the control thread itself serves; its series are added to those of the workers. */
  readonly controlThread: WorkerMetrics
  render(): Promise<MetricsPage>
}

type Value = { readonly labels: Record<string, string | number>; readonly value: number; readonly metricName?: string }

/**
 * @param refresh called before each reading, to set gauges that are cheap to compute (ages, days left)
 * @param processMetrics whether prom-client's `process_*` and `nodejs_*` metrics are shown (default true)
 */
export function createMetrics(options: {
  readonly layout: MetricLayout
  readonly refresh?: () => void
  readonly processMetrics?: boolean
}): Metrics {
  const { layout } = options
  const registry = new Registry()
  const controlSheet = MetricSheet.create(layout)
  const control = createControlMetrics(controlSheet)
  const workers = new Map<string, MetricSheet>()
  const totals = new SheetTotals(layout)
  markBuild(controlSheet)

  const liveSheets = () => new Map([['control', controlSheet], ...workers])
  for (const metric of layout.metrics) {
    // A class of our own beside prom-client's: its histograms cannot be given ready-made buckets, and setting counters
    // from sums through `inc` would need deltas. The registry only asks for name and get().
    const source = { name: metric.name, get: async () => describeMetric(metric, { totals, sheets: liveSheets() }) }
    registry.registerMetric(source as unknown as Metric)
  }
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry })

  return {
    control,
    controlThread: createWorkerMetrics(layout, controlSheet.buffer),
    addWorker(id, sheet) {
      assert(id !== 'control' && !workers.has(id), `worker id ${id} is unique`)
      assert(sheet.layout.signature === layout.signature, 'a worker sheet has the layout of the page')
      workers.set(id, sheet)
      control.workersRunning(workers.size)
    },
    removeWorker(id) {
      const sheet = workers.get(id)
      if (sheet === undefined) return
      totals.retire(sheet)
      workers.delete(id)
      control.workersRunning(workers.size)
    },
    async render() {
      options.refresh?.()
      totals.read(liveSheets().values())
      return { contentType: registry.contentType, body: await registry.metrics() }
    },
  }
}

function markBuild(sheet: MetricSheet): void {
  const build = sheet.layout.metrics.find((metric) => metric.name === 'sekisho_build_info')
  if (build !== undefined) sheet.set(build.firstSlot, 1)
}

/** Sums over threads, living and dead. */
class SheetTotals {
  readonly #layout: MetricLayout
  readonly #retired: Float64Array
  /** The numbers to show. */
  readonly values: Float64Array

  constructor(layout: MetricLayout) {
    this.#layout = layout
    this.#retired = new Float64Array(layout.slotCount)
    this.values = new Float64Array(layout.slotCount)
  }

  /** Keeps what an ended thread counted; memory stays bounded however often workers restart. */
  retire(sheet: MetricSheet): void {
    for (const metric of this.#layout.metrics) {
      if (metric.type === 'gauge') continue
      const end = metric.firstSlot + metric.series.length * metric.slotsPerSeries
      for (let slot = metric.firstSlot; slot < end; slot += 1) {
        this.#retired[slot] = (this.#retired[slot] as number) + (sheet.slots[slot] as number)
      }
    }
  }

  read(sheets: Iterable<MetricSheet>): void {
    const sums = Float64Array.from(this.#retired)
    for (const sheet of sheets) {
      for (let slot = 1; slot < sums.length; slot += 1) {
        sums[slot] = (sums[slot] as number) + (sheet.slots[slot] as number)
      }
    }
    for (const metric of this.#layout.metrics) {
      const end = metric.firstSlot + metric.series.length * metric.slotsPerSeries
      for (let slot = metric.firstSlot; slot < end; slot += 1) {
        const sum = sums[slot] as number
        // Adding floats in another order after a worker ended may lose a last digit; a counter must not step back.
        this.values[slot] = metric.type === 'gauge' ? sum : Math.max(sum, this.values[slot] as number)
      }
    }
  }
}

/** The form in which prom-client's registry wants a metric. */
function describeMetric(
  metric: PlacedMetric,
  from: { readonly totals: SheetTotals; readonly sheets: ReadonlyMap<string, MetricSheet> },
) {
  const { name, help, type } = metric
  return { name, help, type, aggregator: 'sum', values: listValues(metric, from) }
}

function listValues(
  metric: PlacedMetric,
  from: { readonly totals: SheetTotals; readonly sheets: ReadonlyMap<string, MetricSheet> },
): Value[] {
  const { values } = from.totals
  return metric.series.flatMap((labelValues, index) => {
    const slot = metric.firstSlot + index * metric.slotsPerSeries
    const labels = Object.fromEntries(metric.labels.map((label, position) => [label, labelValues[position] as string]))
    if (metric.type === 'histogram') return listBuckets(metric, { slot, labels, values })
    if (!metric.perThread) return [{ labels, value: values[slot] as number }]
    return Array.from(from.sheets, ([thread, sheet]) => ({
      labels: { thread, ...labels },
      value: sheet.slots[slot] as number,
    }))
  })
}

function listBuckets(
  metric: PlacedMetric,
  series: { readonly slot: number; readonly labels: Record<string, string>; readonly values: Float64Array },
): Value[] {
  const { slot, labels, values } = series
  let count = 0
  const buckets = [...metric.buckets, '+Inf'].map((le, bucket) => {
    count += values[slot + bucket] as number
    return { labels: { ...labels, le }, value: count, metricName: `${metric.name}_bucket` }
  })
  const sum = values[slot + metric.buckets.length + 1] as number
  return [
    ...buckets,
    { labels, value: sum, metricName: `${metric.name}_sum` },
    { labels, value: count, metricName: `${metric.name}_count` },
  ]
}
