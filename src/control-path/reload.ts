import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import type { CallAnswer } from '../trust/worker-messages.ts'
import { describeChanges, findRemovedIssuers } from './config-changes.ts'
import type { ControlLog } from './ports.ts'
import type { WorkerPool } from './worker-pool.ts'

/** Why the configuration is loaded again: SIGHUP, a file of it that changed, or an operator through the admin door. */
export type ReloadCause =
  | { readonly kind: 'signal' | 'file_change' }
  | { readonly kind: 'operator'; readonly name: string; readonly requestId: string }

/** How a reload ended. `warnings`: what an operator should know about the configuration in force. */
export type ReloadResult =
  | {
      readonly result: 'applied'
      /** One line a field that changed; no secret. */
      readonly changed: readonly string[]
      /** Issuers trusted no more. */
      readonly issuersRemoved: readonly string[]
      /** Connections cut because their certificate is trusted no more at their door. */
      readonly connectionsCut: number
      readonly warnings: readonly string[]
    }
  | { readonly result: 'unchanged'; readonly warnings: readonly string[] }
  /** The old configuration stays in force, whole. Each problem is a line. */
  | { readonly result: 'refused'; readonly problems: readonly string[] }

/** What is said of reloads in `GET /v1/status`. Times in milliseconds since the epoch. */
export type ReloadStatus = {
  /** When the configuration in force was loaded. */
  readonly loadedAtMs: number
  readonly lastReload:
    | { readonly atMs: number; readonly cause: ReloadCause['kind']; readonly outcome: ReloadResult }
    | undefined
}

/** The data workers, of which none is started between `hold` and `release`. */
export type ReloadWorkers = {
  hold(): { readonly settled: Promise<void>; release(): void }
  /** Every worker builds what it needs; rejects with the messages of those that cannot. */
  prepare(plan: Pick<ReloadPlan, 'reloadOf'>): Promise<void>
  /** Every worker uses it; resolves with the number of connections cut. */
  commit(): Promise<number>
  abandon(): Promise<void>
  /** Every worker opens the access log by its name again; resolves with the number of those that cannot. */
  reopenLogs(): Promise<number>
}

/** A configuration ready to be used. Nothing has changed yet, and a plan that is dropped leaves nothing behind. */
export type ReloadPlan = {
  /** What this worker is told: plain data. */
  reloadOf(workerId: string): unknown
  /** The control thread goes over; workers started from now on get the new configuration. Never throws. */
  commit(): void
  /** Every worker has gone over. Never throws. */
  committed(): void
}

/** What the audit log is told; `AuditLog.record` takes it. */
export type ReloadAuditEvent = {
  readonly event: 'config_reloaded' | 'config_reload_refused'
  readonly actor: { readonly kind: 'gateway' | 'operator'; readonly name: string }
  readonly target: { readonly kind: 'configuration'; readonly name: string }
  readonly requestId?: string
  readonly detail: Readonly<Record<string, string | number>>
}

export type ReloaderOptions = {
  /** The configuration in force, which has just been loaded. */
  readonly config: GatewayConfig
  /** Reads file and everything it names again. Throws `config_invalid`. */
  readonly load: () => {
    readonly config: GatewayConfig
    readonly warnings: readonly string[]
    readonly files: readonly string[]
  }
  /** Told of every configuration that could be read, used or not: from now on these are the files it stands in. */
  readonly filesRead: (files: readonly string[]) => void
  /** Messages about what cannot change while the gateway runs. */
  readonly fixedDifferences: (before: GatewayConfig, after: GatewayConfig) => readonly string[]
  /** Builds what the control thread needs of a configuration. Throws GatewayError where that cannot be done. */
  readonly plan: (next: GatewayConfig) => ReloadPlan
  readonly workers: ReloadWorkers
  readonly metrics: {
    configReloaded(result: ReloadResult['result']): void
    configLoaded(atSeconds: number): void
  }
  readonly audit: (event: ReloadAuditEvent) => void
  readonly log: ControlLog
  readonly clock: Clock
  /** Longest time in which all workers must have prepared. Unit: milliseconds. Default 20 000. */
  readonly prepareTimeoutMs?: number
}

