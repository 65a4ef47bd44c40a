// Goal: a data worker that crashes costs its connections only: it is noticed, replaced, and every call is still answered.
// Method: real threads of a module that plays a data worker and ends as told.
import t, { type Test } from 'tap'
import { WorkerPool } from '../../src/control-path/worker-pool.ts'
import type { DirectoryAnswer } from '../../src/trust/directory-answer.ts'
import type { DoorSocket, WorkerCall } from '../../src/trust/worker-messages.ts'
import { eventually } from '../helpers/eventually.ts'

const stranger = { user: undefined, certificateRegistered: false } as DirectoryAnswer

function setUp(
  t: Test,
  options: {
    count?: number
    failToOpen?: (start: number) => boolean
    failToListen?: (start: number) => boolean
    sockets?: () => Promise<readonly DoorSocket[]>
    firstCalls?: readonly WorkerCall[]
    answer?: () => Promise<DirectoryAnswer>
  } = {},
) {
  const ended: { id: string; why: string }[] = []
  const audited: unknown[] = []
  const started: { slot: number; id: string }[] = []
  const given: (readonly DoorSocket[])[] = []
  let fds = 100
  const pool = new WorkerPool<unknown, unknown>({
    module: new URL('./playing-worker.ts', import.meta.url),
    count: options.count ?? 2,
    // No descriptors of this process: the playing worker opens nothing.
    sockets: options.sockets ?? (async () => [{ door: 'certificate', host: '127.0.0.1', port: 1, fd: fds++ }]),
    startOf: ({ slot, id, sockets }) => {
      started.push({ slot, id })
      given.push(sockets)
      return {
        id,
        failToOpen: options.failToOpen?.(started.length) ?? false,
        failToListen: options.failToListen?.(started.length) ?? false,
      }
    },
    answer: options.answer ?? (async () => stranger),
    audit: (notes) => audited.push(...notes.map(({ record }) => record)),
    noteUse: async () => {},
    noteSightings: () => {},
    workerEnded: (id, why) => ended.push({ id, why }),
    firstCalls: () => options.firstCalls ?? [],
  })
  t.teardown(() => pool.stop())
  const open = async () => {
    await pool.start()
    await pool.open()
  }
  /** The newest worker of the pool has opened its doors. */
  const opened = (id: string) =>
    eventually(
      () => started.at(-1)?.id,
      (newest) => newest === id,
    ).then(() => pool.call({ type: 'connections_of', loginId: 'ok' }))
  return { pool, open, opened, ended, audited, started, given }
}

t.test('calls reach every worker and their answers are put together', async (t) => {
  const { pool, open } = setUp(t)
  await open()
  t.equal(pool.running, 2)
  t.equal(await pool.cut({ by: 'loginId', loginId: 'user01' }, 'certificate_revoked'), 4)
  t.equal(await pool.recheck({ loginId: 'user01' }), 6)
  t.strictSame(await pool.connectionsOf('ok'), [])
})

t.test(
  'every worker has sockets of its own; each address is told once, and only when the doors are open',
  async (t) => {
    const { pool, given } = setUp(t)
    await pool.start()
    t.strictSame(pool.addresses, [])
    await pool.open()
    t.strictSame(pool.addresses, [{ door: 'certificate', host: '127.0.0.1', port: 1 }])
    t.strictSame(given.map(([socket]) => socket?.fd).sort(), [100, 101])
  },
)

t.test('connected certificates are put together from what each worker says has changed', async (t) => {
  const { pool, open } = setUp(t)
  await open()
  t.equal(pool.untrackedConnections, 0)
  t.strictSame((await pool.connectedKeys()).toSorted(), ['shared', 'worker-1', 'worker-2'], 'each once')
  t.equal(pool.untrackedConnections, 2, 'what all workers say together')
  t.strictSame((await pool.connectedKeys()).toSorted(), ['passer', 'shared'], 'one that came and went is told once')
  t.equal(pool.untrackedConnections, 0)
  t.strictSame(await pool.connectedKeys(), ['shared'])
})

