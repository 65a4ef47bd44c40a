import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import { assert } from '../base/assert.ts'
import { type MetricLayout, MetricSheet, type PlacedMetric } from '../base/metric-sheet.ts'
import { type ControlMetrics, createControlMetrics } from './control-metrics.ts'
import { createMetricLayout, type MetricNames } from './metric-table.ts'
import { SheetTotals } from './sheet-totals.ts'
import { createWorkerMetrics, type WorkerMetrics } from './worker-metrics.ts'

export type MetricsPage = { readonly contentType: string; readonly body: string }

/** New names on their way in. What is not committed never happened; a later one takes the place of an earlier one. */
export type MetricRelayout = {
  /** The new names' series, and those of counters that were there before. */
  readonly layout: MetricLayout
  /** The sheet to which this worker shall move (`WorkerMetrics.useSheet`); undefined for one that does not run. */
  sheetOf(id: string): MetricSheet | undefined
  /** Shows the new sheets. Call it once every worker has moved to its own. */
  commit(): void
}

/** All metrics of the process, read when asked for. */
export type Metrics = {
  /** The series shown now; a new worker's sheet is made for it. */
  readonly layout: MetricLayout
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
  /**
   * Prepares for other names (a reload). No counter steps back and no series of one vanishes; gauges that describe the
   * configuration lose the names that left it.
   */
  relayout(names: MetricNames): MetricRelayout
  render(): Promise<MetricsPage>
  /** The same numbers as they are now, by the slots of the layout; histograms and all. Valid until the next reading. */
  read(): { readonly layout: MetricLayout; readonly values: Float64Array }
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
  const registry = new Registry()
  let controlSheet = MetricSheet.create(options.layout)
  const control = createControlMetrics(controlSheet)
  const controlThread = createWorkerMetrics(options.layout, controlSheet.buffer)
  const workers = new Map<string, MetricSheet>()
  const moving = new Map<string, MetricSheet>()
  const totals = new SheetTotals(options.layout)
  markBuild(controlSheet)

  for (const { name, help, type } of options.layout.metrics) {
    // A class of our own beside prom-client's: its histograms cannot be given ready-made buckets, and setting counters
    // from sums through `inc` would need deltas. The registry only asks for name and get().
    const get = async () => ({ name, help, type, aggregator: 'sum', values: listValues(totals, name) })
    registry.registerMetric({ name, get } as unknown as Metric)
  }
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry })

  const readSheets = () => {
    options.refresh?.()
    totals.read(new Map([['control', controlSheet], ...workers]))
  }
  const commit = (layout: MetricLayout) => {
    const next = MetricSheet.create(layout)
    controlThread.useSheet(layout, next.buffer)
    control.useSheet(next)
    controlSheet = next
    markBuild(next)
    for (const [id, sheet] of moving) if (workers.has(id)) workers.set(id, sheet)
    moving.clear()
    totals.useLayout(layout)
  }

  return {
    get layout() {
      return totals.layout
    },
    control,
    controlThread,
    addWorker(id, sheet) {
      assert(id !== 'control' && !workers.has(id), `worker id ${id} is unique`)
      assert(sheet.layout.signature === totals.layout.signature, 'a worker sheet has the layout of the page')
      workers.set(id, sheet)
      control.workersRunning(workers.size)
    },
    removeWorker(id) {
      const sheet = workers.get(id)
      if (sheet === undefined) return
      totals.retire(sheet, moving.get(id))
      workers.delete(id)
      moving.delete(id)
      control.workersRunning(workers.size)
    },
    relayout(names) {
      const layout = createMetricLayout(names, totals.layout)
      moving.clear()
      for (const id of workers.keys()) moving.set(id, MetricSheet.create(layout))
      return { layout, sheetOf: (id) => moving.get(id), commit: () => commit(layout) }
    },
    read() {
      readSheets()
      const { layout, values } = totals
      return { layout, values }
    },
    async render() {
      readSheets()
      return { contentType: registry.contentType, body: await registry.metrics() }
    },
  }
}

function markBuild(sheet: MetricSheet): void {
  const build = sheet.layout.metrics.find((metric) => metric.name === 'sekisho_build_info')
  if (build !== undefined) sheet.set(build.firstSlot, 1)
}

/** The series of one metric in the form in which prom-client's registry wants them. */
function listValues({ layout, values, threads }: SheetTotals, name: string): Value[] {
  const metric = layout.metrics.find((candidate) => candidate.name === name)
  assert(metric !== undefined, 'every layout has every metric')
  return metric.series.flatMap((labelValues, index) => {
    const slot = metric.firstSlot + index * metric.slotsPerSeries
    const labels = Object.fromEntries(metric.labels.map((label, position) => [label, labelValues[position] as string]))
    if (metric.type === 'histogram') return listBuckets(metric, { slot, labels, values })
    if (!metric.perThread) return [{ labels, value: values[slot] as number }]
    return Array.from(threads, ([thread, slots]) => ({ labels: { thread, ...labels }, value: slots[slot] as number }))
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
