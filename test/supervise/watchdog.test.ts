// Goal: systemd hears a sign of life within its period as long as there is one, and never after.
// Method: answers that the test gives, Node's mock timers; the variables of the environment as systemd sets them.
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { startWatchdog, watchdogPeriodMs } from '../../src/supervise/watchdog.ts'

t.test('the period is for this process only', async (t) => {
  t.equal(watchdogPeriodMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 30_000)
  t.equal(watchdogPeriodMs({ WATCHDOG_USEC: '30000000' }, 7), 30_000)
  t.equal(watchdogPeriodMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined)
  for (const period of [undefined, '', '0', '-1', 'soon']) {
    t.equal(watchdogPeriodMs({ WATCHDOG_USEC: period }, 7), undefined, String(period))
  }
})

t.test('it is said three times a period while all is well, not when nothing answers', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  let [well, alive] = [true, 0]
  const asked: number[] = []
  const end = startWatchdog({
    periodMs: 300,
    isWell: async (withinMs) => {
      asked.push(withinMs)
      return well
    },
    alive: () => void alive++,
  })
  const pass = async (thirds: number) => {
    for (let third = 0; third < thirds; third++) {
      mock.timers.tick(100)
      await turn()
    }
  }
  await pass(6)
  t.strictSame([alive, asked], [6, Array(6).fill(100)])
  well = false
  await pass(6)
  t.equal(alive, 6)
  well = true
  await pass(1)
  t.equal(alive, 7, 'and again when it answers')
  end()
  await pass(3)
  t.equal(alive, 7)
})
