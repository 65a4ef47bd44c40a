import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { createRandom } from '../fuzz/random.ts'
import { eventually } from '../helpers/eventually.ts'
import { type SentinelSet, startSentinelSet } from '../helpers/redis-sentinel.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { CertificatePool } from './certificate-pool.ts'
import { FaultMaker, type Repair } from './fault-maker.ts'
import { checkRevoked, checkStillAllowed } from './final-check.ts'
import { type GatewaySet, startGatewaySet } from './gateway-set.ts'
import type { FinalState } from './history.ts'
import { LoginClients } from './login-clients.ts'
import { judgeHistory } from './oracle.ts'
import { Pusher } from './pusher.ts'
import { type Allowances, Recorder } from './recorder.ts'
import type { ChaosReport } from './report.ts'
import { describeFault, type FaultKind, planFaults, type Step } from './schedule.ts'
import { Watch } from './watch.ts'

export type ChaosOptions = {
  readonly seed: number
  /** How long faults are made; starting and healing come on top. */
  readonly seconds: number
  /** Default 3. */
  readonly gateways?: number
  /** Default: all. */
  readonly kinds?: readonly FaultKind[]
  /** All of it ends by then, the healing with what remains of its time; left out: each step has its own bound only. */
  readonly totalSecondsMax?: number
  /** Told what happens. */
  readonly say?: (line: string) => void
}

const gatewaysDefault = 3
const sentinelCount = 3
const maxStalenessSeconds = 6
const reconcileSeconds = 5
const poolSize = 60
const keepAliveClients = 4
const newcomers = 2
/** Everything is whole again within so long after the last fault: Sentinel alone needs twelve seconds. Unit: milliseconds. */
const settleMaxMs = 30_000
const readyMaxMs = 45_000
/** Unit: milliseconds. */
const pushesMaxMs = 15_000
const convergeMaxMs = 30_000
const admitMaxMs = 10_000
/** For the judgement and for ending everything. Unit: milliseconds. */
const endingMs = 3_000

const allowances: Allowances = {
  maxStalenessMs: maxStalenessSeconds * 1_000,
  marginMs: 1_000,
  calmMs: reconcileSeconds * 1_000 + 3_000,
  handMs: 2_000,
  replicas: 2,
}

/** What a run has started, to be ended in the opposite order, whatever happened. */
class Cleanup {
  readonly #ends: (() => Promise<void>)[] = []

  add(end: () => Promise<void>): void {
    this.#ends.unshift(end)
  }

