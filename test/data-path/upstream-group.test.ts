// Goal: a group shares requests out among its targets, does without those that fail, and bounds connections and waiting.
// Method: real listeners on loopback, users played by the test, a fake clock that the group's deadlines follow.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { type Listener, setUpGroup, shares, startListener, upstreamConfig } from './upstream-group-set-up.ts'

const startTwo = async (test: Parameters<typeof startListener>[0]) =>
  [await startListener(test), await startListener(test)] as const

const portsOf = (listeners: readonly Listener[]) => listeners.map(({ port }) => port)

t.test('requests go to the target with the fewest', async (t) => {
  const ports = portsOf(await startTwo(t))
  const { take } = setUpGroup(t, upstreamConfig(ports))
  const first = Array.from({ length: 6 }, () => take())
  t.strictSame(shares(first, ports), [3, 3])
  for (const { connection } of first) if (connection?.target.port === ports[0]) connection?.release()
  t.strictSame(shares([take(), take(), take()], ports), [3, 0])
})

t.test('a quiet application is reached on kept connections, whoever has them, and all targets take part', async (t) => {
  const ports = portsOf(await startTwo(t))
  const { take, reports, advance } = setUpGroup(t, upstreamConfig(ports))
  const users = Array.from({ length: 10 }, () => {
    const user = take()
    user.connection?.release()
    return user
  })
  t.strictSame(shares(users, ports), [5, 5])
  advance(0)
  t.match(reports, { inUse: 0, idle: 2 })
})

t.test('with affinity a user stays with one target, and is given another only while that one is out', async (t) => {
  const listeners = await startTwo(t)
  const ports = portsOf(listeners)
  const { take, group } = setUpGroup(t, upstreamConfig(ports, { affinity: 'loginId' }))
  const rounds = () =>
    Array.from({ length: 20 }, (_, at) => {
      const affinity = `user${at}`
      const all = [take({ affinity }), take({ affinity }), take({ affinity })].map(({ connection }) => connection)
      t.equal(new Set(all.map((connection) => connection?.target)).size, 1)
      for (const connection of all) connection?.release()
      return all[0]?.target.port
    })
  const homes = rounds()
  t.strictSame(new Set(homes), new Set(ports))
  const [first] = listeners
  group.setHealth(first.name, false)
  t.strictSame(new Set(rounds()), new Set([ports[1]]))
  group.setHealth(first.name, true)
  t.strictSame(rounds(), homes)
})

t.test('login IDs do not matter where no affinity is configured', async (t) => {
  const ports = portsOf(await startTwo(t))
  const { take } = setUpGroup(t, upstreamConfig(ports))
  t.strictSame(shares([take({ affinity: 'user01' }), take({ affinity: 'user01' })], ports), [1, 1])
})

t.test('a target that has just failed a request is avoided, unless there is no other', async (t) => {
  const listeners = await startTwo(t)
  for (const affinity of ['none', 'loginId'] as const) {
    const { take, group } = setUpGroup(t, upstreamConfig(portsOf(listeners), { affinity }))
    const { name } = listeners[0]
    const avoid = group.target(name)
    for (let at = 0; at < 5; at++) t.not(take({ avoid, affinity: `user${at}` }).connection?.target.name, name)
    group.setHealth(listeners[1].name, false)
    t.equal(take({ avoid }).connection?.target.name, name)
  }
})

t.test(
  'beyond the limit users wait in order; beyond the queue they are refused; who leaves is passed over',
  async (t) => {
    const { port } = await startListener(t)
    const { group, open, ask } = setUpGroup(t, upstreamConfig([port], { connectionsMax: 2, queueMax: 2 }))
    const [first, second] = [await open(), await open()]
    const [waiting, next, refused] = [ask(), ask(), ask()]
    t.strictSame([waiting.told, next.told, refused.told], ['queued', 'queued', 'full'])
    t.equal(waiting.user.connection, undefined)
    group.forget(waiting.user)
    first.connection?.release()
    t.equal(next.user.connection, first.connection)
    t.equal(waiting.user.connection, undefined)
    const { user, told } = ask()
    t.equal(told, 'queued', 'there is room in the queue again')
    second.connection?.destroy()
    await eventually(() => user.connection?.connected, Boolean)
    t.not(user.connection, second.connection, 'the place of a connection that ended goes to who waits')
  },
)

t.test('the limit is one of all targets together', async (t) => {
  const ports = portsOf(await startTwo(t))
  const { take, ask } = setUpGroup(t, upstreamConfig(ports, { connectionsMax: 4 }))
  for (let at = 0; at < 4; at++) take()
  t.equal(ask().told, 'queued')
})

t.test('each worker has its part of the limits, rounded up', async (t) => {
  const { port } = await startListener(t)
  const { take, ask } = setUpGroup(t, upstreamConfig([port], { connectionsMax: 4, queueMax: 1 }), 3)
  take()
  take()
  t.strictSame([ask().told, ask().told], ['queued', 'full'])
})

