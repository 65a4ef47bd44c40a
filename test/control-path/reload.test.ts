// Goal: a changed configuration comes into force in every thread or in none, one reload at a time, and every end of it is told.
// Method: the real Reloader and WorkerPool over threads that play data workers and go wrong as told; configurations really parsed.
import t, { type Test } from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { fixedDifferences } from '../../src/config/compare-configs.ts'
import type { LoadedConfig } from '../../src/config/load-config.ts'
import {
  type ReloadAuditEvent,
  type ReloadCause,
  Reloader,
  type ReloadResult,
  reloadWorkersOf,
} from '../../src/control-path/reload.ts'
import { WorkerPool } from '../../src/control-path/worker-pool.ts'
import { caExtensions, makeCertificate, parseSample, sampleFiles, samplePems } from '../config/sample-config.ts'
import { eventually } from '../helpers/eventually.ts'
import type { PlayedReload } from './reloading-worker.ts'

const signal: ReloadCause = { kind: 'signal' }
const operator: ReloadCause = { kind: 'operator', name: 'sato.hanako', requestId: 'r-1' }

const withHeadLimit = (headBytesMax: number) => parseSample({ set: { 'limits.headBytesMax': headBytesMax } })

async function setUp(t: Test, options: { prepareTimeoutMs?: number; settled?: Promise<void> } = {}) {
  const files: { now: () => LoadedConfig } = { now: () => parseSample() }
  const play: { trouble?: PlayedReload['trouble']; planFault?: Error } = {}
  const seen = {
    steps: [] as string[],
    audited: [] as ReloadAuditEvent[],
    metrics: [] as (string | number)[],
    lines: [] as unknown[][],
    filesRead: [] as (readonly string[])[],
    loads: 0,
  }
  let current = String(parseSample().config.limits.headBytesMax)
  const pool = new WorkerPool<unknown, unknown>({
    module: new URL('./reloading-worker.ts', import.meta.url),
    count: 2,
    sockets: async () => [{ door: 'certificate', host: '127.0.0.1', port: 1, fd: 100 }],
    startOf: ({ slot }) => ({ slot, name: current }),
    answer: () => Promise.reject(new Error('nobody asks')),
    audit: () => {},
    noteUse: async () => {},
    noteSightings: () => {},
    workerEnded: (id) => void seen.steps.push(`${id} ended`),
    firstCalls: () => [],
  })
  t.teardown(() => pool.stop())
  await pool.start()
  await pool.open()
  const note = (...line: unknown[]) => void seen.lines.push(line)
  let nowMs = 1_000
  const reloader = new Reloader({
    config: files.now().config,
    load: () => {
      seen.loads += 1
      return files.now()
    },
    filesRead: (names) => void seen.filesRead.push(names),
    fixedDifferences,
    plan: (next) => {
      if (play.planFault !== undefined) throw play.planFault
      const name = String(next.limits.headBytesMax)
      const { trouble } = play
      return {
        reloadOf: (id): PlayedReload => {
          seen.steps.push(`prepare ${id}`)
          return trouble === undefined ? { name } : { name, trouble }
        },
        commit: () => {
          seen.steps.push('commit')
          current = name
        },
        committed: () => void seen.steps.push('committed'),
      }
    },
    workers: {
      ...reloadWorkersOf(pool),
      hold: () => {
        const hold = pool.holdStarts()
        return { ...hold, settled: options.settled ?? hold.settled }
      },
    },
    metrics: {
      configReloaded: (result) => void seen.metrics.push(result),
      configLoaded: (atSeconds) => void seen.metrics.push(atSeconds),
    },
    audit: (event) => void seen.audited.push(event),
    log: { info: note, warn: note, error: note },
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    ...options,
  })
  const inUse = async () => (await pool.connectionsOf('x')).map(({ door }) => door)
  const passTime = () => {
    nowMs += 1_000
  }
  return { reloader, pool, files, play, seen, inUse, passTime }
}

