// Goal: an ops engineer who types what the operations guide says of Redis gets there: from the file to Redis, a second gateway, a lost Redis,
// Sentinels and a primary that ends. Method: its boxes in order, on a machine below one folder that was deployed by the guide.
import t from 'tap'
import { boxes, partOf, tryBox } from './operations-boxes.ts'
import { createWorld } from './operations-world.ts'

t.test('what the guide says of Redis, box by box', { timeout: 110_000 }, async (t) => {
  const world = await createWorld()
  t.teardown(() => world.remove())
  const run = boxes.filter(({ name }) => ['deployment', 'redis'].includes(partOf(name)))
  t.ok(run.some(({ name }) => name === 'redis-failover') && run.length > 12)
  for (const { name, script } of run) if (!(await tryBox(t, world, name, script))) return
  t.match(world.serviceLog(), /the store has gone back/, 'the gateway saw that Redis had been emptied')
})
