// Goal: a deadline fires once, when it has passed, and may be moved, taken back or set anew while it fires.
// Method: a fake clock; `sweep()` is called as the timer would.
import t from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import { Deadlines } from '../../src/data-path/deadlines.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

function setUp(t: { teardown(done: () => void): void }) {
  const clock = new FakeClock()
  const deadlines = new Deadlines(new TickClock(clock))
  t.teardown(() => deadlines.close())
  const item = (deadlineMs: number, expire = () => {}) => {
    const made = {
      deadlineMs,
      deadlinePlace: -1,
      fired: 0,
      expire: () => {
        made.fired++
        expire()
      },
    }
    deadlines.add(made)
    return made
  }
  return { clock, deadlines, item }
}

t.test('fires once when the time has come', async (t) => {
  const { clock, deadlines, item } = setUp(t)
  const soon = item(clock.monotonicMs() + 100)
  const never = item(Number.POSITIVE_INFINITY)
  deadlines.sweep()
  t.equal(soon.fired, 0)
  clock.advance(100)
  deadlines.sweep()
  deadlines.sweep()
  clock.advance(1_000_000)
  deadlines.sweep()
  t.equal(soon.fired, 1)
  t.equal(never.fired, 0)
})

t.test('a moved deadline counts from where it was moved to', async (t) => {
  const { clock, deadlines, item } = setUp(t)
  const moved = item(clock.monotonicMs() + 100)
  clock.advance(99)
  moved.deadlineMs = clock.monotonicMs() + 100
  clock.advance(50)
  deadlines.sweep()
  t.equal(moved.fired, 0)
  clock.advance(50)
  deadlines.sweep()
  t.equal(moved.fired, 1)
})

t.test('may be set anew, removed and added while deadlines fire', async (t) => {
  const { clock, deadlines, item } = setUp(t)
  const again = item(clock.monotonicMs(), () => {
    again.deadlineMs = clock.monotonicMs() + 10
  })
  const gone = item(clock.monotonicMs())
  const other = item(clock.monotonicMs(), () => deadlines.remove(gone))
  deadlines.sweep()
  t.strictSame([again.fired, other.fired, gone.fired], [1, 1, 0])
  clock.advance(10)
  deadlines.sweep()
  t.equal(again.fired, 2)
})

t.test('wall time does not matter', async (t) => {
  const { clock, deadlines, item } = setUp(t)
  const soon = item(clock.monotonicMs() + 100)
  clock.wallMs += 86_400_000
  deadlines.sweep()
  t.equal(soon.fired, 0)
  clock.wallMs -= 7 * 86_400_000
  clock.elapsedMs += 100
  deadlines.sweep()
  t.equal(soon.fired, 1)
})

t.test('whoever goes leaves the others where they can be found', async (t) => {
  const { clock, deadlines, item } = setUp(t)
  const nowMs = clock.monotonicMs()
  const items = Array.from({ length: 20 }, () => item(nowMs + 100))
  for (const at of [0, 19, 7, 7, 3]) deadlines.remove(items[at] as (typeof items)[number])
  deadlines.add(items[3] as (typeof items)[number])
  deadlines.add(items[3] as (typeof items)[number])
  clock.advance(200)
  deadlines.sweep()
  const gone = new Set([0, 19, 7])
  t.strictSame(
    items.map(({ fired }) => fired),
    items.map((_, at) => (gone.has(at) ? 0 : 1)),
  )
})