type Ready = {
  readonly next: GatewayConfig
  readonly plan: ReloadPlan
  readonly changed: readonly string[]
  readonly issuersRemoved: readonly string[]
}

const prepareTimeoutMsDefault = 20_000

/**
 * Puts a changed configuration in force while the gateway runs, whole or not at all: control thread and all workers first build
 * everything beside what runs (prepare); only when all have done so they go over (commit). Whatever fails before leaves the old
 * configuration in force, and says so in log, metric, audit log and result.
 *
 * One reload runs at a time. Those that come meanwhile wait, and read the files after it; several of the same cause are one.
 */
export class Reloader {
  readonly #options: ReloaderOptions
  readonly #waiting = new Map<string, Promise<ReloadResult>>()
  #config: GatewayConfig
  #last: Promise<unknown> = Promise.resolve()
  #status: ReloadStatus
  #closed = false

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#config = options.config
    this.#status = { loadedAtMs: options.clock.nowMs(), lastReload: undefined }
    options.metrics.configLoaded(this.#status.loadedAtMs / 1_000)
  }

  get status(): ReloadStatus {
    return this.#status
  }

  /** A refusal is a result; rejects only on a defect. */
  reload(cause: ReloadCause): Promise<ReloadResult> {
    const key = cause.kind === 'operator' ? `operator ${cause.name}` : cause.kind
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined) return waiting
    const result = this.#last.then(() => {
      this.#waiting.delete(key)
      return this.#run(cause)
    })
    this.#waiting.set(key, result)
    this.#last = result.catch(() => {})
    return result
  }

  /** Refuses every reload from now on; resolves when the one in progress has ended. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  async #run(cause: ReloadCause): Promise<ReloadResult> {
    if (this.#closed) return { result: 'refused', problems: ['Cannot reload as the gateway is ending'] }
    const hold = this.#options.workers.hold()
    try {
      const outcome = await this.#attempt(hold.settled)
      this.#report(cause, outcome)
      // Whatever became of the configuration: log rotation asks by the same signal. Not awaited, as a worker may not answer.
      void this.#reopenLogs()
      return outcome
    } finally {
      hold.release()
    }
  }

  async #reopenLogs(): Promise<void> {
    const { workers, log } = this.#options
    const failed = await workers.reopenLogs().catch(() => 0)
    if (failed > 0)
      log.warn('the access log cannot be opened anew, lines go on into the file as it was', { workers: failed })
  }

  async #attempt(settled: Promise<void>): Promise<ReloadResult> {
    let ready: Ready
    let warnings: readonly string[]
    try {
      const loaded = this.#options.load()
      warnings = loaded.warnings
      this.#options.filesRead(loaded.files)
      const fixed = this.#options.fixedDifferences(this.#config, loaded.config)
      if (fixed.length > 0) return { result: 'refused', problems: fixed }
      const changed = describeChanges(this.#config, loaded.config)
      if (changed.length === 0) return { result: 'unchanged', warnings }
      ready = await this.#prepare(loaded.config, { changed, settled })
    } catch (error) {
      return { result: 'refused', problems: this.#problemsOf(error) }
    }
    const { next, plan, changed, issuersRemoved } = ready
    this.#config = next
    this.#status = { ...this.#status, loadedAtMs: this.#options.clock.nowMs() }
    plan.commit()
    const connectionsCut = await this.#options.workers.commit()
    plan.committed()
    return { result: 'applied', changed, issuersRemoved, connectionsCut, warnings }
  }

  async #prepare(next: GatewayConfig, seen: { changed: readonly string[]; settled: Promise<void> }): Promise<Ready> {
    const { workers, prepareTimeoutMs = prepareTimeoutMsDefault } = this.#options
    const issuersRemoved = findRemovedIssuers(this.#config, next)
    const plan = this.#options.plan(next)
    const timer = new AbortController()
    const prepared = seen.settled.then(() => {
      // Too late, the next reload may be under way: no worker may prepare this one beside it.
      timer.signal.throwIfAborted()
      return workers.prepare(plan)
    })
    try {
      await Promise.race([prepared, expire(prepareTimeoutMs, timer.signal)])
    } catch (error) {
      // Not awaited: a worker that does not answer must not keep the next reload from being tried.
      workers.abandon().catch((cause) => this.#options.log.error('reload could not be abandoned', { error: cause }))
      throw error
    } finally {
      timer.abort()
    }
    return { next, plan, changed: seen.changed, issuersRemoved }
  }

  #problemsOf(error: unknown): readonly string[] {
    if (error instanceof GatewayError) return error.message.split('\n')
    this.#options.log.error('reload failed', { error })
    return ['Cannot use the configuration: what went wrong stands in the log of the gateway']
  }

  #report(cause: ReloadCause, outcome: ReloadResult): void {
    const { metrics, audit, log, clock } = this.#options
    this.#status = { ...this.#status, lastReload: { atMs: clock.nowMs(), cause: cause.kind, outcome } }
    metrics.configReloaded(outcome.result)
    const about = {
      ...(cause.kind === 'operator' ? byOperator(cause) : byGateway),
      target: { kind: 'configuration', name: 'configuration' },
    } as const
    if (outcome.result === 'refused') {
      const { problems } = outcome
      log.error('configuration refused, the old one stays in force', { cause: cause.kind, problems })
      audit({ event: 'config_reload_refused', ...about, detail: { cause: cause.kind, problems: problems.join('\n') } })
      return
    }
    for (const warning of outcome.warnings) log.warn(warning)
    if (outcome.result === 'unchanged') {
      log.info('configuration loaded again: nothing has changed', { cause: cause.kind })
      return
    }
    metrics.configLoaded(this.#status.loadedAtMs / 1_000)
    const { changed, issuersRemoved, connectionsCut } = outcome
    log.info('configuration reloaded', { cause: cause.kind, changed, issuersRemoved, connectionsCut })
    const detail = { cause: cause.kind, changed: changed.join('\n'), issuersRemoved: issuersRemoved.join(', ') }
    audit({ event: 'config_reloaded', ...about, detail: { ...detail, connectionsCut } })
  }
}

const byGateway = { actor: { kind: 'gateway', name: 'gateway' } } as const

function byOperator({ name, requestId }: ReloadCause & { kind: 'operator' }) {
  return { actor: { kind: 'operator', name }, requestId } as const
}

/** The workers of a pool as a reload needs them. */
export function reloadWorkersOf(
  pool: Pick<WorkerPool<unknown, unknown>, 'call' | 'callEach' | 'holdStarts'>,
): ReloadWorkers {
  return {
    hold: () => pool.holdStarts(),
    prepare: async ({ reloadOf }) => {
      try {
        await pool.callEach((id) => ({ type: 'reload_prepare', reload: reloadOf(id) }))
      } catch (cause) {
        throw new GatewayError('reload_refused', (cause as Error).message, { cause })
      }
    },
    commit: async () => sumOf(await pool.call({ type: 'reload_commit' })),
    abandon: async () => {
      await pool.call({ type: 'reload_abandon' })
    },
    reopenLogs: async () => sumOf(await pool.call({ type: 'reopen_access_log' })),
  }
}

function sumOf(answers: readonly CallAnswer[]): number {
  return answers.reduce<number>((total, answer) => total + (typeof answer === 'number' ? answer : 0), 0)
}

/** Rejects after the time unless aborted before; then it stays open for ever. */
function expire(timeoutMs: number, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const message = `Cannot reload as a data worker did not prepare within ${timeoutMs} ms`
    const timer = setTimeout(() => reject(new GatewayError('reload_refused', message)), timeoutMs)
    signal.addEventListener('abort', () => clearTimeout(timer))
  })
}