const usual = String(parseSample().config.limits.headBytesMax)

t.test('a change is prepared everywhere, then used everywhere, and told', async (t) => {
  const { reloader, files, seen, inUse, passTime } = await setUp(t)
  t.strictSame(reloader.status, { loadedAtMs: 1_000, lastReload: undefined })
  passTime()
  files.now = () => withHeadLimit(20_000)
  const result = await reloader.reload(operator)
  t.match(result, { result: 'applied', changed: [`limits.headBytesMax: ${usual} -> 20000`], connectionsCut: 4 })
  t.strictSame(await inUse(), ['20000', '20000'])
  t.strictSame(seen.steps, ['prepare worker-1', 'prepare worker-2', 'commit', 'committed'])
  t.strictSame(seen.metrics, [1, 'applied', 2])
  t.match(seen.audited, [
    {
      event: 'config_reloaded',
      actor: { kind: 'operator', name: 'sato.hanako' },
      requestId: 'r-1',
      detail: { cause: 'operator', connectionsCut: 4, changed: /headBytesMax/, issuersRemoved: '' },
    },
  ])
  t.match(reloader.status, { loadedAtMs: 2_000, lastReload: { atMs: 2_000, cause: 'operator', outcome: result } })
  t.ok(seen.filesRead[0]?.includes('/etc/gateway/server.key'))
})

t.test('nothing has changed: said so, and nothing is done', async (t) => {
  const { reloader, seen, passTime } = await setUp(t)
  passTime()
  t.match(await reloader.reload(signal), { result: 'unchanged', warnings: [] })
  t.strictSame(seen.steps, [])
  t.strictSame(seen.audited, [])
  t.strictSame(seen.metrics, [1, 'unchanged'])
  t.equal(reloader.status.loadedAtMs, 1_000, 'what is in force is as old as before')
  t.match(seen.lines, [['configuration loaded again: nothing has changed', { cause: 'signal' }]])
})

/** Everything that must be so after a refusal; a good configuration is then taken. */
async function checkRefusal(t: Test, given: Awaited<ReturnType<typeof setUp>>, problems: readonly (RegExp | string)[]) {
  const { reloader, files, seen, inUse } = given
  const result = await reloader.reload(signal)
  t.match(result, { result: 'refused', problems })
  t.notOk(seen.steps.includes('commit'))
  t.strictSame(seen.metrics.slice(-1), ['refused'])
  t.match(seen.audited.at(-1), { event: 'config_reload_refused', actor: { kind: 'gateway' } })
  t.match(reloader.status, { loadedAtMs: 1_000, lastReload: { outcome: { result: 'refused' } } })
  t.match(seen.lines.at(-1), ['configuration refused, the old one stays in force', { problems }])
  t.strictSame([...new Set(await inUse())], [usual])
  const left = await given.pool.connections(9)
  t.notOk(
    left.some(({ door }) => door !== 'nothing'),
    'what was prepared is dropped',
  )
  delete given.play.trouble
  delete given.play.planFault
  files.now = () => withHeadLimit(30_000)
  t.match(await reloader.reload(signal), { result: 'applied' })
  t.strictSame([...new Set(await inUse())], ['30000'])
}

t.test('refused: a configuration with problems, every one of them', async (t) => {
  const given = await setUp(t)
  given.files.now = () => parseSample({ set: { 'limits.headBytesMax': -1, unknownField: 1 } })
  await checkRefusal(t, given, [/2 problems/, /headBytesMax|unknownField/, /headBytesMax|unknownField/])
})

t.test('refused: what cannot change while running', async (t) => {
  const given = await setUp(t)
  given.files.now = () => parseSample({ set: { stateFolder: 'elsewhere', 'doors.ops.listen': [{ port: 9465 }] } })
  await checkRefusal(t, given, [/Cannot change stateFolder while running/, /Cannot change doors\.ops\.listen/])
})

