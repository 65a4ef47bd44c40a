import type { AdminDoor } from './admin/admin-door.ts'
import type { DataWorkerPool } from './assemble-pool.ts'
import type { WorkerReload } from './assemble-worker.ts'
import { assert } from './base/assert.ts'
import { systemClock } from './base/clock.ts'
import { fixedDifferences } from './config/compare-configs.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import type { LoadedConfig } from './config/load-config.ts'
import { FileWatcher } from './config/watch-files.ts'
import type { HealthChecker } from './control-path/health-checker.ts'
import { Reloader, type ReloadPlan, reloadWorkersOf } from './control-path/reload.ts'
import type { AuditEvent } from './observe/audit-event.ts'
import type { LevelledLog } from './observe/log.ts'
import { nameMetrics } from './observe/metric-names.ts'
import type { MetricNames } from './observe/metric-table.ts'
import type { Metrics } from './observe/metrics-page.ts'
import type { Freshness } from './trust/freshness.ts'

/** The configuration as it is now; whoever asks later gets the one after a reload. */
export class ConfigInForce {
  #config: GatewayConfig
  #checkedAtMs: number

  constructor(config: GatewayConfig, checkedAtMs: number) {
    this.#config = config
    this.#checkedAtMs = checkedAtMs
  }

  get config(): GatewayConfig {
    return this.#config
  }

  /** When its issuers were checked. Unit: milliseconds since the epoch. */
  get checkedAtMs(): number {
    return this.#checkedAtMs
  }

  use(config: GatewayConfig, checkedAtMs: number): void {
    this.#config = config
    this.#checkedAtMs = checkedAtMs
  }
}

/** Where the configuration comes from. */
export type ConfigSource = {
  /** Reads it again. Throws `config_invalid`. */
  readonly load: () => LoadedConfig
  /** The files it stood in when it was read first. */
  readonly files: readonly string[]
}

/**
 * Watches the files of the configuration from the moment they were read. What changes before anybody takes the changes, or while that
 * one cannot, waits.
 */
export class ConfigWatch {
  readonly #watcher: FileWatcher
  #take: (() => boolean) | undefined

  constructor(files: readonly string[], log: LevelledLog) {
    this.#watcher = new FileWatcher({
      changed: () => this.#take?.() ?? false,
      unwatched: (folder, reason) => log.warn('changes in a folder of the configuration go unseen', { folder, reason }),
    })
    this.#watcher.watch(files)
  }

  /** `take` is told of each change; it returns false when it cannot take it now. */
  takeBy(take: () => boolean): void {
    this.#take = take
  }

  /** These are the files from now on. */
  watch(files: readonly string[]): void {
    this.#watcher.watch(files)
  }

  close(): void {
    this.#watcher.close()
  }
}

export type ReloadParts = {
  readonly inForce: ConfigInForce
  readonly source: ConfigSource
  readonly watch: ConfigWatch
  readonly log: LevelledLog
  readonly metrics: Metrics
  /** Names of series that stand in no configuration. */
  readonly names: Pick<MetricNames, 'adminRoutes' | 'build'>
  readonly pool: DataWorkerPool
  readonly health: HealthChecker
  readonly freshness: Freshness
  /** The admin door, while it is open. */
  readonly admin: () => AdminDoor | undefined
  readonly audit: (event: AuditEvent) => void
  /** Whether this process may have clients: while another one takes over it cannot reload. */
  readonly isServing: () => boolean
}

/** Reloads when it is asked, and when a file of the configuration changes. */
export function createReloader(parts: ReloadParts): Reloader {
  const { inForce, source, watch, log, metrics, pool } = parts
  const reloader = new Reloader({
    config: inForce.config,
    load: source.load,
    filesRead: (files) => watch.watch(files),
    fixedDifferences,
    plan: (next) => planReload(next, parts),
    workers: reloadWorkersOf(pool),
    metrics: metrics.control,
    audit: parts.audit,
    log,
    clock: systemClock,
  })
  watch.takeBy(() => {
    if (!parts.isServing()) return false
    void reloader.reload({ kind: 'file_change' })
    return true
  })
  return reloader
}

function planReload(next: GatewayConfig, parts: ReloadParts): ReloadPlan {
  const checkedAtMs = systemClock.nowMs()
  const relayout = parts.metrics.relayout(nameMetrics(next, parts.names))
  const useAdmin = next.doors.admin && parts.admin()?.prepare(next.doors.admin)
  return {
    reloadOf: (workerId): WorkerReload => {
      const sheet = relayout.sheetOf(workerId)
      assert(sheet !== undefined, `worker ${workerId} has a sheet`)
      return { config: next, metricLayout: relayout.layout, metricBuffer: sheet.buffer, checkedAtMs }
    },
    commit: () => {
      parts.inForce.use(next, checkedAtMs)
      useAdmin?.()
      parts.freshness.reconfigure(next.revocation)
      parts.log.useLevel(next.logLevel)
      parts.health.replace(next.upstreams)
    },
    committed: () => relayout.commit(),
  }
}
