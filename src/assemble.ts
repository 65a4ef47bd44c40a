import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startAdminDoor } from './admin/admin-door.ts'
import { adminRoutes } from './admin/routes.ts'
import { createPool, type DataWorkerPool } from './assemble-pool.ts'
import { systemClock } from './base/clock.ts'
import { GatewayError } from './base/errors.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { Follower } from './control-path/follow.ts'
import { createPublisher } from './control-path/publish.ts'
import type { TrustStore } from './control-path/store-port.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import { type DirectorySeed, seedDirectory } from './lifecycle/seed-directory.ts'
import { gatewayActor } from './observe/audit-event.ts'
import { AuditLog } from './observe/audit-log.ts'
import type { Log } from './observe/log.ts'
import { watchLoopDelay } from './observe/loop-delay.ts'
import { createMetricLayout, type MetricNames } from './observe/metric-table.ts'
import { createMetrics, type Metrics } from './observe/metrics-page.ts'
import { type Readiness, startOpsListener } from './observe/ops-listener.ts'
import { EmbeddedStore } from './store/embedded/embedded-store.ts'
import { lockStateFolder } from './store/embedded/state-lock.ts'
import type { TrustState } from './trust/admit.ts'
import { createFreshness, Freshness } from './trust/freshness.ts'
import { inspectCertificate } from './trust/inspect.ts'
import { LiveConnections } from './trust/live-connections.ts'
import { RevocationIndexWriter } from './trust/revocation-index.ts'
import type { DoorAddress } from './trust/worker-messages.ts'
import { type CertificateKey, issuerIdOf } from './x509/certificate-key.ts'
import { readIssuingCa } from './x509/issuing-ca.ts'
import { readPemCertificate } from './x509/read-pem-certificate.ts'

export type GatewayOptions = {
  readonly config: GatewayConfig
  readonly log: Log
  readonly version: string
  /** Sample contracts, users and certificates to put into the directory before the doors open. */
  readonly seed?: DirectorySeed
  /** Called once the state folder is this process's own, before any door opens. */
  readonly beforeDoors?: () => Promise<void>
}

