import { randomInt } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { systemClock } from '../../../src/base/clock.ts'
import type { TrustStore } from '../../../src/control-path/store-port.ts'
import { runNotices } from '../../../src/lifecycle/notice-run.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { openRedisStore } from '../bench-store.ts'
import { certificateKeyAt, loginIdAt, type People } from '../life-people.ts'
import { seedFile, seedStore } from '../life-seeding.ts'
import type { Bar, Row } from '../report.ts'
import { percentile, type Round } from '../statistics.ts'
import {
  type LifeGround,
  type PartResult,
  type StoreKind,
  seedTimeoutMs,
  storeKinds,
  storeLabels,
} from './life-ground.ts'

const lookUpMostMs = 1
const runMostSeconds = 60
const lookUps = { full: 20_000, quick: 5_000 }
const warmLookUps = 1_000
const dayMs = 86_400_000
/** Of the event-loop delays. Unit: milliseconds. */
const delayResolutionMs = 5

const row = (quantity: string, title: string, digits: number): Row => ({
  quantity,
  title,
  digits,
  divisor: 1,
  ratio: false,
})
const rows: readonly Row[] = [
  row('seeded', 'seeding (s)', 1),
  row('userP50', 'user by login ID, p50 (ms)', 3),
  row('userP99', 'user by login ID, p99 (ms)', 3),
  row('admitP50', 'what admitting asks, by login ID and certificate, p50 (ms)', 3),
  row('admitP99', 'what admitting asks, p99 (ms)', 3),
  row('certificatesP50', 'certificates of a login ID, p50 (ms)', 3),
  row('certificatesP99', 'certificates of a login ID, p99 (ms)', 3),
  row('searchP50', '20 login IDs that begin alike, p50 (ms)', 3),
  row('searchP99', '20 login IDs that begin alike, p99 (ms)', 3),
  row('firstRun', 'notice run, nobody told before (s)', 1),
  row('firstMails', 'mails written by it', 0),
  row('firstDelay', 'longest event-loop delay meanwhile (ms)', 0),
  row('dailyRun', 'notice run of the next day (s)', 1),
  row('dailyMails', 'mails written by it', 0),
  row('dailyDelay', 'longest event-loop delay meanwhile (ms)', 0),
]

type Seeded = { readonly store: TrustStore; readonly seconds: number; readonly end: () => Promise<void> }

/** Finding people among many, and the daily run of notices (R10), over either store. */
export async function measureDirectory(life: LifeGround): Promise<PartResult> {
  // The gateways' own pages and timers would be in the way.
  await life.end()
  const people = { users: life.options.users, issuerId: life.pki.issuerId, nowMs: systemClock.nowMs() }
  const round: Round = {}
  const notes: string[] = []
  for (const kind of storeKinds) {
    life.tell(`directory: seeding ${people.users} users into the ${storeLabels[kind]}`)
    const seeded = await seed(life, kind, people)
    if (seeded === undefined) {
      notes.push(`Not measured: seeding the ${storeLabels[kind]} took longer than ${seedTimeoutMs / 1_000} s`)
      continue
    }
    const { store, seconds, end } = seeded
    life.tell(`directory: look-ups and notices, ${storeLabels[kind]}`)
    const found = await timeLookUps(store, people, life.options.quick ? lookUps.quick : lookUps.full)
    const first = await timeRun(store, people.nowMs)
    const daily = await timeRun(store, people.nowMs + dayMs)
    await end()
    round[kind] = {
      seeded: seconds,
      ...found,
      firstRun: first.seconds,
      firstMails: first.added,
      firstDelay: first.delayMs,
      dailyRun: daily.seconds,
      dailyMails: daily.added,
      dailyDelay: daily.delayMs,
    }
    notes.push(
      `${storeLabels[kind]}: the first run looked at ${first.certificates} certificates, of which ${first.due} were due.`,
    )
  }
  const section = {
    title: `Directory of ${people.users} users`,
    base: 'embedded',
    labels: storeLabels,
    rows,
    rounds: [round],
    measured: 'contracts of 100 users, one certificate each, their ends spread over a year',
  }
  return { section, notes, bars: storeKinds.flatMap((kind) => barsOf(kind, round)) }
}

