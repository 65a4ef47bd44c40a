// Goal: numbers written by one thread are read by another at the slots the layout names, and misuse is refused.
// Method: a small layout, a real worker thread on the shared memory, and layouts that break the rules.
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { layOutMetrics, MetricSheet, type MetricSpec } from '../../src/base/metric-sheet.ts'

const counter: MetricSpec = {
  name: 'things_total',
  help: 'Things',
  type: 'counter',
  labels: ['kind'],
  series: [['red'], ['blue']],
  buckets: [],
  perThread: false,
}
const histogram: MetricSpec = {
  name: 'wait_seconds',
  help: 'Waits',
  type: 'histogram',
  labels: [],
  series: [[]],
  buckets: [0.1, 1],
  perThread: false,
}

t.test('the same specs give the same layout, and slots do not overlap', async (t) => {
  const layout = layOutMetrics([counter, histogram])
  t.strictSame(layOutMetrics([counter, histogram]), layout)
  t.not(layOutMetrics([histogram, counter]).signature, layout.signature)
  t.equal(layout.slotCount, 1 + 2 + 4)
  const sheet = MetricSheet.create(layout)
  const slot = sheet.slotFinder()
  const slots = [slot('things_total', 'red'), slot('things_total', 'blue'), slot('wait_seconds')]
  t.strictSame(slots, [1, 2, 3])
  t.ok([...sheet.slots.subarray(1)].every((value) => value === 0))
  t.throws(() => slot('things_total', 'green'), /things_total\{green\}/)
})

t.test('an observation falls into the first bucket that holds it', async (t) => {
  const sheet = MetricSheet.create(layOutMetrics([histogram]))
  const slot = sheet.slotFinder()('wait_seconds')
  for (const value of [0.1, 0.1001, 1, 1.5, 0]) sheet.observe(slot, histogram.buckets, value)
  t.strictSame([...sheet.slots.subarray(slot, slot + 3)], [2, 2, 1])
  t.ok(Math.abs((sheet.slots[slot + 3] as number) - 2.7001) < 1e-9)
  for (const broken of [-5, Number.NaN, Number.POSITIVE_INFINITY]) sheet.observe(slot, histogram.buckets, broken)
  t.equal(sheet.slots[slot], 5, 'a broken value counts as 0')
  t.ok(Math.abs((sheet.slots[slot + 3] as number) - 2.7001) < 1e-9, 'and leaves the sum alone')
})

t.test('another thread writes, this one reads without a message', async (t) => {
  const layout = layOutMetrics([counter, histogram])
  const sheet = MetricSheet.create(layout)
  const module = JSON.stringify(new URL('../../src/base/metric-sheet.ts', import.meta.url).href)
  const source = `
    import { workerData } from 'node:worker_threads'
    const { MetricSheet } = await import(${module})
    const sheet = MetricSheet.open(workerData.layout, workerData.buffer)
    const slot = sheet.slotFinder()('things_total', 'blue')
    for (let i = 0; i < 1000; i += 1) sheet.add(slot, 1)
  `
  const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
  const worker = new Worker(url, { workerData: { layout, buffer: sheet.buffer } })
  const code = await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  t.equal(code, 0)
  t.equal(sheet.slots[sheet.slotFinder()('things_total', 'blue')], 1000)
})

t.test('a sheet of another layout is refused', async (t) => {
  const sheet = MetricSheet.create(layOutMetrics([counter]))
  t.throws(() => MetricSheet.open(layOutMetrics([histogram]), sheet.buffer), /layout/)
  const renamed = layOutMetrics([{ ...counter, name: 'others_total' }])
  t.throws(() => MetricSheet.open(renamed, sheet.buffer), /layout/, 'also when it has the same size')
})

t.test('broken tables are refused at start', async (t) => {
  t.throws(() => layOutMetrics([counter, counter]), /once/)
  t.throws(() => layOutMetrics([{ ...counter, series: [['red'], ['red']] }]), /distinct/)
  t.throws(() => layOutMetrics([{ ...counter, series: [['red', 'big']] }]), /each label/)
  t.throws(() => layOutMetrics([{ ...counter, buckets: [1] }]), /buckets/)
  t.throws(() => layOutMetrics([{ ...counter, perThread: true }]), /gauge/)
})