t.test('certificates of a worker that ends are gone with it, those that others have too are not', async (t) => {
  const { pool, open, opened, ended } = setUp(t, { count: 2 })
  await open()
  await pool.connectedKeys()
  // Answered, but only after it has been told to end.
  const exit = pool.callEach((id) => ({ type: 'connections_of', loginId: id === 'worker-1' ? 'exit' : 'ok' }))
  const during = await pool.connectedKeys()
  await exit
  await eventually(
    () => ended.length,
    (count) => count === 1,
  )
  t.ok(during.includes('shared' as never))
  const after = await pool.connectedKeys()
  t.ok(after.includes('shared' as never), 'the other worker has it')
  t.notOk(after.includes('worker-1' as never))
  await opened('worker-3')
  t.strictSame((await pool.connectedKeys()).toSorted(), ['shared', 'worker-3'], 'what its replacement has counts')
  t.equal(pool.untrackedConnections, 1)
})

t.test('asked while all workers are away, nobody is connected', async (t) => {
  const { pool, open } = setUp(t, { count: 1 })
  await open()
  await pool.connectedKeys()
  await pool.stop()
  t.strictSame(await pool.connectedKeys(), [])
  t.equal(pool.untrackedConnections, 0)
})

for (const [how, why] of [
  ['exit', 'exit code 3'],
  ['throw', 'a defect'],
] as const) {
  t.test(
    `a worker that ends (${how}) is told of and replaced in its slot; calls it had not answered count as done`,
    async (t) => {
      const keys: WorkerCall = { type: 'assertion_keys', privateJwk: '{}', jwks: 'the keys' }
      const { pool, open, opened, ended, audited, started, given } = setUp(t, { count: 1, firstCalls: [keys] })
      await open()
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
      await opened('worker-2')
      t.not(given[1]?.[0]?.fd, given[0]?.[0]?.fd, 'what it had is closed: the next one gets another duplicate')
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

t.test('all workers that end are replaced', async (t) => {
  const { pool, open, ended } = setUp(t)
  await open()
  await pool.call({ type: 'connections_of', loginId: 'exit' })
  await eventually(
    () => ended.length,
    (count) => count === 2,
  )
  await eventually(
    () => pool.running,
    (running) => running === 2,
  )
  t.strictSame(await pool.call({ type: 'connections_of', loginId: 'ok' }), [[], []])
})

for (const failure of ['failToOpen', 'failToListen'] as const) {
  t.test(`a replacement that cannot open its doors (${failure}) is tried again`, async (t) => {
    const { pool, open, opened, ended } = setUp(t, { count: 1, [failure]: (start: number) => start === 2 })
    await open()
    await pool.connectionsOf('exit')
    await opened('worker-3')
    t.match(
      ended.map(({ id }) => id),
      ['worker-1', 'worker-2'],
    )
  })

  t.test(`a first worker that cannot open its doors (${failure}) makes the start fail, with its reason`, async (t) => {
    const { open, started } = setUp(t, { count: 1, [failure]: () => true })
    await t.rejects(open(), /Cannot (open|listen) as told: worker-1/)
    t.equal(started.length, 1, 'and is not tried again')
  })
}

t.test('a replacement for which no sockets can be had is tried again', async (t) => {
  let asked = 0
  const sockets = async () => {
    if (++asked === 2) throw new Error('not now')
    return []
  }
  const { pool, open, opened } = setUp(t, { count: 1, sockets })
  await open()
  await pool.connectionsOf('exit')
  await opened('worker-2')
  t.equal(asked, 3)
})

t.test('a drain replaces nobody', async (t) => {
  const { pool, open, ended, started } = setUp(t, { count: 1 })
  await open()
  await pool.drain(0)
  await pool.connectionsOf('exit')
  await eventually(
    () => ended.length,
    (count) => count === 1,
  )
  await t.rejects(pool.open(), /a worker ended/)
  t.equal(started.length, 1)
})

t.test('a stop ends the workers and replaces none', async (t) => {
  const { pool, open, started } = setUp(t)
  await open()
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
    const { pool, open, audited } = setUp(t, { count: 1, answer })
    await open()
    await pool.connectionsOf('ask')
    await eventually(
      () => audited.length,
      (count) => count === 1,
    )
    t.strictSame(audited, [{ id: 'worker-1', answer: told }])
    await pool.stop()
  }
})
