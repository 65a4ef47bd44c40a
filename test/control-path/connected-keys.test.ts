// Goal: which certificates are connected is known from changes alone, at little cost. Method: random comings and goings in several
// workers, some of which end, told in deltas and compared with plain sets.
import t from 'tap'
import { ConnectedKeys } from '../../src/control-path/connected-keys.ts'
import { LiveConnections } from '../../src/trust/live-connections.ts'
import { scrambled } from '../trust/key-streams.ts'
import { FakeConnection, keyOf } from '../trust/trust-fakes.ts'

t.test('random comings and goings in three workers, some of which end', async (t) => {
  const all = new ConnectedKeys()
  const workers = [0, 1, 2].map((slot) => ({
    id: `worker-${slot}`,
    live: new LiveConnections(),
    open: new Set<FakeConnection>(),
  }))
  let starts = 3
  for (let round = 0; round < 300; round++) {
    const seen = new Set<string>()
    for (const [slot, worker] of workers.entries()) {
      if (scrambled(11, round * 3 + slot) % 40 === 0) {
        all.forget(worker.id)
        workers[slot] = { id: `worker-${starts++}`, live: new LiveConnections(), open: new Set() }
        continue
      }
      for (const { subject } of worker.open) seen.add(String(subject.certificateKey))
      for (let step = 0; step < 20; step++) {
        const choice = scrambled(12, (round * 3 + slot) * 20 + step)
        const connection = new FakeConnection(choice, { certificateKey: keyOf(((choice % 60) + 1).toString(16)) })
        const [oldest] = worker.open
        if (choice % 7 < 3 || oldest === undefined) {
          worker.live.add(connection)
          worker.open.add(connection)
          seen.add(String(connection.subject.certificateKey))
        } else {
          worker.live.release(oldest)
          worker.open.delete(oldest)
        }
      }
      all.note(worker.id, { ...worker.live.takeKeyChanges(), untracked: slot })
    }
    const open = workers.flatMap((worker) => [...worker.open].map(({ subject }) => String(subject.certificateKey)))
    const told = all.take()
    t.equal(new Set(told).size, told.length, 'each once')
    t.ok(
      open.every((key) => told.includes(key as never)),
      'all that are connected',
    )
    t.ok(
      told.every((key) => seen.has(key)),
      'and no other that was not there since the last time',
    )
    const again = all.take()
    t.strictSame(again.map(String).toSorted(), [...new Set(open)].toSorted(), 'asked again at once: exactly those')
  }
})
