// Goal: the Sentinel set of tests is a real one: a master that dies or is told to step down is replaced, and comes back as a replica.
// Method: start it, break it, and ask everybody who the master is.
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { agreedMaster, type SentinelView, startSentinelSet } from '../helpers/redis-sentinel.ts'

t.test(
  'a master that is killed is replaced, keeps its data, and comes back as a replica',
  { timeout: 60_000 },
  async (t) => {
    const set = await startSentinelSet(t, { directives: { appendonly: 'yes' } })
    const first = await set.settled()
    t.equal(first, set.servers[0])
    t.equal(await set.master(), first)
    await first.cli('SET', 'fruit', 'kaki')
    t.equal(await first.cli('WAIT', 2, 5_000), 2, 'both replicas have it')
    await first.kill()
    await t.rejects(set.settled(300), /No agreement within 300 ms/)
    const second = await eventually(
      () => set.master(),
      (master) => master !== undefined && master !== first,
      15_000,
    )
    t.equal(await second?.cli('GET', 'fruit'), 'kaki')
    await first.restart()
    t.equal(await set.settled(30_000), second)
    t.equal(((await first.cli('ROLE')) as unknown[])[0], 'slave')
  },
)

t.test('a Sentinel puts a replica in the place of a master that is well', { timeout: 60_000 }, async (t) => {
  const set = await startSentinelSet(t, { servers: 2 })
  const first = await set.settled()
  await set.failOver()
  const second = await eventually(
    () => set.master(),
    (master) => master !== undefined && master !== first,
    15_000,
  )
  t.equal(await set.settled(), second)
})

t.test('nobody is the agreed master while anybody is of another opinion', async (t) => {
  const ports = [1, 2, 3]
  const master = { role: 'master', masterPort: undefined, connected: true } as const
  const replica = { role: 'replica', masterPort: 2, connected: true } as const
  const good: SentinelView = { servers: [replica, master, replica], masterPorts: [2, 2, 2] }
  t.equal(agreedMaster(good, ports), 1)
  const bad: readonly Partial<SentinelView>[] = [
    { servers: [master, master, replica] },
    { servers: [undefined, master, replica] },
    { servers: [{ ...replica, masterPort: 3 }, master, replica] },
    { servers: [{ ...replica, connected: false }, master, replica] },
    { servers: [replica, undefined, replica] },
    { masterPorts: [2, 2, 1] },
    { masterPorts: [2, undefined, 2] },
  ]
  for (const change of bad) t.equal(agreedMaster({ ...good, ...change }, ports), undefined, JSON.stringify(change))
})