t.test('refused: the control thread cannot use it; a defect is told in the log alone', async (t) => {
  for (const [fault, problem] of [
    [
      new GatewayError('config_invalid', 'Cannot use doors.admin for TLS\nnor its CA'),
      'Cannot use doors.admin for TLS',
    ],
    [new Error('the secret is abc'), /in the log of the gateway/],
  ] as const) {
    const given = await setUp(t)
    given.files.now = () => withHeadLimit(20_000)
    given.play.planFault = fault
    await checkRefusal(t, given, [problem])
    t.notMatch(JSON.stringify(given.seen.audited), /abc/)
  }
})

t.test('refused: one of the workers cannot use it; the others drop what they prepared', async (t) => {
  const given = await setUp(t)
  given.files.now = () => withHeadLimit(20_000)
  given.play.trouble = { slot: 1, how: 'fail' }
  await checkRefusal(t, given, ['Cannot use the upstream'])
})

t.test('refused: a worker does not answer in time', async (t) => {
  const given = await setUp(t, { prepareTimeoutMs: 300 })
  given.files.now = () => withHeadLimit(20_000)
  given.play.trouble = { slot: 0, how: 'hang' }
  await checkRefusal(t, given, [/did not prepare within 300 ms/])
})

t.test('refused: a worker is not ready in time; when it is, nothing of that reload happens any more', async (t) => {
  const start = Promise.withResolvers<void>()
  const given = await setUp(t, { prepareTimeoutMs: 300, settled: start.promise })
  given.files.now = () => withHeadLimit(20_000)
  t.match(await given.reloader.reload(signal), { result: 'refused', problems: [/did not prepare within 300 ms/] })
  start.resolve()
  given.files.now = () => withHeadLimit(30_000)
  t.match(await given.reloader.reload(signal), { result: 'applied' })
  t.strictSame(given.seen.steps, ['prepare worker-1', 'prepare worker-2', 'commit', 'committed'], 'once each')
  t.strictSame(await given.inUse(), ['30000', '30000'])
})

t.test(
  'a worker that ends while it prepares, or as it goes over: its replacement starts with what is then in force',
  async (t) => {
    for (const how of ['die', 'die_at_commit'] as const) {
      const { reloader, pool, files, play, seen, inUse } = await setUp(t)
      files.now = () => withHeadLimit(20_000)
      play.trouble = { slot: 0, how }
      t.match(await reloader.reload(signal), { result: 'applied', connectionsCut: 2 })
      await eventually(
        () => pool.running,
        (running) => running === 2,
      )
      t.strictSame(await inUse(), ['20000', '20000'], how)
      t.ok(seen.steps.includes('worker-1 ended'))
    }
  },
)

t.test('no worker is replaced while a reload is under way', async (t) => {
  const [held, free] = [await setUp(t), await setUp(t)]
  const { settled, release } = held.pool.holdStarts()
  await settled
  const reload: PlayedReload = { name: '20000', trouble: { slot: 0, how: 'die' } }
  const replaced = ({ pool }: typeof held) =>
    eventually(
      () => pool.running,
      (running) => running === 2,
    )
  // Both lose a worker, the held one first: when the other one is whole again, it would be too.
  for (const { pool } of [held, free]) await pool.call({ type: 'reload_prepare', reload })
  await eventually(
    () => free.pool.running,
    (running) => running === 1,
  )
  await replaced(free)
  t.equal(held.pool.running, 1)
  release()
  await replaced(held)
  t.strictSame(await held.inUse(), [usual, usual])
})

