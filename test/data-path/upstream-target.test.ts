// Goal: a target goes out and comes back by the rules of ejection, health and slow start. Method: a fake clock, an owner played here.
import t from 'tap'
import type { UpstreamTargetConfig } from '../../src/config/gateway-config.ts'
import { UpstreamTarget } from '../../src/data-path/upstream-target.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { upstreamConfig } from './upstream-group-set-up.ts'

function setUp(slowStartMs = 0) {
  const config = upstreamConfig([8_080], { ejection: { failures: 3, durationMs: 1_000 }, slowStartMs })
  const clock = new FakeClock()
  const states: string[] = []
  const owner = {
    others: true,
    mayEject: () => owner.others,
    stateChanged: (at: UpstreamTarget) => states.push(at.state),
  }
  const create = () => new UpstreamTarget(config.targets[0] as UpstreamTargetConfig, { config, clock, owner })
  const target = create()
  const fail = (times: number) => {
    for (let at = 0; at < times; at++) target.failed()
  }
  /** How long it has just been ejected for. */
  const ejectedFor = () => target.ejectedUntilMs - clock.monotonicMs()
  return { target, create, clock, states, owner, fail, ejectedFor }
}

t.test('so many failures in a row eject a target; a success in between starts the count again', async (t) => {
  const { target, fail, states } = setUp()
  fail(2)
  target.succeeded()
  fail(2)
  t.equal(target.state, 'available')
  fail(1)
  t.equal(target.state, 'ejected')
  t.strictSame(states, ['ejected'])
})

t.test('each failure on probation ejects for twice as long, up to eight times; a success ends that', async (t) => {
  const { target, fail, clock, ejectedFor } = setUp()
  fail(3)
  const durations = []
  for (let at = 0; at < 5; at++) {
    durations.push(ejectedFor())
    clock.advance(ejectedFor())
    target.readmit()
    t.equal(target.state, 'available')
    fail(1)
  }
  t.strictSame(durations, [1_000, 2_000, 4_000, 8_000, 8_000])
  target.readmit()
  target.succeeded()
  fail(2)
  t.equal(target.state, 'available')
  fail(1)
  t.equal(ejectedFor(), 1_000)
})

t.test('failures of requests that were on their way when it was ejected change nothing', async (t) => {
  const { fail, states, ejectedFor } = setUp()
  fail(9)
  t.equal(ejectedFor(), 1_000)
  t.strictSame(states, ['ejected'])
})

t.test('the last one is not ejected, but the next failure does it once there is another', async (t) => {
  const { target, fail, owner } = setUp()
  owner.others = false
  fail(20)
  t.equal(target.state, 'available')
  owner.others = true
  fail(1)
  t.equal(target.state, 'ejected')
})

t.test('what the checks say stands above failures, and a recovery forgets them', async (t) => {
  const { target, fail, states } = setUp()
  target.setHealth(true)
  t.strictSame(states, [], 'it was')
  fail(3)
  target.setHealth(false)
  t.equal(target.state, 'unhealthy')
  t.equal(target.ejectedUntilMs, Number.POSITIVE_INFINITY)
  fail(5)
  target.readmit()
  t.equal(target.state, 'unhealthy')
  target.setHealth(true)
  t.equal(target.state, 'available')
  fail(2)
  t.equal(target.state, 'available')
  t.strictSame(states, ['ejected', 'unhealthy', 'available'])
})

t.test('its share grows evenly from the moment it comes back', async (t) => {
  for (const comeBack of ['readmit', 'setHealth', 'startSlowly'] as const) {
    const { target, fail, clock } = setUp(10_000)
    t.equal(target.share(clock.monotonicMs()), 1, 'at the start nothing is held back')
    if (comeBack === 'readmit') fail(3)
    else target.setHealth(false)
    clock.advance(60_000)
    target[comeBack](true)
    const seen = [0, 2_500, 5_000, 9_000, 10_000, 60_000].map((afterMs) => target.share(clock.monotonicMs() + afterMs))
    t.strictSame(seen, [0.05, 0.25, 0.5, 0.9, 1, 1], comeBack)
    const turns = Array.from({ length: 100 }, () => target.takesTurn(0.25)).filter(Boolean)
    t.equal(turns.length, 25)
  }
})

t.test('without a slow start it has its full share at once', async (t) => {
  const { target, clock } = setUp(0)
  target.startSlowly()
  t.equal(target.share(clock.monotonicMs()), 1)
})

t.test('after a reload the same target goes on where it was', async (t) => {
  const { target, create, clock, fail } = setUp(10_000)
  fail(3)
  const ejected = create()
  ejected.inherit(target)
  t.equal(ejected.ejectedUntilMs, target.ejectedUntilMs)
  target.readmit()
  clock.advance(5_000)
  const slow = create()
  slow.inherit(target)
  t.equal(slow.share(clock.monotonicMs()), 0.5)
  slow.failed()
  t.equal(slow.ejectedUntilMs - clock.monotonicMs(), 2_000, 'still on probation')
  target.setHealth(false)
  const unhealthy = create()
  unhealthy.inherit(target)
  t.equal(unhealthy.state, 'unhealthy')
})
