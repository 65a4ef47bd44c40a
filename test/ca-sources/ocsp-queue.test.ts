// Goal: a responder gets a few questions at a time; those somebody waits for come first; what has no place is told so.
// Method: the queue with jobs that the test ends itself.
import t from 'tap'
import { OcspQueue } from '../../src/ca-sources/ocsp-queue.ts'
import { keyOf } from './ocsp-world.ts'

function start(limits: ConstructorParameters<typeof OcspQueue>[0]) {
  const queue = new OcspQueue(limits)
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const add = (name: string, urgent: boolean) =>
    queue.add(keyOf(name), {
      urgent,
      work: () => {
        begun.push(name)
        return new Promise<void>((resolve) => ends.set(name, resolve))
      },
    })
  return { queue, begun, add, end: (name: string) => ends.get(name)?.() }
}

t.test('so many at once, the urgent ones first, each kind in its order', async (t) => {
  const { begun, add, end } = start({ atOnceMax: 2, waitingMax: 10 })
  const [a] = [add('a', false), add('b', false), add('c', false), add('d', true), add('e', true)]
  t.same(begun, ['a', 'b'])
  end('a')
  t.equal(await a, true)
  end('b')
  end('d')
  await new Promise(setImmediate)
  t.same(begun, ['a', 'b', 'd', 'e', 'c'])
})

t.test('one that waits becomes urgent', async (t) => {
  const { queue, begun, add, end } = start({ atOnceMax: 1, waitingMax: 10 })
  const first = add('a', false)
  void add('b', false)
  void add('c', false)
  queue.hurry(keyOf('c'))
  queue.hurry(keyOf('unknown'))
  end('a')
  await first
  t.same(begun, ['a', 'c'])
})

t.test('where there is no place, an urgent one takes that of another, and nobody else gets in', async (t) => {
  const { begun, add, end } = start({ atOnceMax: 1, waitingMax: 1 })
  const first = add('a', false)
  const displaced = add('b', false)
  t.equal(await add('c', false), false)
  const urgent = add('d', true)
  t.equal(await displaced, false)
  t.equal(await add('e', true), false, 'urgent ones do not displace each other')
  end('a')
  await first
  end('d')
  t.equal(await urgent, true)
  t.same(begun, ['a', 'd'])
})

t.test('closed: those that wait are never begun', async (t) => {
  const { queue, begun, add, end } = start({ atOnceMax: 1, waitingMax: 10 })
  const [first, ...others] = [add('a', false), add('b', false), add('c', true)]
  queue.close()
  t.same(await Promise.all(others), [false, false])
  end('a')
  t.equal(await first, true)
  t.same(begun, ['a'])
})
