// Goal: a stall of the event loop shows in the next report, and an idle loop reports almost none.
// Method: block the loop on purpose after the watch has begun to tick, then wait for the report.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { watchLoopDelay } from '../../src/observe/loop-delay.ts'

t.test('a stall is reported in seconds', async (t) => {
  let reports = 0
  const seen = await new Promise<{ p99: number; max: number }>((resolve) => {
    const watch = watchLoopDelay((p99, max) => {
      reports += 1
      if (reports === 1) {
        const end = systemClock.monotonicMs() + 150
        while (systemClock.monotonicMs() < end);
        return
      }
      watch.stop()
      clearInterval(alive)
      resolve({ p99, max })
    })
    const alive = setInterval(() => undefined, 100)
  })
  t.ok(seen.max >= 0.1 && seen.max < 5, `max ${seen.max}`)
  t.ok(seen.p99 >= 0 && seen.p99 <= seen.max, `p99 ${seen.p99}`)
})