t.test('unused connections to other targets make room for one that is needed', async (t) => {
  const listeners = await startTwo(t)
  const { open, take, advance, reports } = setUpGroup(t, upstreamConfig(portsOf(listeners), { connectionsMax: 2 }))
  const [first, second] = [await open(), await open()]
  const { target } = first.connection ?? {}
  first.connection?.release()
  const { connection } = take({ avoid: target })
  t.equal(connection?.target, second.connection?.target)
  t.ok(first.connection?.socket.destroyed)
  advance(0)
  t.match(reports, { inUse: 2, idle: 0 })
})

t.test('a fresh connection is made in the place of an unused one, at once or from the queue', async (t) => {
  const { port } = await startListener(t)
  const { open, take, ask } = setUpGroup(t, upstreamConfig([port], { connectionsMax: 1 }))
  const first = await open()
  first.connection?.release()
  const second = take({ fresh: true })
  t.ok(first.connection?.socket.destroyed)
  const { user, told } = ask({ fresh: true })
  t.equal(told, 'queued')
  second.connection?.release()
  t.not(user.connection, second.connection)
  await eventually(() => user.connection?.connected, Boolean)
  t.ok(second.connection?.socket.destroyed)
})

t.test('a free connection goes to who waits, also among several targets, unless it is the wrong one', async (t) => {
  const ports = portsOf(await startTwo(t))
  const { open, ask } = setUpGroup(t, upstreamConfig(ports, { connectionsMax: 2 }))
  const [first, second] = [await open(), await open()]
  const any = ask().user
  second.connection?.release()
  t.equal(any.connection, second.connection)
  const other = ask({ avoid: first.connection?.target ?? undefined }).user
  first.connection?.release()
  t.equal(other.connection?.target, second.connection?.target)
  t.ok(first.connection?.socket.destroyed)
})

t.test('of equal targets who waits gets the one whose connection is free', async (t) => {
  const ports = portsOf(await startTwo(t))
  const { open, ask } = setUpGroup(t, upstreamConfig(ports, { connectionsMax: 3 }))
  const [first] = [await open(), await open(), await open()]
  const { user } = ask()
  first?.connection?.release()
  t.equal(user.connection, first?.connection)
})

t.test('who waits too long is told so, who came later waits on', async (t) => {
  const { port } = await startListener(t)
  const { open, ask, advance, reports } = setUpGroup(
    t,
    upstreamConfig([port], { connectionsMax: 1, queueTimeoutMs: 2_000 }),
  )
  const holder = await open()
  const early = ask().user
  advance(1_200)
  const late = ask().user
  advance(799)
  t.equal(early.refusedWith, undefined)
  advance(1)
  t.equal(early.refusedWith, 'upstream_too_busy')
  t.equal(late.refusedWith, undefined)
  advance(1_000)
  t.equal(reports.waiting, 1)
  holder.connection?.release()
  t.equal(late.connection, holder.connection)
  t.equal(early.connection, undefined)
  advance(5_000)
  t.equal(late.refusedWith, undefined)
  t.equal(reports.waiting, 0)
})

t.test('a target that fails again and again gets no requests until its time is over', async (t) => {
  const listeners = await startTwo(t)
  const [bad] = listeners
  const { group, open, take, advance, reports } = setUpGroup(t, upstreamConfig(portsOf(listeners)))
  const [one, two] = [await open(), await open()]
  const kept = [one, two].find(({ connection }) => connection?.target.name === bad.name)?.connection
  kept?.release()
  for (let at = 0; at < 3; at++) group.target(bad.name)?.failed()
  t.ok(kept?.socket.destroyed, 'its kept connections are not trusted either')
  t.strictSame(reports.ejected, [bad.name])
  t.strictSame(shares([take(), take(), take()], portsOf(listeners)), [0, 3])
  advance(9_999)
  t.strictSame(shares([take()], portsOf(listeners)), [0, 1])
  advance(1)
  t.strictSame(shares([take()], portsOf(listeners)), [1, 0])
  t.strictSame(reports.states.slice(2), [`${bad.name} ejected`, `${bad.name} available`])
})

t.test('a connection in use when its target went out is finished, then closed', async (t) => {
  const listeners = await startTwo(t)
  const { group, open } = setUpGroup(t, upstreamConfig(portsOf(listeners)))
  const { connection } = await open()
  group.setHealth(connection?.target.name ?? '', false)
  t.notOk(connection?.socket.destroyed)
  connection?.release()
  t.ok(connection?.socket.destroyed)
})

t.test('a single target is never ejected, however it fails', async (t) => {
  const { port, name } = await startListener(t)
  const { group, take, reports } = setUpGroup(t, upstreamConfig([port]))
  for (let at = 0; at < 20; at++) group.target(name)?.failed()
  take()
  t.strictSame(reports.ejected, [])
})

