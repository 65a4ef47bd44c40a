import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import { findLogLine } from '../gateway-log.ts'
import type { RunningSekisho } from '../gateways/sekisho.ts'
import { readSettledMemory } from '../memory.ts'
import { findSeries, readMetricsPage } from '../metrics-page.ts'
import { processTree } from '../own-processes.ts'
import type { RedisProcess } from '../redis-process.ts'
import type { Bar, Row } from '../report.ts'
import { spread } from '../statistics.ts'
import { type PartResult, type RevocationGround, readEntries } from './revocation-ground.ts'

/** Starts of one kind; the median is reported. */
const starts = { full: 3, quick: 2 }
const snapshotTimeoutMs = 180_000
/** Often enough that nobody waits for it; how long loading takes does not depend on it. */
const snapshotSeconds = 5

const loadedMessages = {
  redis: 'trust data loaded from the store',
  snapshot: 'trust data loaded from the snapshot',
} as const

const rows: readonly Row[] = [
  {
    quantity: 'loaded',
    title: 'trust data loaded, from the start of following (ms)',
    digits: 0,
    divisor: 1,
    ratio: false,
  },
  { quantity: 'ready', title: 'ready, from the start of the process (ms)', digits: 0, divisor: 1, ratio: false },
  { quantity: 'memory', title: 'memory of supervisor and gateway (MB)', digits: 1, divisor: 1e6, ratio: false },
  { quantity: 'resident', title: 'resident size of the gateway process (MB)', digits: 1, divisor: 1e6, ratio: false },
]

const labels = { none: 'no revocations', redis: 'from Redis, no snapshot', snapshot: 'from its snapshot' }

type Start = { readonly loaded: number; readonly ready: number; readonly memory: number; readonly resident: number }

/** How long a gateway takes to start without revocations, from Redis alone, and from the snapshot of the run before. */
export async function measureLoading(revocation: RevocationGround): Promise<PartResult> {
  const { options } = revocation
  const empty = await revocation.emptyRedis()
  const full = await revocation.fullRedis()
  const times = options.quick ? starts.quick : starts.full
  const found: Record<keyof typeof labels, Start[]> = { none: [], redis: [], snapshot: [] }
  for (let time = 0; time < times; time++) {
    const folder = revocation.folder(`loading-${time}`)
    revocation.tell(`start ${time + 1} of ${times}: without revocations, from Redis, from the snapshot`)
    found.none.push(await startOnce(revocation, { redis: empty, folder: `${folder}-none`, from: 'redis', entries: 0 }))
    const shared = { redis: full, folder, entries: options.entries }
    found.redis.push(await startOnce(revocation, { ...shared, from: 'redis', awaitSnapshot: true }))
    found.snapshot.push(await startOnce(revocation, { ...shared, from: 'snapshot' }))
    await rm(folder, { recursive: true, force: true })
  }
  const rounds = found.none.map((none, time) => ({ none, redis: found.redis[time], snapshot: found.snapshot[time] }))
  const section = {
    title: `Start with ${options.entries} revocations`,
    base: 'snapshot',
    labels,
    rows,
    rounds: rounds.map((round) => definedOf(round)),
  }
  const redisBytes = Number(/used_memory:(\d+)/.exec(await full.ask('INFO', 'memory'))?.[1] ?? Number.NaN)
  const { entries, seconds } = full.loaded
  const notes = [
    `Loading Redis with ${entries} revocations took ${seconds.toFixed(1)} s (${Math.round(entries / seconds)} a second); ` +
      `it uses ${(redisBytes / 1e6).toFixed(0)} MB, ${Math.round(redisBytes / entries)} bytes each.`,
  ]
  return { section, notes, bars: barsOf(found) }
}

function definedOf(round: Readonly<Record<string, Start | undefined>>): Record<string, Start> {
  return Object.fromEntries(
    Object.entries(round).flatMap(([name, start]) => (start === undefined ? [] : [[name, start]])),
  )
}

/** Starts a gateway, reads what it says of the start, and ends it. Throws when it has other revocations than it should. */
async function startOnce(
  revocation: RevocationGround,
  job: {
    redis: RedisProcess
    folder: string
    from: keyof typeof loadedMessages
    entries: number
    /** Whether it may end only when it has written a snapshot. */
    awaitSnapshot?: boolean
  },
): Promise<Start> {
  // Alone on its own CPU, as in the other parts that measure CPU: Redis has the other one.
  const changes = { gatewayCores: revocation.ground.cores.gateway }
  const following = { folder: job.folder, revocation: { snapshotSeconds } }
  const gateway = await revocation.start(job.redis, following, changes)
  const loaded = findLogLine(gateway.output(), loadedMessages[job.from])?.ms
  if (typeof loaded !== 'number') {
    throw new Error(`Cannot find "${loadedMessages[job.from]}" in the log:\n${gateway.output()}`)
  }
  const entries = await readEntries(gateway)
  if (entries !== job.entries)
    throw new Error(`Cannot count a start with ${entries} revocations instead of ${job.entries}`)
  const tree = processTree(gateway.pid)
  const memory = await readSettledMemory(tree)
  const resident = Math.max(...tree.map(readResident))
  if (job.awaitSnapshot === true) await waitSnapshot(gateway, job.entries)
  await gateway.end()
  return { loaded, ready: gateway.readyMs, memory, resident }
}

/** What `ps` shows as RSS. Unit: bytes. */
function readResident(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024
}

async function waitSnapshot(gateway: RunningSekisho, entries: number): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + snapshotTimeoutMs
  while (systemClock.monotonicMs() < deadlineMs) {
    const [series] = findSeries(await readMetricsPage(gateway.opsPort), 'sekisho_snapshot_age_seconds')
    if (series !== undefined && Number.isFinite(series.value)) return
    await pause(200)
  }
  throw new Error(
    `Cannot see a snapshot of ${entries} revocations within ${snapshotTimeoutMs} ms:\n${gateway.output()}`,
  )
}

function barsOf(found: Readonly<Record<keyof typeof labels, readonly Start[]>>): readonly Bar[] {
  const median = (starts: readonly Start[]) => spread(starts.map(({ loaded }) => loaded / 1_000)).median
  return [
    {
      quantity: 'readyFromSnapshot',
      title: 'trust data loaded from the snapshot (s)',
      value: median(found.snapshot),
      most: 1.5,
      digits: 2,
    },
    {
      quantity: 'readyFromRedis',
      title: 'trust data loaded from Redis (s)',
      value: median(found.redis),
      most: 8,
      digits: 2,
    },
  ]
}
