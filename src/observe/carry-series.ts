import type { MetricLayout, PlacedMetric } from '../base/metric-sheet.ts'

/** The numbers of a layout; a `MetricSheet` is one. */
export type SlotNumbers = { readonly layout: MetricLayout; readonly slots: Float64Array }

/**
 * Brings numbers from one layout to another: every series that both have, with all its slots. A histogram keeps its buckets, as they
 * are the same in every layout.
 *
 * @param options.combine what becomes of a slot (default: the number carried replaces the one that stands there)
 * @param options.only which metrics are carried (default: all)
 */
export function carrySeries(
  from: SlotNumbers,
  to: SlotNumbers,
  options: {
    readonly combine?: (standing: number, carried: number) => number
    readonly only?: (metric: PlacedMetric) => boolean
  } = {},
): void {
  const { combine = (_standing, carried) => carried, only = () => true } = options
  const sources = new Map(from.layout.metrics.map((metric) => [metric.name, metric]))
  for (const metric of to.layout.metrics) {
    const source = sources.get(metric.name)
    if (source === undefined || !only(metric)) continue
    const starts = new Map(
      source.series.map((values, index) => [JSON.stringify(values), source.firstSlot + index * source.slotsPerSeries]),
    )
    metric.series.forEach((values, index) => {
      const start = starts.get(JSON.stringify(values))
      if (start === undefined) return
      const place = metric.firstSlot + index * metric.slotsPerSeries
      for (let slot = 0; slot < metric.slotsPerSeries; slot += 1) {
        to.slots[place + slot] = combine(to.slots[place + slot] as number, from.slots[start + slot] as number)
      }
    })
  }
}