/** A running gateway. */
export type Gateway = {
  readonly addresses: readonly DoorAddress[]
  readonly metrics: Metrics
  readiness(): Readiness
  /** Lets requests in progress end, at most for `drainTimeoutMs`, then stops everything. */
  drain(): Promise<void>
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
    return await new Assembly(options, undo).start()
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
  readonly #index = new RevocationIndexWriter()
  readonly #sharedFreshness = createFreshness()
  readonly #freshness: Freshness
  readonly #startedAtMs = systemClock.nowMs()
  #draining = false

  constructor(options: GatewayOptions, undo: Undo) {
    this.#options = options
    this.#undo = undo
    this.#freshness = new Freshness(this.#sharedFreshness, { clock: systemClock, ...options.config.revocation })
  }

  async start(): Promise<Gateway> {
    const { config, log, seed } = this.#options
    const lock = lockStateFolder(config.stateFolder)
    this.#undo.push(() => lock.release())
    const { metrics, names } = this.#startMetrics()
    const audit = await AuditLog.open({
      file: join(config.stateFolder, config.auditLog.file),
      clock: systemClock,
      observer: metrics.control,
      onFault: (fault) => log.error('audit log cannot be written', { error: fault.message }),
    })
    this.#undo.push(() => audit.close())
    const store = await openStore(join(config.stateFolder, 'sekisho.db'), audit)
    this.#undo.push(() => store.close())
    const { pool, close } = await createPool({
      config,
      log,
      store,
      metrics,
      names,
      audit,
      index: this.#index.shared,
      freshness: this.#sharedFreshness,
      startedAtMs: this.#startedAtMs,
      isEnding: () => this.#draining,
    })
    this.#undo.push(close, () => {
      this.#draining = true
      return pool.stop()
    })
    const follower = this.#startFollower({ store, pool, metrics, audit })
    await follower.ready()
    const publisher = createPublisher({ store, follower })
    if (seed !== undefined) await seedDirectory(seed, { store, publisher })
    await this.#options.beforeDoors?.()
    const gateway = this.#gateway(metrics, pool, audit)
    this.#reportTo(metrics, follower)
    await this.#startOps(metrics, gateway)
    await pool.start()
    const lifecycle: LifecyclePorts = {
      store,
      publisher,
      workers: pool,
      issuers: config.issuers.map(({ name, certificatePem }) => ({
        name,
        issuerId: issuerIdOf(readPemCertificate(certificatePem).publicKeyDer),
      })),
      directory: config.directory,
      audit: (event) => audit.record(event),
      nowMs: () => systemClock.nowMs(),
    }
    await this.#startAdmin({ lifecycle, pool, follower, metrics, store })
    audit.record({
      event: 'gateway_started',
      actor: gatewayActor,
      detail: { version: this.#options.version, pid: process.pid },
    })
    return gateway
  }

  #startMetrics(): { metrics: Metrics; names: MetricNames } {
    const { config, version } = this.#options
    const { certificate, public: publicDoor } = config.doors
    const names: MetricNames = {
      doors: [...certificate.map(({ name }) => name), ...(publicDoor === undefined ? [] : [publicDoor.name])],
      routes: ['app', 'own', 'refused'],
      upstreams: ['app'],
      issuers: config.issuers.map(({ name }) => name),
      serverCertificates: serverCertificatesOf(config).map(({ name }) => name),
      adminRoutes: [...new Set([...adminRoutes.map(({ path }) => path), 'none'])],
      build: { version, node: process.versions.node, openssl: process.versions.openssl ?? '' },
    }
    const metrics = createMetrics({ layout: createMetricLayout(names), refresh: () => this.#refreshMetrics() })
    const watch = watchLoopDelay((p99, max) => metrics.controlThread.eventLoopDelay(p99, max))
    this.#undo.push(() => watch.stop())
    return { metrics, names }
  }

  #refreshMetrics: () => void = () => {}

  #reportTo(metrics: Metrics, follower: Follower): void {
    const { config } = this.#options
    const server = serverCertificatesOf(config)
    const issuers = config.issuers.map(({ name, certificatePem }) => ({
      name,
      notAfterMs: readPemCertificate(certificatePem).notAfterMs,
    }))
    const idOf = new Map(
      config.issuers.map(({ name, certificatePem }) => [
        name,
        issuerIdOf(readPemCertificate(certificatePem).publicKeyDer),
      ]),
    )
    this.#refreshMetrics = () => {
      const { revocationsByIssuer, dataAgeMs } = follower.status()
      for (const [name, id] of idOf) metrics.control.revocationEntries(name, revocationsByIssuer.get(id) ?? 0)
      metrics.control.revocationDataAge(dataAgeMs / 1_000)
      const daysLeft = (notAfterMs: number) => Math.floor((notAfterMs - systemClock.nowMs()) / 86_400_000)
      for (const { name, notAfterMs } of server)
        metrics.control.certificateDaysLeft('server', name, daysLeft(notAfterMs))
      for (const { name, notAfterMs } of issuers)
        metrics.control.certificateDaysLeft('issuer', name, daysLeft(notAfterMs))
    }
  }

  #startFollower(parts: { store: TrustStore; pool: DataWorkerPool; metrics: Metrics; audit: AuditLog }) {
    const { config, log } = this.#options
    const follower = new Follower({
      store: parts.store,
      index: this.#index,
      freshness: this.#freshness,
      workers: parts.pool,
      pollMs: config.revocation.pollMs,
      log,
      audit: (event) => parts.audit.record(event),
      revocationsApplied: (count) => parts.metrics.control.revocationsApplied(count),
    })
    follower.start()
    this.#undo.push(() => follower.stop())
    return follower
  }

  async #startOps(metrics: Metrics, gateway: Gateway): Promise<void> {
    const { config, log } = this.#options
    if (config.doors.ops === undefined) return
    const ops = await startOpsListener({
      listen: config.doors.ops.listen,
      metrics,
      readiness: () => gateway.readiness(),
      log,
    })
    this.#undo.push(() => ops.close())
  }

  async #startAdmin(parts: {
    lifecycle: LifecyclePorts
    pool: DataWorkerPool
    follower: Follower
    metrics: Metrics
    store: TrustStore
  }): Promise<void> {
    const { config, log, version } = this.#options
    if (config.doors.admin === undefined) return
    const admin = await startAdminDoor({
      ...config.doors.admin,
      clock: systemClock,
      log,
      requestEnded: (route, status) => parts.metrics.control.adminRequestEnded(route, status),
      services: {
        lifecycle: parts.lifecycle,
        connections: (max) => parts.pool.connections(max),
        connectionsListMax: config.limits.liveConnectionsListMax,
        inspect: (der) => this.#inspect(der, parts.store),
        status: {
          follower: parts.follower,
          indexEntries: () => this.#index.size,
          workersRunning: () => parts.pool.running,
          versions: { sekisho: version, node: process.versions.node },
        },
      },
    })
    this.#undo.push(() => admin.close())
  }

  /** What each certificate door would say of a certificate. */
  async #inspect(der: Uint8Array, store: TrustStore) {
    const { config } = this.#options
    const state: TrustState = {
      clock: systemClock,
      index: this.#index,
      freshness: this.#freshness,
      live: new LiveConnections(),
      directory: config.directory !== 'none',
      mustBeRegistered: config.certificates.mustBeRegistered,
    }
    const issuers = config.issuers.map((issuer) => readIssuingCa(issuer, this.#startedAtMs))
    return Promise.all(
      config.doors.certificate.map((door) => {
        const rules = {
          issuers: issuers.filter(({ name }) => door.issuers.includes(name)),
          loginId: door.loginId,
          rsaBitsMin: config.certificates.rsaBitsMin,
        }
        const lookUp = { state, answer: (loginId: string, key: CertificateKey) => store.lookUp(loginId, key) }
        return inspectCertificate(der, { name: door.name, rules }, lookUp)
      }),
    )
  }

  #gateway(metrics: Metrics, pool: DataWorkerPool, audit: AuditLog): Gateway {
    const { config } = this.#options
    const stop = async () => {
      this.#draining = true
      await undoAll(this.#undo)
    }
    return {
      get addresses() {
        return pool.addresses
      },
      metrics,
      readiness: () => this.#readiness(pool),
      stop,
      drain: async () => {
        this.#draining = true
        await within(pool.call({ type: 'drain' }), config.limits.drainTimeoutMs)
        audit.record({ event: 'gateway_stopped', actor: gatewayActor, detail: { pid: process.pid } })
        await stop()
      },
    }
  }

  /** Not ready only when every login would be denied, or when none should be begun here any more. */
  #readiness(pool: DataWorkerPool): Readiness {
    const workers = pool.addresses.length > 0 && pool.running > 0
    const fresh = this.#freshness.freshEnough()
    const ageMs = this.#freshness.ageMs()
    const age = Number.isFinite(ageMs) ? `${(ageMs / 1_000).toFixed(1)} s old` : 'never loaded'
    const checks = [
      { name: 'draining', ok: !this.#draining, detail: this.#draining ? 'shutting down' : 'no', fatal: true },
      { name: 'data_workers', ok: workers, detail: `${pool.running} running`, fatal: true },
      { name: 'trust_data', ok: fresh, detail: age, fatal: true },
    ]
    return { ready: checks.every(({ ok }) => ok), checks }
  }
}

