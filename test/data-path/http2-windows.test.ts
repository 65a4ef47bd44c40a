// Goal: the small parts of flow control and budgets keep their numbers. Method: each alone, with a clock that stands still until
// it is told to go on.
import t from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import type { Limits } from '../../src/config/gateway-config.ts'
import { Deadlines } from '../../src/data-path/deadlines.ts'
import { Http2Backlog } from '../../src/data-path/http2-backlog.ts'
import { Budget } from '../../src/data-path/http2-budget.ts'
import { Http2Room } from '../../src/data-path/http2-room.ts'
import { Http2Window } from '../../src/data-path/http2-window.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

t.test('a window is given back in halves, and what was never given back is missed', async (t) => {
  const window = new Http2Window(1_000)
  t.ok(window.take(1_000))
  t.equal(window.give(499), 0)
  t.equal(window.give(1), 500)
  t.ok(window.take(500))
  t.notOk(window.take(1), 'more than the client may send')
})

t.test('a budget is spent, earned and grows with time', async (t) => {
  const clock = new FakeClock()
  const budget = new Budget(60, clock)
  for (let count = 0; count < 60; count++) t.ok(budget.take())
  t.notOk(budget.take())
  clock.advance(1_000)
  t.ok(budget.take())
  t.notOk(budget.take())
  budget.earn(2)
  t.ok(budget.take())
  t.ok(budget.take())
  t.notOk(budget.take())
  clock.advance(3_600_000)
  for (let count = 0; count < 60; count++) t.ok(budget.take())
  t.notOk(budget.take(), 'no more than a minute’s worth')
})

t.test('those who wait for room take turns', async (t) => {
  const room = new Http2Room()
  room.window = 0
  const turns: string[] = []
  const user = (name: string) => ({
    mayWrite() {
      turns.push(name)
      room.window -= 10
      room.wait(this)
    },
  })
  const [a, b, c] = [user('a'), user('b'), user('c')]
  for (const one of [a, b, c]) room.wait(one)
  t.ok(room.grow(20))
  t.strictSame(turns, ['a', 'b'])
  t.ok(room.grow(20))
  t.strictSame(turns, ['a', 'b', 'c', 'a'], 'who came last is not forgotten')
  t.ok(room.leave(b))
  t.notOk(room.leave(b))
  t.ok(room.grow(100))
  t.strictSame(turns.slice(4), ['c', 'a'], 'each once')
  t.notOk(room.grow(2 ** 31 - 1), 'a window beyond 2^31-1')
})

function startBacklog(t: { teardown(fn: () => void): void }) {
  const source = new FakeClock()
  const clock = new TickClock(source)
  const deadlines = new Deadlines(clock)
  t.teardown(() => deadlines.close())
  let sheds = 0
  const door = { deadlines, clock, limits: { http2ConnectionWindowBytes: 1_600 } as Limits }
  const backlog = new Http2Backlog(door, () => {
    sheds++
  })
  const pass = (durationMs: number) => {
    source.advance(durationMs)
    deadlines.sweep()
  }
  return { backlog, pass, sheds: () => sheds }
}

t.test('what may wait may wait for ever', async (t) => {
  const { backlog, pass, sheds } = startBacklog(t)
  backlog.change(1_600)
  t.notOk(backlog.over)
  pass(3_600_000)
  t.equal(sheds(), 0)
})

t.test('too much of which nothing is taken is shed, again and again', async (t) => {
  const { backlog, pass, sheds } = startBacklog(t)
  backlog.change(1_601)
  t.ok(backlog.over)
  pass(2_900)
  t.equal(sheds(), 0)
  pass(200)
  t.equal(sheds(), 1)
  pass(3_100)
  t.equal(sheds(), 2)
  backlog.change(-2)
  pass(60_000)
  t.equal(sheds(), 2, 'no longer too much')
})

t.test('a client that takes its share is waited for', async (t) => {
  const { backlog, pass, sheds } = startBacklog(t)
  backlog.change(10_000)
  for (let turn = 0; turn < 10; turn++) {
    backlog.change(-100)
    pass(3_100)
  }
  t.equal(sheds(), 0)
  backlog.change(-99)
  pass(3_100)
  t.equal(sheds(), 1, 'less than a sixteenth of what may wait')
})
