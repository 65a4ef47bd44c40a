import type { MetricLayout, MetricSheet } from '../base/metric-sheet.ts'
import { carrySeries } from './carry-series.ts'

/** Sums over threads, living and dead. */
export class SheetTotals {
  /** The numbers to show, by the slots of `layout`; as of the last `read`. */
  values: Float64Array
  /** The numbers of each living thread, for gauges that are shown for each of them; as of the last `read`. */
  threads: ReadonlyMap<string, Float64Array> = new Map()
  #layout: MetricLayout
  #retired: Float64Array

  constructor(layout: MetricLayout) {
    this.#layout = layout
    this.#retired = new Float64Array(layout.slotCount)
    this.values = new Float64Array(layout.slotCount)
  }

  /** The series summed up now. */
  get layout(): MetricLayout {
    return this.#layout
  }

  /**
   * Keeps what an ended thread counted; memory stays bounded however often workers restart.
   *
   * @param moving the sheet to which it was about to move: whether it had done so nobody knows, but the one that was written last
   * has the higher counts
   */
  retire(sheet: MetricSheet, moving?: MetricSheet): void {
    const last = { layout: this.#layout, slots: this.#slotsOf(sheet).slice() }
    if (moving !== undefined) carrySeries(moving, last, { combine: Math.max })
    const retired = { layout: this.#layout, slots: this.#retired }
    carrySeries(last, retired, { combine: (sum, count) => sum + count, only: ({ type }) => type !== 'gauge' })
  }

  /** Goes on with other series; the sums of those that both layouts have are carried over. */
  useLayout(layout: MetricLayout): void {
    const carry = (slots: Float64Array) => {
      const next = new Float64Array(layout.slotCount)
      carrySeries({ layout: this.#layout, slots }, { layout, slots: next })
      return next
    }
    this.#retired = carry(this.#retired)
    this.values = carry(this.values)
    this.#layout = layout
  }

  /** Adds up the sheets of the living threads, by their `thread` labels. */
  read(sheets: ReadonlyMap<string, MetricSheet>): void {
    this.threads = new Map(Array.from(sheets, ([thread, sheet]) => [thread, this.#slotsOf(sheet)]))
    const sums = Float64Array.from(this.#retired)
    for (const slots of this.threads.values()) {
      for (let slot = 1; slot < sums.length; slot += 1) sums[slot] = (sums[slot] as number) + (slots[slot] as number)
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

  /** A sheet's numbers by the slots of this layout; those of another layout are copied. */
  #slotsOf(sheet: MetricSheet): Float64Array {
    if (sheet.layout.signature === this.#layout.signature) return sheet.slots
    const slots = new Float64Array(this.#layout.slotCount)
    carrySeries(sheet, { layout: this.#layout, slots })
    return slots
  }
}
