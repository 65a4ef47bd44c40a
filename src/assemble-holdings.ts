import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from './base/clock.ts'
import type { GatewayConfig, Listen } from './config/gateway-config.ts'
import { type AuditEvent, gatewayActor } from './observe/audit-event.ts'
import { AuditLog } from './observe/audit-log.ts'
import { watchAuditChain } from './observe/audit-watch.ts'
import type { Log } from './observe/log.ts'
import type { Metrics } from './observe/metrics-page.ts'
import { lockStateFolder, type StateLock } from './store/embedded/state-lock.ts'
import type { AuditOutlet } from './supervise/audit-outlet.ts'
import type { SocketSource } from './supervise/socket-source.ts'

export type HoldingsOptions = {
  readonly config: GatewayConfig
  readonly log: Log
  readonly metrics: Metrics
  /** Where the gateway's audit records come from. */
  readonly audit: AuditOutlet<AuditEvent>
  /** Has another process write audit records, once this one has let go of the log. */
  readonly sendAudit: (records: readonly AuditEvent[], dropped: number) => void
  readonly sockets: SocketSource
  /** The process that people end to end this one. */
  readonly holderPid: number
}

/** A listener that is open; its start takes the bound sockets to listen on. */
export type OpenListener = { close(): Promise<void> }
export type ListenerStart = (handles: readonly object[]) => Promise<OpenListener>

/** Listeners of operators and of operations, whose doors the configuration may leave out. */
export type ListenerStarts = { readonly ops: ListenerStart; readonly admin: ListenerStart }

/** Pause between attempts to take back. Unit: milliseconds. */
const retryMs = 1_000

/**
 * What only one process of a state folder may hold: its lock, the audit log, the ops and admin listeners. In a rolling restart the
 * old process releases it and the new one takes it; the old one can take it back. All of this happens one after the other.
 */
export class Holdings {
  readonly #options: HoldingsOptions
  #lock: StateLock | undefined
  #log: AuditLog | undefined
  #chainWatch: { close(): Promise<void> } | undefined
  #starts: ListenerStarts | undefined
  #handles: Promise<Record<keyof ListenerStarts, readonly object[]>> | undefined
  #listeners: OpenListener[] = []
  #keep = true
  #closed = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: HoldingsOptions) {
    this.#options = options
  }

  /** Whether this process holds them. */
  get held(): boolean {
    return this.#lock !== undefined
  }

  /** The number of the last audit record on disk; 0 while the log is not open. */
  get auditedSeq(): number {
    return this.#log?.head.seq ?? 0
  }

  /**
   * Locks the state folder and opens the audit log. Throws `state_folder_locked`, `audit_chain_broken`, `audit_write_failed`.
   */
  async takeState(): Promise<void> {
    const { config, log, metrics, audit, holderPid } = this.#options
    this.#lock ??= lockStateFolder(config.stateFolder, { holderPid })
    if (this.#log !== undefined) return
    const file = join(config.stateFolder, config.auditLog.file)
    const opened = await AuditLog.open({
      file,
      clock: systemClock,
      observer: metrics.control,
      onFault: (fault) => log.error('audit log cannot be written', { error: fault.message }),
    })
    this.#log = opened
    this.#chainWatch = watchAuditChain({ file, log, metrics: metrics.control })
    audit.use((records, dropped) => {
      for (const record of records) opened.record(record)
      if (dropped > 0)
        opened.record({ event: 'audit_records_dropped', actor: gatewayActor, detail: { records: dropped } })
    })
  }

  /** Gets the listeners' sockets, so that an address in use shows before anything is taken over. Throws `config_invalid`. */
  async claimSockets(): Promise<void> {
    this.#handles ??= this.#takeSockets()
    await this.#handles
  }

  /** Opens the ops and admin listeners. */
  async openListeners(starts: ListenerStarts): Promise<void> {
    this.#starts = starts
    const { doors } = this.#options.config
    await this.claimSockets()
    const handles = await this.#handles
    // Whatever comes of it: the sockets are used up.
    this.#handles = undefined
    for (const name of ['ops', 'admin'] as const) {
      if (doors[name] !== undefined && handles !== undefined) this.#listeners.push(await starts[name](handles[name]))
    }
  }

  /** Lets go of everything; rejects if it cannot: then `takeBack` puts back what is missing. */
  release(): Promise<void> {
    this.#keep = false
    return this.#inTurn(async () => {
      await this.closeListeners()
      await this.#log?.flush()
      if (this.#keep) throw new Error('Cannot let go of what was taken back')
      await this.#closeLog()
      this.#lock?.release()
      this.#lock = undefined
    })
  }

  /**
   * Takes again what was let go of, in whatever state the release was. Where that fails it goes on trying: the doors are open
   * meanwhile, and audit records wait.
   */
  takeBack(): Promise<void> {
    this.#keep = true
    // At once: what is sent away now would come back.
    if (this.#log === undefined) this.#options.audit.hold()
    return this.#inTurn(async () => {
      while (this.#keep && !this.#closed) {
        try {
          await this.takeState()
          if (this.#listeners.length === 0 && this.#starts !== undefined) await this.openListeners(this.#starts)
          return
        } catch (error) {
          this.#options.log.error('what a failed successor had cannot be taken back', { error })
        }
        await wait(retryMs)
      }
    })
  }

  async closeListeners(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()))
  }

  /** Writes what is left to write. Throws `audit_write_failed`. */
  async closeState(): Promise<void> {
    this.#closed = true
    await this.#turn
    try {
      await this.#closeLog()
    } finally {
      this.#lock?.release()
      this.#lock = undefined
    }
  }

  async #closeLog(): Promise<void> {
    const closing = this.#log
    this.#log = undefined
    // In the same turn: between the two records would be lost.
    this.#options.audit.use(this.#options.sendAudit)
    await this.#chainWatch?.close()
    this.#chainWatch = undefined
    await closing?.close()
  }

  async #takeSockets(): Promise<Record<keyof ListenerStarts, readonly object[]>> {
    const { ops, admin } = this.#options.config.doors
    return {
      ops: await this.#takeAll(ops?.listen ?? [], 'ops'),
      admin: await this.#takeAll(admin?.listen ?? [], 'admin'),
    }
  }

  async #takeAll(listen: readonly Listen[], door: string): Promise<readonly object[]> {
    const taken = listen.map((address, position) => this.#options.sockets.take(address, { door, position }))
    return (await Promise.all(taken)).map(({ handle }) => handle)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work)
    this.#turn = result.catch(() => {})
    return result
  }
}