t.test(
  'when the checks take the last one away the ejected are used again; without those nobody is served',
  async (t) => {
    const [bad, good] = await startTwo(t)
    const { group, take, ask } = setUpGroup(t, upstreamConfig(portsOf([bad, good]), { connectionsMax: 2 }))
    for (let at = 0; at < 3; at++) group.target(bad.name)?.failed()
    take()
    group.setHealth(good.name, false)
    t.equal(take().connection?.target.name, bad.name)
    const { user, told } = ask()
    t.equal(told, 'queued')
    group.setHealth(bad.name, false)
    t.equal(user.refusedWith, 'upstream_unavailable')
    t.equal(ask().told, 'unavailable')
    group.setHealth('127.0.0.1:1', true)
    t.equal(ask().told, 'unavailable', 'another name changes nothing')
    group.setHealth(good.name, true)
    t.equal(ask().told, 'queued')
  },
)

t.test('a target that comes back starts slowly', async (t) => {
  const listeners = await startTwo(t)
  const ports = portsOf(listeners)
  const { group, take, advance } = setUpGroup(t, upstreamConfig(ports, { slowStartMs: 10_000 }))
  const hundred = () => {
    const users = Array.from({ length: 100 }, () => {
      const user = take()
      user.connection?.release()
      return user
    })
    return shares(users, ports)[0] ?? -1
  }
  t.equal(hundred(), 50, 'not at the first start')
  group.setHealth(listeners[0].name, false)
  t.equal(hundred(), 0)
  group.setHealth(listeners[0].name, true)
  const grown = [hundred()]
  for (let second = 0; second < 10; second += 2) {
    advance(2_000)
    grown.push(hundred())
  }
  t.strictSame(
    grown,
    [...grown].sort((a, b) => a - b),
  )
  t.ok((grown[0] ?? 99) < 10, `${grown}`)
  t.equal(grown.at(-1), 50)
})

t.test('after a reload known targets go on, new ones start slowly, and the old group ends in peace', async (t) => {
  const listeners = [...(await startTwo(t)), await startListener(t)]
  const [first, second, added] = listeners as [Listener, Listener, Listener]
  const config = upstreamConfig(portsOf([first, second]), { slowStartMs: 10_000, connectionsMax: 2 })
  const { group, open, ask, advance, reload, reports, clock } = setUpGroup(t, config)
  const [busy, idle] = [await open(), await open()]
  group.setHealth(second.name, false)
  const waiting = ask().user
  idle.connection?.release()
  await eventually(() => waiting.connection?.connected, Boolean)
  const next = reload({ ...config, targets: upstreamConfig(portsOf(listeners)).targets })
  t.equal(next.target(second.name)?.state, 'unhealthy')
  const nowMs = clock.monotonicMs()
  t.equal(next.target(first.name)?.share(nowMs), 1)
  t.ok((next.target(added.name)?.share(nowMs) ?? 1) < 0.1)
  t.notOk(busy.connection?.socket.destroyed)
  const { user, told } = ask()
  t.equal(told, 'queued', 'a request that knows only the old group is still served')
  reports.states.length = 0
  group.setHealth(second.name, true)
  t.strictSame(reports.states, [], 'its targets are reported by the new group')
  busy.connection?.release()
  t.ok(busy.connection?.socket.destroyed)
  await eventually(() => user.connection?.connected, Boolean)
  for (const { connection } of [waiting, user]) connection?.release()
  t.ok(waiting.connection?.socket.destroyed && user.connection?.socket.destroyed)
  advance(1_000)
  t.match(reports, { inUse: 0, idle: 0 })
  await eventually(() => {
    const { deadlineMs } = group
    advance(60_000)
    return group.deadlineMs === deadlineMs
  }, Boolean)
  t.pass('then it is forgotten by the sweep')
})

t.test('a retired group still ends the waiting of who asks it', async (t) => {
  const { port } = await startListener(t)
  const config = upstreamConfig([port], { connectionsMax: 1, queueTimeoutMs: 2_000 })
  const { take, ask, reload, advance } = setUpGroup(t, config)
  reload(config)
  take()
  const { user } = ask()
  advance(2_000)
  t.equal(user.refusedWith, 'upstream_too_busy')
})

t.test('a reload that leaves only ejected targets uses them', async (t) => {
  const [bad, good] = await startTwo(t)
  const config = upstreamConfig(portsOf([bad, good]))
  const { group, reload } = setUpGroup(t, config)
  for (let at = 0; at < 3; at++) group.target(bad.name)?.failed()
  t.equal(group.target(bad.name)?.state, 'ejected')
  t.equal(reload(upstreamConfig([bad.port])).target(bad.name)?.state, 'available')
})