/**
 * Opens the store. A missing one beside an audit log that has records was lost, and starting on an empty one would un-revoke
 * everything (invariant 6): that is an operator's decision.
 */
async function openStore(file: string, audit: AuditLog): Promise<EmbeddedStore> {
  if (!existsSync(file) && audit.head.seq > 0) {
    throw new GatewayError(
      'store_unavailable',
      `Cannot start with an empty store as the audit log shows that there was one: ${file} is missing. Put it back from a backup, or move the audit log away to begin anew`,
    )
  }
  return EmbeddedStore.open(file, { clock: systemClock })
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

function serverCertificatesOf(config: GatewayConfig) {
  const { certificate, public: publicDoor, admin } = config.doors
  const doors = [
    ...certificate.map((door) => ({ name: door.name, certificates: door.serverCertificates })),
    ...(publicDoor === undefined ? [] : [{ name: publicDoor.name, certificates: publicDoor.serverCertificates }]),
    ...(admin === undefined ? [] : [{ name: 'admin', certificates: admin.serverCertificates }]),
  ]
  return doors.flatMap(({ name, certificates }) =>
    certificates.map(({ certificatePem }, position) => ({
      name: certificates.length === 1 ? name : `${name}-${position}`,
      notAfterMs: readPemCertificate(certificatePem).notAfterMs,
    })),
  )
}
