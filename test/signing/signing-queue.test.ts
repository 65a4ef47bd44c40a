// Goal: so many signatures at once and no more, the others in order, each within its time. Method: work that the test ends by hand.
import t from 'tap'
import { SigningQueue } from '../../src/signing/signing-queue.ts'

function work() {
  const started: number[] = []
  const ends: ((value: number) => void)[] = []
  const run = (number: number) => () => {
    started.push(number)
    return new Promise<number>((resolve) => ends.push(resolve))
  }
  return { started, ends, run }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

t.test('two run, the third waits for one of them, in order', async (t) => {
  const queue = new SigningQueue({ atOnceMax: 2, timeoutMs: 60_000 })
  const { started, ends, run } = work()
  const results = [1, 2, 3].map((number) => queue.run(run(number)))
  await turn()
  t.same(started, [1, 2])
  ends[1]?.(2)
  t.equal(await results[1], 2)
  await turn()
  t.same(started, [1, 2, 3])
  results.push(queue.run(run(4)))
  await turn()
  t.same(started, [1, 2, 3], 'a place that was passed on is still taken')
  for (const index of [0, 2]) ends[index]?.(index + 1)
  await turn()
  ends[3]?.(4)
  t.same(await Promise.all(results), [1, 2, 3, 4])
})

t.test('one that fails gives its place on', async (t) => {
  const queue = new SigningQueue({ atOnceMax: 1, timeoutMs: 60_000 })
  const failing = queue.run(() => Promise.reject(new Error('broken')))
  const next = queue.run(() => Promise.resolve('next'))
  await t.rejects(failing, { message: 'broken' })
  t.equal(await next, 'next')
  t.equal(await queue.run(() => Promise.resolve('later')), 'later')
})

t.test('who waits too long is told, and takes no place', async (t) => {
  const queue = new SigningQueue({ atOnceMax: 1, timeoutMs: 50 })
  let end = (): void => undefined
  let aborted = false
  const first = queue.run(async (signal) => {
    signal.addEventListener('abort', () => {
      aborted = true
    })
    await new Promise<void>((resolve) => {
      end = resolve
    })
  })
  await t.rejects(
    queue.run(() => Promise.resolve()),
    { code: 'signer_unavailable' },
  )
  t.ok(aborted, 'the one under way has been told too')
  end()
  await first
  t.equal(await queue.run(() => Promise.resolve('free again')), 'free again')
})

t.test('more than 256 waiting are refused at once', async (t) => {
  const queue = new SigningQueue({ atOnceMax: 1, timeoutMs: 60_000 })
  const { ends, run } = work()
  const first = queue.run(run(0))
  const waiting = Array.from({ length: 256 }, (_, index) => queue.run(() => Promise.resolve(index)))
  await t.rejects(
    queue.run(() => Promise.resolve()),
    { code: 'signer_unavailable', message: /256 signatures are waiting/ },
  )
  await turn()
  ends[0]?.(0)
  await first
  t.same(await Promise.all(waiting), Array.from(waiting.keys()))
})
