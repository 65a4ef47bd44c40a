// Goal: a chart of the live page shows what was counted when it was counted, and no more than is known. Method: the script's own
// functions on samples as they come, late, missing, and by a clock that was set back.
import t from 'tap'
import { chartSeconds, secondsCovered, spread } from '../../src/admin/live/browser/live-seconds.ts'
import type { LiveSample } from '../../src/admin/live/live-message.ts'

const nothing = { denied: {}, handshakes: {}, requests: {}, cuts: {} }

function sampleOf(atSeconds: number, permitted: number, lengthSeconds = 1): LiveSample {
  return { ...nothing, atMs: atSeconds * 1_000, durationMs: lengthSeconds * 1_000, permitted }
}

/** The last columns that these samples make. */
function last(count: number, samples: readonly LiveSample[]): number[] {
  return spread(samples, ({ permitted }) => permitted).slice(-count)
}

t.test('a second is a column, the newest last', async (t) => {
  const samples = [sampleOf(1, 4), sampleOf(2, 5), sampleOf(3, 6)]
  t.same(last(4, samples), [0, 4, 5, 6])
  t.equal(secondsCovered(samples), 3)
  t.equal(secondsCovered([]), 0)
  t.same(
    spread([], () => 1),
    new Array(chartSeconds).fill(0),
  )
})

t.test('what was counted in five seconds is no peak of one second', async (t) => {
  const samples = [sampleOf(1, 2), sampleOf(6, 10, 5), sampleOf(7, 1)]
  t.same(last(8, samples), [0, 2, 2, 2, 2, 2, 2, 1])
  t.equal(secondsCovered(samples), 7)
})

t.test('seconds of which nothing was heard stay empty', async (t) => {
  t.same(last(5, [sampleOf(1, 3), sampleOf(4, 9)]), [0, 3, 0, 0, 9])
})

t.test('a clock that is set back, or ticks a little slow, moves nothing', async (t) => {
  t.same(last(3, [sampleOf(100, 1), sampleOf(50, 2), sampleOf(51, 3)]), [1, 2, 3])
  const slow = Array.from({ length: 400 }, (_, at) => sampleOf((at + 1) * 1.003, 1, 1.003))
  t.same(last(chartSeconds, slow), new Array(chartSeconds).fill(1), 'no gaps')
  t.equal(secondsCovered(slow), chartSeconds)
})

t.test('a sample that began before the chart is shown in part', async (t) => {
  const values = spread([sampleOf(10, 400, 400)], ({ permitted }) => permitted)
  t.same([values.length, values[0], values.at(-1)], [chartSeconds, 1, 1])
})
