// Goal: a data worker that crashes costs its connections only: it is noticed, replaced, and every call is still answered.
// Method: real threads of a module that plays a data worker and ends as told.
import t, { type Test } from 'tap'
import { WorkerPool } from '../../src/control-path/worker-pool.ts'
import type { DirectoryAnswer } from '../../src/trust/directory-answer.ts'
import type { WorkerCall } from '../../src/trust/worker-messages.ts'
import { eventually } from '../helpers/eventually.ts'

const stranger = { user: undefined, certificateRegistered: false } as DirectoryAnswer

function setUp(
  t: Test,
  options: {
    count?: number
    failToOpen?: (start: number) => boolean
    firstCalls?: readonly WorkerCall[]
    answer?: () => Promise<DirectoryAnswer>
  } = {},
) {
  const ended: { id: string; why: string }[] = []
  const audited: unknown[] = []
  const started: { slot: number; id: string }[] = []
  const pool = new WorkerPool<unknown, unknown>({
    module: new URL('./playing-worker.ts', import.meta.url),
    count: options.count ?? 2,
    startOf: (slot, id) => {
      started.push({ slot, id })
      return { id, failToOpen: options.failToOpen?.(started.length) ?? false }
    },
    answer: options.answer ?? (async () => stranger),
    audit: (notes) => audited.push(...notes.map(({ record }) => record)),
    workerEnded: (id, why) => ended.push({ id, why }),
    firstCalls: () => options.firstCalls ?? [],
  })
  t.teardown(() => pool.stop())
  return { pool, ended, audited, started }
}

t.test('calls reach every worker and their answers are put together', async (t) => {
  const { pool } = setUp(t)
  await pool.start()
  t.equal(pool.running, 2)
  t.strictSame(pool.addresses.map(({ door }) => door).sort(), ['worker-1', 'worker-2'])
  t.equal(await pool.cut({ by: 'loginId', loginId: 'user01' }, 'certificate_revoked'), 4)
  t.strictSame(await pool.connectionsOf('ok'), [])
})

for (const [how, why] of [
  ['exit', 'exit code 3'],
  ['throw', 'a defect'],
] as const) {
  t.test(
    `a worker that ends (${how}) is told of and replaced in its slot; calls it had not answered count as done`,
    async (t) => {
      const keys: WorkerCall = { type: 'assertion_keys', privateJwk: '{}', jwks: 'the keys' }
      const { pool, ended, audited, started } = setUp(t, { count: 1, firstCalls: [keys] })
      await pool.start()
      t.strictSame(await pool.connectionsOf(how), [], 'the call on which it ended')
      await eventually(
        () => ended.length,
        (count) => count === 1,
      )
      t.match(ended[0], { id: 'worker-1', why })
      t.equal(
        await pool.cut({ by: 'loginId', loginId: 'x' }, 'certificate_revoked'),
        0,
        'nobody is there, nothing is left to cut',
      )
      await eventually(
        () => pool.addresses[0]?.door,
        (door) => door === 'worker-2',
      )
      t.strictSame(started, [
        { slot: 0, id: 'worker-1' },
        { slot: 0, id: 'worker-2' },
      ])
      t.equal(pool.running, 1)
      t.equal(await pool.cut({ by: 'loginId', loginId: 'x' }, 'certificate_revoked'), 2)
      t.strictSame(audited, [
        { id: 'worker-1', keys: 'the keys' },
        { id: 'worker-2', keys: 'the keys' },
      ])
    },
  )
}

t.test('one worker’s end leaves the others alone', async (t) => {
  const { pool, ended } = setUp(t)
  await pool.start()
  // Ends both: the call reaches every worker. Only then is the pool empty, and it fills again.
  await pool.call({ type: 'connections_of', loginId: 'exit' })
  await eventually(
    () => ended.length,
    (count) => count === 2,
  )
  await eventually(
    () => pool.running,
    (running) => running === 2,
  )
  await eventually(
    () =>
      pool.addresses
        .map(({ door }) => door)
        .sort()
        .join(),
    (doors) => doors === 'worker-3,worker-4',
  )
  t.pass('both slots are filled again')
})

t.test('a replacement that cannot open its doors is tried again', async (t) => {
  const { pool, ended } = setUp(t, { count: 1, failToOpen: (start) => start === 2 })
  await pool.start()
  await pool.connectionsOf('exit')
  await eventually(
    () => pool.addresses[0]?.door,
    (door) => door === 'worker-3',
  )
  t.match(
    ended.map(({ id }) => id),
    ['worker-1', 'worker-2'],
  )
})

t.test('a first worker that cannot open its doors makes the start fail, with its reason', async (t) => {
  const { pool, started } = setUp(t, { count: 1, failToOpen: () => true })
  await t.rejects(pool.start(), /Cannot open as told: worker-1/)
  t.equal(started.length, 1, 'and is not tried again')
})

t.test('a stop ends the workers and replaces none', async (t) => {
  const { pool, started } = setUp(t)
  await pool.start()
  await pool.stop()
  t.equal(pool.running, 0)
  t.equal(started.length, 2)
  t.equal(await pool.cut({ by: 'loginId', loginId: 'x' }, 'certificate_revoked'), 0)
})

t.test('a worker’s question is answered; a store that does not answer is told as such', async (t) => {
  const away = async () => {
    throw new Error('away')
  }
  for (const [answer, told] of [
    [async () => stranger, stranger],
    [away, 'unavailable'],
  ] as const) {
    const { pool, audited } = setUp(t, { count: 1, answer })
    await pool.start()
    await pool.connectionsOf('ask')
    await eventually(
      () => audited.length,
      (count) => count === 1,
    )
    t.strictSame(audited, [{ id: 'worker-1', answer: told }])
    await pool.stop()
  }
})
