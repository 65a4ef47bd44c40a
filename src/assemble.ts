import type { AdminDoor } from './admin/admin-door.ts'
import { answerQuestion, type ConnectionQuestion } from './assemble-connections.ts'
import { createFollower, createTrustMemory, seedIfPossible } from './assemble-follower.ts'
import { Holdings } from './assemble-holdings.ts'
import { CertificateLife, type LifeParts } from './assemble-life.ts'
import { createListenerStarts } from './assemble-listeners.ts'
import { createOwnPlaces, type OwnPlaces } from './assemble-places.ts'
import { createPool, type DataWorkerPool } from './assemble-pool.ts'
import { ConfigInForce, type ConfigSource, ConfigWatch, createReloader } from './assemble-reload.ts'
import { createRefresh, describeFollowing, nameBesideConfig } from './assemble-reports.ts'
import { type OpenedStore, openStore } from './assemble-store.ts'
import { systemClock } from './base/clock.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import type { Follower } from './control-path/follow.ts'
import type { GatewayReports } from './control-path/gateway-reports.ts'
import { HealthChecker, type TargetHealth } from './control-path/health-checker.ts'
import { createPublisher } from './control-path/publish.ts'
import type { ReloadCause, Reloader, ReloadResult } from './control-path/reload.ts'
import type { TrustMemory } from './control-path/trust-memory.ts'
import type { DirectorySeed } from './lifecycle/seed-directory.ts'
import { type AuditEvent, gatewayActor } from './observe/audit-event.ts'
import type { LevelledLog } from './observe/log.ts'
import { watchLoopDelay } from './observe/loop-delay.ts'
import { nameMetrics } from './observe/metric-names.ts'
import { createMetricLayout } from './observe/metric-table.ts'
import { createMetrics, type Metrics } from './observe/metrics-page.ts'
import type { Readiness } from './observe/ops-listener.ts'
import { AuditOutlet } from './supervise/audit-outlet.ts'
import type { SocketSource } from './supervise/socket-source.ts'
import { createFreshness, Freshness } from './trust/freshness.ts'
import type { ConnectionSummary } from './trust/live-connections.ts'
import type { DoorAddress, WorkerCall } from './trust/worker-messages.ts'

export type GatewayOptions = {
  readonly config: GatewayConfig
  /** Where it came from, for reloads. */
  readonly source: ConfigSource
  readonly log: LevelledLog
  readonly version: string
  /** Where listening sockets come from. */
  readonly sockets: SocketSource
  /** Sample contracts, users and certificates to put into the directory before the doors open. */
  readonly seed?: DirectorySeed
  /**
   * Another gateway process has the state folder and serves its doors: everything is made beside it, and what only one may hold is
   * taken after `beforeDoors`. Default false: the state folder is taken first of all.
   */
  readonly beside?: boolean
  /** Called when all that takes time is done; the doors open when it resolves. */
  readonly beforeDoors?: () => Promise<void>
  /** Has another process write audit records once this one has released the log. */
  readonly sendAudit?: (records: readonly AuditEvent[], dropped: number) => void
  /** Puts a question to gateway processes of the same state folder that are draining. */
  readonly askRetiring?: (question: ConnectionQuestion) => Promise<readonly unknown[]>
  /** Of the process, for the libraries of a signing token. Default: nothing. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The process that people end to end this one; default this process. */
  readonly holderPid?: number
}

/** A running gateway. */
export type Gateway = {
  readonly addresses: readonly DoorAddress[]
  readonly metrics: Metrics
  readiness(): Readiness
  /** Reads the configuration again and puts it in force, whole or not at all. */
  reload(cause: ReloadCause): Promise<ReloadResult>
  /** Unit: milliseconds. */
  readonly drainTimeoutMs: number
  /**
   * Lets go of what only one process may hold: state folder, audit log, ops and admin listeners; the doors stay open. Rejects if it
   * cannot. Audit records are sent away from then on.
   */
  release(): Promise<void>
  /** Takes again what was released. */
  takeBack(): Promise<void>
  /** Writes audit records that another process could not, and notes those that it lost. */
  takeAudit(records: readonly unknown[], dropped: number): void
  /** Answers a `ConnectionQuestion` of another process with `ConnectionSummary`s. */
  answer(question: unknown): Promise<readonly unknown[]>
  /**
   * Accepts no more and lets requests in progress end, at most for `drainTimeoutMs`; `stop` is called next. Idle connections are
   * closed at once; with a `successor`, which serves the same clients, they have half of that time for another request.
   */
  drain(options?: { successor: boolean }): Promise<void>
  /** Stops everything at once. */
  stop(): Promise<void>
}