t.test(
  'one at a time: those that come meanwhile wait and read the files anew; those of one cause are one',
  async (t) => {
    const { reloader, files, seen, inUse } = await setUp(t)
    files.now = () => withHeadLimit(20_000)
    const first = reloader.reload(signal)
    await eventually(
      () => seen.loads,
      (loads) => loads === 1,
    )
    files.now = () => withHeadLimit(30_000)
    const changes: ReloadCause = { kind: 'file_change' }
    const later = [
      reloader.reload(changes),
      reloader.reload(changes),
      reloader.reload(operator),
      reloader.reload(changes),
    ]
    const results: ReloadResult[] = await Promise.all([first, ...later])
    t.strictSame(
      results.map(({ result }) => result),
      ['applied', 'applied', 'applied', 'unchanged', 'applied'],
    )
    t.equal(seen.loads, 3)
    t.strictSame(await inUse(), ['30000', '30000'])
    t.strictSame(seen.steps.slice(0, 4), ['prepare worker-1', 'prepare worker-2', 'commit', 'committed'])
  },
)

t.test('a defect while the files are read is told, and does not keep the next reload from running', async (t) => {
  const { reloader, files } = await setUp(t)
  files.now = () => {
    throw new TypeError('a defect')
  }
  t.match(await reloader.reload(signal), { result: 'refused', problems: [/in the log/] })
  files.now = () => withHeadLimit(30_000)
  t.match(await reloader.reload(signal), { result: 'applied' })
})

t.test('a gateway that ends reloads no more', async (t) => {
  const { reloader, files, inUse } = await setUp(t)
  files.now = () => withHeadLimit(20_000)
  const last = reloader.reload(signal)
  await reloader.close()
  t.match(await last, { result: 'refused', problems: [/is ending/] })
  t.match(await reloader.reload(operator), { result: 'refused', problems: [/is ending/] })
  t.strictSame(await inUse(), [usual, usual])
})

t.test('changes are said by name, and neither keys nor certificates are shown', async (t) => {
  const { userCa, root } = samplePems()
  const renewed = makeCertificate({ commonName: 'user-ca', extensions: caExtensions, issuer: root, key: userCa.key })
  const other = makeCertificate({ commonName: 'other-ca', extensions: caExtensions, issuer: root })
  const issuer = { name: 'user-ca', certificate: 'user-ca.pem', chain: ['root.pem'] }
  const second = { name: 'other-ca', certificate: 'other-ca.pem', chain: ['root.pem'] }
  const files = () => sampleFiles().put('/etc/gateway/other-ca.pem', other.certificate)
  const upstream = (targets: string[]) => ({ name: 'app', targets: targets.map((url) => ({ url })) })
  const { reloader, files: disk } = await setUp(t)
  const reload = async (loaded: () => LoadedConfig) => {
    disk.now = loaded
    return reloader.reload(signal)
  }
  const both = { issuers: [issuer, second] }
  const added = await reload(() => parseSample({ set: both, files: files() }))
  t.match(added, { changed: ['issuers: other-ca added'], issuersRemoved: [] })
  const swapped = await reload(() => parseSample({ set: { issuers: [second, issuer] }, files: files() }))
  t.match(swapped, { changed: ['issuers: other order'], issuersRemoved: [] })
  const newer = await reload(() =>
    parseSample({ set: both, files: files().put('/etc/gateway/user-ca.pem', renewed.certificate) }),
  )
  t.match(newer, { issuersRemoved: [], changed: ['issuers.user-ca.certificatePem: (not shown) -> (not shown)'] })
  const removed = await reload(() => parseSample({ set: { upstreams: [upstream(['http://10.0.0.1:80'])] } }))
  t.match(removed, { result: 'applied', issuersRemoved: ['other-ca'] })
  t.match(removed.result === 'applied' && removed.changed.toSorted(), [
    'issuers.user-ca.certificatePem: (not shown) -> (not shown)',
    'issuers: other-ca removed',
    'upstreams.app.targets: 10.0.0.1:80 added',
    'upstreams.app.targets: 127.0.0.1:8081 removed',
  ])
  t.notMatch(JSON.stringify([added, newer, removed]), /BEGIN/)
})