function barsOf(kind: StoreKind, round: Round): Bar[] {
  const figures = round[kind]
  if (figures === undefined) return []
  const bar = (quantity: string, title: string, limit: { most: number; digits: number }): Bar => ({
    quantity: `${quantity}-${kind}`,
    title: title.replace('(', `${storeLabels[kind]} (`),
    value: figures[quantity] ?? Number.NaN,
    ...limit,
  })
  return [
    bar('userP99', 'p99 of finding a user by login ID, (ms)', { most: lookUpMostMs, digits: 3 }),
    bar('admitP99', 'p99 of what admitting asks, (ms)', { most: lookUpMostMs, digits: 3 }),
    bar('firstRun', 'notice run, nobody told before, (s)', { most: runMostSeconds, digits: 1 }),
    bar('dailyRun', 'notice run of the next day, (s)', { most: runMostSeconds, digits: 1 }),
  ]
}

/** Undefined: it took too long. */
async function seed(life: LifeGround, kind: StoreKind, people: People): Promise<Seeded | undefined> {
  const seeding = { people, tell: (line: string) => life.tell(`directory: ${line}`), timeoutMs: seedTimeoutMs }
  if (kind === 'embedded') {
    const file = life.folder('directory.db')
    const seconds = await seedFile(file, seeding)
    if (seconds === undefined) return undefined
    const store = await EmbeddedStore.open(file, { clock: systemClock })
    return { store, seconds, end: () => store.close() }
  }
  const redis = await life.startRedis()
  const store = await openRedisStore(redis.port)
  const end = async () => {
    await store.close()
    await redis.end()
  }
  const seconds = await seedStore(store, seeding)
  if (seconds !== undefined) return { store, seconds, end }
  await end()
}

/** One after the other, of people chosen by chance. */
async function timeLookUps(store: TrustStore, people: People, count: number): Promise<Record<string, number>> {
  const acts = {
    user: (place: number) => store.user(loginIdAt(place)),
    admit: (place: number) => store.lookUp(loginIdAt(place), certificateKeyAt(place, people)),
    certificates: (place: number) => store.certificatesOf(loginIdAt(place), people.nowMs),
    search: (place: number) => store.loginIds(loginIdAt(place).slice(0, -2), 20),
  }
  const figures: Record<string, number> = {}
  for (const [name, act] of Object.entries(acts)) {
    const spent: number[] = []
    for (let turn = 0; turn < warmLookUps + count; turn++) {
      const place = randomInt(people.users)
      const startMs = systemClock.monotonicMs()
      const found = await act(place)
      if (turn >= warmLookUps) spent.push(systemClock.monotonicMs() - startMs)
      if (found === undefined) throw new Error(`Cannot find ${loginIdAt(place)} in the directory`)
    }
    figures[`${name}P50`] = percentile(spent, 50)
    figures[`${name}P99`] = percentile(spent, 99)
  }
  return figures
}

/** The daily run as a gateway does it, at that moment. */
async function timeRun(store: TrustStore, nowMs: number) {
  const ports = {
    store,
    notices: () => ({ days: [40, 30, 10, 1], sendHour: 8, keepDays: 400 }),
    timeZone: 'Asia/Tokyo',
    log: { info: () => {}, warn: () => {}, error: () => {} },
    nowMs: () => nowMs,
  }
  const delays = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delays.enable()
  const startMs = systemClock.monotonicMs()
  const result = await runNotices(ports, { force: true })
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000
  delays.disable()
  if (result.state !== 'done') throw new Error(`Cannot count a notice run that was ${result.state}`)
  return { ...result, seconds, delayMs: delays.max / 1e6 }
}