/** Each step that was taken pushes its undoing; they run in reverse order, at the end or when a later step fails. */
type Undo = (() => void | Promise<void>)[]

/**
 * Starts a gateway in this process: control thread here, data workers beside it. Rejects, with nothing left running, if a part
 * cannot start (`state_folder_locked`, `store_schema_newer`, `config_invalid`, an address in use).
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const undo: Undo = []
  try {
    const places = createOwnPlaces(options.config)
    const { config, source } = options
    const extended = { ...options, config: places.extend(config), source: places.extendSource(source) }
    return await new Assembly(extended, { undo, places }).start()
  } catch (error) {
    await undoAll(undo)
    throw error
  }
}

async function undoAll(undo: Undo): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

class Assembly {
  readonly #options: GatewayOptions
  readonly #undo: Undo
  readonly #memory: TrustMemory
  readonly #sharedFreshness = createFreshness()
  readonly #freshness: Freshness
  readonly #inForce: ConfigInForce
  readonly #watch: ConfigWatch
  readonly #audit = new AuditOutlet<AuditEvent>()
  readonly #life = new CertificateLife()
  readonly #places: OwnPlaces
  #adminDoor: AdminDoor | undefined
  #follower: Follower | undefined
  #draining = false

  constructor(options: GatewayOptions, { undo, places }: { undo: Undo; places: OwnPlaces }) {
    this.#options = options
    this.#places = places
    this.#undo = undo
    this.#memory = createTrustMemory(options.config)
    this.#inForce = new ConfigInForce(options.config, systemClock.nowMs())
    // From now on: a start beside another process may take minutes.
    this.#watch = new ConfigWatch(options.source.files, options.log)
    undo.push(() => this.#watch.close())
    this.#freshness = new Freshness(this.#sharedFreshness, { clock: systemClock, ...options.config.revocation })
  }

  async start(): Promise<Gateway> {
    const { log, seed, beside = false } = this.#options
    const audit = this.#audit
    const metrics = this.#startMetrics()
    const holdings = this.#createHoldings(metrics)
    if (!beside) await holdings.takeState()
    const opened = await this.#openStore(metrics, holdings)
    const { store } = opened
    const pool = await this.#createPool({ opened, metrics, targetHealth: () => health.current() })
    const health = this.#startHealthChecks((call) => pool.call(call))
    const { follower, reports } = this.#startFollower({ opened, pool, metrics })
    if (!beside) follower.ownArchive()
    await follower.ready()
    const publisher = createPublisher({ store, follower, reports })
    // The one beside which this starts has done it.
    if (seed !== undefined && !beside) await seedIfPossible(seed, { store, publisher }, log)
    await pool.start()
    await holdings.claimSockets()
    await this.#options.beforeDoors?.()
    await holdings.takeState()
    follower.ownArchive()
    const reloader = this.#startReloads({ metrics, pool, health, holdings })
    const gateway = this.#gateway({ metrics, pool, holdings, reloader, follower })
    this.#reportTo({ metrics, follower, pool, reports })
    const life = await this.#startLife({ opened, metrics, follower, publisher, pool, reports })
    this.#undo.push(() => holdings.closeListeners())
    await holdings.openListeners(
      createListenerStarts({
        inForce: this.#inForce,
        log,
        version: this.#options.version,
        metrics,
        readiness: gateway.readiness,
        connections: (max) => this.#connections({ kind: 'oldest', max }, pool),
        ...life,
        pool,
        follower,
        reports,
        lookUp: this.#life.lookUp(this.#options.config, opened),
        index: this.#memory.index,
        freshness: this.#freshness,
        reloader,
        adminOpened: (door) => {
          this.#adminDoor = door
        },
      }),
    )
    await pool.open()
    reports.start()
    log.info('data workers started', { workers: pool.running })
    audit.record({
      event: 'gateway_started',
      actor: gatewayActor,
      detail: { version: this.#options.version, pid: process.pid },
    })
    return gateway
  }

  async #startLife(parts: Pick<LifeParts, 'opened' | 'metrics' | 'follower' | 'publisher' | 'pool' | 'reports'>) {
    const { log, sockets, env = {} } = this.#options
    const life = await this.#life.start({
      ...{ ...parts, log, sockets, env },
      inForce: this.#inForce,
      places: this.#places,
      index: this.#memory.index,
      freshness: this.#sharedFreshness,
      connectionsOf: (loginId) => this.#connections({ kind: 'login_id', loginId }, parts.pool),
      audit: (event) => this.#audit.record(event),
    })
    this.#undo.push(() => life.close())
    return life
  }

  async #createPool(parts: { opened: OpenedStore; metrics: Metrics; targetHealth: () => readonly TargetHealth[] }) {
    const { opened, ...others } = parts
    const { log, sockets, config } = this.#options
    const { pool, close } = await createPool({
      ...{ ...others, log, sockets },
      inForce: this.#inForce,
      store: opened.values,
      lookUp: this.#life.lookUp(config, opened),
      life: this.#life,
      audit: this.#audit,
      index: this.#memory.index.shared,
      freshness: this.#sharedFreshness,
      isEnding: () => this.#draining,
    })
    this.#undo.push(close, () => {
      this.#draining = true
      return pool.stop()
    })
    return pool
  }

  #startHealthChecks(call: (call: WorkerCall) => Promise<unknown>): HealthChecker {
    const { config, log } = this.#options
    const health = new HealthChecker({
      upstreams: config.upstreams,
      changed: (changed) => {
        log.warn(changed.healthy ? 'a target is healthy' : 'a target is unhealthy', changed)
        void call({ type: 'target_health', ...changed })
      },
    })
    this.#undo.push(() => health.close())
    return health
  }

  #startReloads(parts: {
    metrics: Metrics
    pool: DataWorkerPool
    health: HealthChecker
    holdings: Holdings
  }): Reloader {
    const { source, log, version } = this.#options
    const reloader = createReloader({
      ...parts,
      inForce: this.#inForce,
      source,
      watch: this.#watch,
      log,
      names: nameBesideConfig(version),
      freshness: this.#freshness,
      admin: () => this.#adminDoor,
      audit: (event) => this.#audit.record(event),
      // While it drains too: whom a new configuration does not trust is cut wherever they are.
      isServing: () => parts.holdings.held || this.#draining,
    })
    this.#undo.push(() => reloader.close())
    return reloader
  }

  #createHoldings(metrics: Metrics): Holdings {
    const { config, log, sockets, holderPid = process.pid, sendAudit = () => {} } = this.#options
    const holdings = new Holdings({ config, log, metrics, audit: this.#audit, sendAudit, sockets, holderPid })
    this.#undo.push(() => holdings.closeState())
    return holdings
  }

  /** Here, and in processes that are draining: a revocation must reach those too. */
  async #connections(question: ConnectionQuestion, pool: DataWorkerPool): Promise<readonly ConnectionSummary[]> {
    const [own, retiring] = await Promise.all([
      answerQuestion(question, pool),
      this.#options.askRetiring?.(question) ?? [],
    ])
    const all = [...own, ...(retiring as readonly ConnectionSummary[])]
    if (question.kind === 'login_id') return all
    return all.sort((a, b) => a.openedAtMs - b.openedAtMs).slice(0, question.max)
  }

  #startMetrics(): Metrics {
    const { config, version } = this.#options
    const names = nameMetrics(config, nameBesideConfig(version))
    const metrics = createMetrics({ layout: createMetricLayout(names), refresh: () => this.#refreshMetrics() })
    const watch = watchLoopDelay((p99, max) => metrics.controlThread.eventLoopDelay(p99, max))
    this.#undo.push(() => watch.stop())
    return metrics
  }

  #refreshMetrics: () => void = () => {}

  #reportTo(sources: { metrics: Metrics; follower: Follower; pool: DataWorkerPool; reports: GatewayReports }): void {
    const { metrics, ...others } = sources
    const { index } = this.#memory
    const crls = () => this.#life.crlLists()
    this.#refreshMetrics = createRefresh({ ...others, index, crls, inForce: this.#inForce, control: metrics.control })
  }

  async #openStore(metrics: Metrics, holdings: Holdings): Promise<OpenedStore> {
    const { config, log, beside = false } = this.#options
    const opened = await openStore({
      config,
      hadOne: beside || holdings.auditedSeq > 0,
      log,
      audit: (event) => this.#audit.record(event),
      snapshotFailed: () => metrics.control.snapshotFailed(),
      unreadableMember: (issuerId, member) => this.#follower?.unreadableMember(issuerId, member),
    })
    this.#undo.push(() => opened.close())
    return opened
  }

  #startFollower(parts: { opened: OpenedStore; pool: DataWorkerPool; metrics: Metrics }) {
    const { config, log, version } = this.#options
    const audit = (event: AuditEvent) => this.#audit.record(event)
    const own = { memory: this.#memory, freshness: this.#freshness }
    const { follower, reports } = createFollower({ ...parts, ...own, config, log, version, audit })
    this.#follower = follower
    follower.start()
    this.#undo.push(
      () => follower.stop(),
      () => reports.stop(),
    )
    return { follower, reports }
  }

  #gateway(parts: {
    metrics: Metrics
    pool: DataWorkerPool
    holdings: Holdings
    reloader: Reloader
    follower: Follower
  }): Gateway {
    const { metrics, pool, holdings, reloader, follower } = parts
    const { drainTimeoutMs } = this.#options.config.limits
    return {
      get addresses() {
        return pool.addresses
      },
      metrics,
      readiness: () => this.#readiness(pool, follower),
      reload: (cause) => reloader.reload(cause),
      drainTimeoutMs,
      release: async () => {
        await follower.releaseArchive()
        await holdings.release()
      },
      takeBack: async () => {
        await holdings.takeBack()
        follower.ownArchive()
      },
      // One program, whatever the version: what is not an event of this one is written as it came.
      answer: (question) => answerQuestion(question as ConnectionQuestion, pool),
      takeAudit: (records, dropped) => this.#audit.take(records as readonly AuditEvent[], dropped),
      drain: async ({ successor } = { successor: false }) => {
        this.#draining = true
        await within(pool.drain(successor ? drainTimeoutMs / 2 : 0), drainTimeoutMs)
        this.#audit.record({ event: 'gateway_stopped', actor: gatewayActor, detail: { pid: process.pid } })
      },
      stop: async () => {
        this.#draining = true
        await undoAll(this.#undo)
      },
    }
  }

  /** Not ready only when every login would be denied, or when none should be begun here any more. */
  #readiness(pool: DataWorkerPool, follower: Follower): Readiness {
    const workers = pool.addresses.length > 0 && pool.running > 0
    const fresh = this.#freshness.freshEnough()
    const ageMs = this.#freshness.ageMs()
    const age = Number.isFinite(ageMs) ? `${(ageMs / 1_000).toFixed(1)} s old` : 'never loaded'
    const checks = [
      { name: 'draining', ok: !this.#draining, detail: this.#draining ? 'shutting down' : 'no', fatal: true },
      { name: 'data_workers', ok: workers, detail: `${pool.running} running`, fatal: true },
      { name: 'trust_data', ok: fresh, detail: age, fatal: true },
      ...describeFollowing(follower.status()),
    ]
    return { ready: checks.every(({ ok, fatal }) => ok || !fatal), checks }
  }
}

/** Resolves when the promise does, or after the time, whichever comes first. Unit: milliseconds. */
async function within(promise: Promise<unknown>, durationMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, durationMs)
  })
  await Promise.race([promise, timeout])
  clearTimeout(timer)
}