  async run(): Promise<void> {
    for (const end of this.#ends) await end().catch((error: unknown) => console.error(error))
  }
}

/**
 * Starts Redis, Sentinels and gateways, breaks them for so many seconds while users log in and an operator revokes, heals everything,
 * and judges. Rejects only where something could not be started.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const {
    seed,
    seconds,
    gateways: count = gatewaysDefault,
    totalSecondsMax = Number.POSITIVE_INFINITY,
    say = () => {},
  } = options
  const recorder = new Recorder(systemClock)
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-chaos-'))
  const cleanup = new Cleanup()
  const startMs = recorder.nowMs
  const tell = (text: string) => say(`${((recorder.nowMs - startMs) / 1_000).toFixed(1).padStart(6)} s  ${text}`)
  const lines: string[] = []
  const note = (text: string) => {
    lines.push(`${recorder.nowMs.toFixed(0)} ${new Date(systemClock.nowMs()).toISOString()} ${text}`)
    tell(text)
  }
  let set: GatewaySet | undefined
  let store: SentinelSet | undefined
  try {
    store = await startSentinelSet(undefined, { sentinels: sentinelCount, directives: { appendonly: 'yes' } })
    cleanup.add(store.stop)
    const issuingCa = createTestCa({ commonName: 'chaos-issuing-ca' })
    set = await startGatewaySet({ count, folder, issuingCa, store, maxStalenessSeconds, reconcileSeconds })
    cleanup.add(set.stop)
    note(`${count} gateways are ready`)
    const pool = new CertificatePool(issuingCa, { random: createRandom(seed + 1), size: poolSize })
    const world = { store, gateways: set.gateways, pool, recorder, random: createRandom(seed + 2) }
    const watch = new Watch(world)
    cleanup.add(() => watch.stop())
    const logins = new LoginClients({ ...world, keepAlive: keepAliveClients, newcomers })
    cleanup.add(() => logins.stop())
    const pusher = new Pusher(world)
    cleanup.add(() => pusher.stop())
    const plan = planRun(options)
    const maker = new FaultMaker(world)
    const done = await playFaults(plan, { maker, recorder, note, untilMs: recorder.nowMs + seconds * 1_000 })
    note('healing')
    const complaints: string[] = []
    const endMs = startMs + totalSecondsMax * 1_000 - endingMs
    const within = (boundMs: number) => Math.max(0, Math.min(boundMs, endMs - recorder.nowMs))
    const final = await heal({ ...world, maker, pusher, logins, note, complaints, within })
    await Promise.all([pusher.stop(), logins.stop(), watch.stop()])
    const findings = judgeHistory(recorder.history(allowances, final))
    if (final === undefined) complaints.push('it did not heal, so nothing could be looked at in the end')
    return {
      seed,
      folder: keepLogs({ folder, set, store, lines }),
      seconds: (recorder.nowMs - startMs) / 1_000,
      recorder,
      findings,
      complaints,
      faults: done,
      longestNotReadyMs: watch.longestNotReadyMs,
      refusals: pusher.refusals,
      serialOf: (certificate) => pool.certificate(certificate).serial,
    }
  } catch (error) {
    keepLogs({ folder, set, store, lines })
    note(`logs: ${folder}`)
    throw error
  } finally {
    await cleanup.run()
  }
}

/** The faults of a run. */
export function planRun({ seed, seconds, gateways = gatewaysDefault, kinds }: ChaosOptions): readonly Step[] {
  return planFaults({
    seed,
    lengthMs: seconds * 1_000,
    gateways,
    sentinels: sentinelCount,
    maxStalenessMs: allowances.maxStalenessMs,
    ...(kinds === undefined ? {} : { kinds }),
  })
}

type FaultPlayer = {
  readonly maker: FaultMaker
  readonly recorder: Recorder
  readonly note: (text: string) => void
  readonly untilMs: number
}

/** Makes the faults when their time has come, and resolves with those made when all are over, or nearly. */
async function playFaults(plan: readonly Step[], player: FaultPlayer): Promise<readonly Step[]> {
  const { maker, recorder, note, untilMs } = player
  const startMs = recorder.nowMs
  const done: Step[] = []
  const repair = async (step: Step, end: Repair | undefined) => {
    if (end === undefined) return note(`${describeFault(step.fault)}: not now`)
    done.push(step)
    await pause(step.forMs)
    await end()
    if (step.forMs > 0) note(`${describeFault(step.fault)}: over`)
  }
  const running: Promise<void>[] = []
  for (const step of plan) {
    await pause(Math.max(0, startMs + step.atMs - recorder.nowMs))
    note(`${describeFault(step.fault)}${step.forMs === 0 ? '' : ` for ${step.forMs} ms`}`)
    // The next one may come before this one has begun: a command to a paused server takes its time.
    running.push(maker.begin(step.fault).then((end) => repair(step, end)))
  }
  await Promise.all(running)
  await pause(Math.max(0, untilMs - recorder.nowMs))
  return done
}

type Healing = {
  readonly store: SentinelSet
  readonly gateways: GatewaySet['gateways']
  readonly pool: CertificatePool
  readonly recorder: Recorder
  readonly maker: FaultMaker
  readonly pusher: Pusher
  readonly logins: LoginClients
  readonly note: (text: string) => void
  readonly complaints: string[]
  /** The bound, or what remains of the time. Unit: milliseconds. */
  readonly within: (boundMs: number) => number
}

/** Waits, with bounds, until everything is as it must be; what is not becomes a complaint. Undefined: Redis itself did not heal. */
async function heal(healing: Healing): Promise<FinalState | undefined> {
  const { store, gateways, pool, recorder, maker, pusher, logins, note, complaints, within } = healing
  const complain = (text: string) => {
    complaints.push(text)
    note(text)
  }
  await maker.healAll()
  pusher.finish()
  try {
    await store.settled(within(settleMaxMs))
  } catch (error) {
    complain(`Redis did not settle: ${String(error)}`)
    return undefined
  }
  note('Redis has settled')
  for (const { number, supervised } of gateways) {
    await eventually(() => supervised.isReady(), Boolean, within(readyMaxMs)).catch(() =>
      complain(`gateway ${number} is not ready`),
    )
  }
  note('gateways are ready')
  await eventually(
    () => pusher.waiting,
    (waiting) => waiting === 0,
    within(pushesMaxMs),
  ).catch(() => complain(`${pusher.waiting} pushes are not acknowledged`))
  await logins.stop()
  const pushed = new Set(recorder.pushes.map(({ certificate }) => certificate))
  const byHand = recorder.handAdditions.map(({ certificate }) => certificate)
  note(`looking at ${pushed.size} acknowledged revocations, ${byHand.length} added by hand`)
  const final = await checkRevoked([...pushed], { store, gateways, pool, recorder }, within(convergeMaxMs))
  const added = await checkRevoked(byHand, { store, gateways, pool, recorder }, within(allowances.calmMs))
  note('looking at those that must still be allowed')
  complaints.push(...(await checkStillAllowed(pool.good, { gateways, pool, recorder }, within(admitMaxMs))))
  return {
    inStore: new Set([...final.inStore, ...added.inStore]),
    outcomes: new Map([...final.outcomes, ...added.outcomes]),
  }
}

/** Writes what all processes said into the folder; returns it. */
function keepLogs(of: {
  folder: string
  set: GatewaySet | undefined
  store: SentinelSet | undefined
  lines: readonly string[]
}): string {
  const { folder, set, store, lines } = of
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  write('faults.log', `${lines.join('\n')}\n`)
  for (const { number, supervised } of set?.gateways ?? []) write(`gateway-${number}.log`, supervised.output())
  for (const [number, server] of (store?.servers ?? []).entries())
    write(`redis-${number}-${server.port}.log`, server.output())
  for (const [number, server] of (store?.sentinels ?? []).entries())
    write(`sentinel-${number}-${server.port}.log`, server.output())
  return folder
}

/** Removes what a run left behind, once nobody wants to read it. */
export function removeLogs({ folder }: Pick<ChaosReport, 'folder'>): void {
  rmSync(folder, { recursive: true, force: true })
}
