import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import { AuditOutlet } from './audit-outlet.ts'
import { type GatewayCommand, GatewayProcess } from './gateway-process.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import { noServiceKeeper, type ServiceKeeper } from './service-keeper.ts'

export type SupervisorOptions = {
  readonly command: GatewayCommand
  readonly sockets: ListeningSockets
  readonly clock: Clock
  readonly log: SupervisorLog
  /** Default: nobody. */
  readonly serviceManager?: ServiceKeeper
  /** Called once, when the first gateway process holds the state folder and before it opens its doors. */
  readonly beforeDoors?: () => Promise<void>
}

/** Where the supervisor says what it does; `observe/log.ts` fits. */
export type SupervisorLog = {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** Longest time from the start of a gateway process until it could open its doors. Unit: milliseconds. */
const prepareMaxMs = 300_000
/** Longest time from then until its doors are open, and for letting go of what one process only may hold. */
const handOverMaxMs = 30_000
/** Longest time the service manager is told that a reload goes on. Unit: milliseconds. */
const reloadMaxMs = 30_000
/** Pause before a crashed gateway process is started again; doubles with each crash in a row. Unit: milliseconds. */
const restartPauseMs = 500
const restartPauseMaxMs = 30_000
/** A gateway process that has run for so long does not crash "in a row". */
const settledMs = 60_000

/**
 * Keeps one gateway process running, and replaces it when it crashes or on demand. It holds the listening sockets and no secret.
 *
 * In a rolling restart the next process gets ready beside the current one, which serves on. Then the current one lets go of what
 * one process only may hold (state folder, audit log, ops and admin listeners) while its doors stay open; the next one takes it and
 * opens its doors; the other drains. If the next one fails on the way, the current one takes everything back. Audit records of the
 * process that lets go are written by the other one.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #manager: ServiceKeeper
  readonly #audit = new AuditOutlet<unknown>()
  readonly #retiring = new Set<GatewayProcess>()
  #current: GatewayProcess | undefined
  /** Being started; it is not in charge yet. */
  #next: GatewayProcess | undefined
  /** A reload was asked for after that one had begun to read its configuration. */
  #reloadNext = false
  #resumption = false
  #rolling: Promise<void> | undefined
  #rollAgain = false
  #ending = false
  #crashes = 0
  #openedAtMs = 0

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#manager = options.serviceManager ?? noServiceKeeper
  }

  /**
   * Resolves when the doors are open, or with false when this was ended meanwhile. Rejects, with nothing left running, if they
   * cannot be opened: with StartFailure when the gateway process has said why.
   */
  async start(): Promise<boolean> {
    this.#manager.status('Starting a gateway process')
    try {
      const first = await this.#launch(false)
      if (first === undefined) throw new StartFailure()
      this.#refuseUnclaimed()
      await this.#options.beforeDoors?.()
      if (!(await this.#open(first))) throw new StartFailure()
      this.#sayReady()
      return true
    } catch (error) {
      if (this.#ending) return false
      this.#ending = true
      await this.#next?.stop()
      throw error
    }
  }

  /** Tells the gateway process to read its configuration again, and those that are draining: they have clients too. */
  reload(): void {
    for (const process of [this.#current, ...this.#retiring]) process?.tell({ type: 'reload' })
    this.#reloadNext = this.#next !== undefined
    if (this.#current !== undefined) void this.#followReload(this.#current)
  }

  /** Whether the gateway process answers. Where none is in charge, one is being started, or everything ends: that is not to hang. */
  async isWell(withinMs: number): Promise<boolean> {
    return (await this.#current?.answers(withinMs)) ?? true
  }

  /** Resolves when the new process is in charge, or has failed and the old one goes on. */
  async restart(): Promise<void> {
    const { log } = this.#options
    if (this.#rolling !== undefined) {
      log.info('a rolling restart is going on: another one follows')
      this.#rollAgain = true
      return
    }
    if (this.#current === undefined) {
      log.info('no rolling restart: the gateway process is being started anyway')
      return
    }
    this.#manager.reloading('Rolling restart: a new gateway process is starting beside the old one')
    this.#rolling = this.#rollOn()
    await this.#rolling
    this.#rolling = undefined
    this.#sayReady()
    if (this.#current === undefined) await this.#restartCrashed()
  }

  /** Nobody new is accepted; requests in progress may end, for as long as the configuration says. */
  async drain(): Promise<void> {
    this.#ending = true
    this.#manager.stopping('Draining: requests in progress may end')
    this.#options.sockets.close()
    const current = this.#current
    await Promise.all([this.#next?.stop(), current?.drain({ successor: false })])
    // They send it their last audit records.
    await Promise.all([...this.#retiring].map((process) => process.ended))
    // One that had let go takes back first what it has to put in order.
    await this.#rolling
    await current?.stop()
  }

  /** Ends everything at once. */
  async stop(): Promise<void> {
    this.#ending = true
    this.#manager.stopping('Stopping')
    this.#options.sockets.close()
    await Promise.all([this.#next?.stop(), ...[...this.#retiring].map((process) => process.stop())])
    await this.#current?.stop()
  }

  /** Starts a process and waits until it could open its doors; undefined if it failed: it is gone then. */
  async #launch(beside: boolean): Promise<GatewayProcess | undefined> {
    const { command, sockets } = this.#options
    // A second start is due when the configuration turns out to want other flags; then the flags are right.
    for (let starts = 0; starts < 2; starts++) {
      const process = new GatewayProcess({
        ...command,
        sockets,
        resumption: this.#resumption,
        beside,
        audit: ({ records, dropped }) => this.#audit.take(records, dropped),
        askRetiring: async (question) => {
          const answers = await Promise.all([...this.#retiring].map((retiring) => retiring.ask(question)))
          return answers.flat()
        },
      })
      this.#next = process
      this.#reloadNext = false
      const answer = await process.hear(['prepared', 'node_flags'], { withinMs: prepareMaxMs })
      if (answer?.type === 'prepared' && !this.#ending) return process
      if (answer?.type === 'node_flags') this.#resumption = answer.resumption
      else this.#noteFailure(process)
      await process.stop()
      if (answer?.type !== 'node_flags') break
    }
    this.#next = undefined
    return undefined
  }

  /** Puts a prepared process in charge. False if it failed: it is gone then. */
  async #open(process: GatewayProcess): Promise<boolean> {
    const { sockets, clock } = this.#options
    process.tell({ type: 'open' })
    const ready = (await process.hear(['ready'], { withinMs: handOverMaxMs })) !== undefined
    this.#next = undefined
    if (!ready || this.#ending) {
      this.#noteFailure(process)
      await process.stop()
      return false
    }
    this.#current = process
    this.#openedAtMs = clock.monotonicMs()
    this.#writeAuditIn(process)
    sockets.keepOnly(process.channel)
    if (this.#reloadNext) process.tell({ type: 'reload' })
    void process.ended.then((how) => this.#ended(process, how))
    return true
  }

  /** A process that fails with exit code 1 has said why. */
  #noteFailure(process: GatewayProcess): void {
    if (this.#ending) return
    const { log } = this.#options
    if (!process.hasEnded) log.error('a gateway process did not get ready in time', { gatewayPid: process.pid })
    void process.ended.then((how) => {
      if (typeof how === 'string' || how > 1)
        log.error('a gateway process ended before its doors were open', { gatewayPid: process.pid, how })
    })
  }

  async #rollOn(): Promise<void> {
    do {
      this.#rollAgain = false
      await this.#roll()
    } while (this.#rollAgain && !this.#ending)
  }

  async #roll(): Promise<void> {
    const { log } = this.#options
    const old = this.#current
    log.info('rolling restart: a new gateway process is starting beside the old one', { gatewayPid: old?.pid })
    const next = await this.#launch(true)
    if (next === undefined) {
      this.#goOn('the new gateway process could not start')
      return
    }
    if (old !== undefined && !old.hasEnded) {
      const obstacle = await this.#release(old)
      if (obstacle !== undefined) {
        await next.stop()
        this.#next = undefined
        this.#giveBack(old)
        this.#goOn(obstacle)
        return
      }
    }
    if (await this.#open(next)) {
      log.info('rolling restart: the new gateway process is in charge', { gatewayPid: next.pid })
      if (old !== undefined && !old.hasEnded) this.#retire(old)
      return
    }
    if (old !== undefined && !old.hasEnded) this.#giveBack(old)
    this.#goOn('the new gateway process could not open its doors')
  }

  /** Returns why the process did not let go; undefined if it did, or is gone. */
  async #release(process: GatewayProcess): Promise<string | undefined> {
    this.#audit.hold()
    process.tell({ type: 'release' })
    const answer = await process.hear(['released', 'release_failed'], { withinMs: handOverMaxMs })
    if (answer?.type === 'released' || process.hasEnded) return undefined
    return answer === undefined ? 'the old gateway process did not answer' : answer.message
  }

  #giveBack(process: GatewayProcess): void {
    // In this order: until it has heard that, it would send the records here again.
    process.tell({ type: 'take_back' })
    this.#writeAuditIn(process)
  }

  #writeAuditIn(process: GatewayProcess): void {
    this.#audit.use((records, dropped) => process.tell({ type: 'audit', records, dropped }))
  }

  #goOn(why: string): void {
    const { log, sockets } = this.#options
    if (this.#ending) return
    log.error('rolling restart failed: the old gateway process goes on', { why, gatewayPid: this.#current?.pid })
    if (this.#current !== undefined) sockets.keepOnly(this.#current.channel)
  }

  #retire(process: GatewayProcess): void {
    this.#retiring.add(process)
    void process.ended.then(() => this.#retiring.delete(process))
    void process.drain({ successor: true }).then(() => process.stop())
  }

  #ended(process: GatewayProcess, how: number | NodeJS.Signals): void {
    if (this.#current !== process) return
    this.#current = undefined
    this.#audit.hold()
    if (this.#ending) return
    this.#options.log.error('the gateway process ended', { gatewayPid: process.pid, how })
    this.#manager.status(`The gateway process ended with ${how}: another one is being started`)
    // A rolling restart puts another one in its place.
    if (this.#rolling === undefined) void this.#restartCrashed()
  }

  async #restartCrashed(): Promise<void> {
    const { clock } = this.#options
    if (clock.monotonicMs() - this.#openedAtMs >= settledMs) this.#crashes = 0
    while (!this.#ending) {
      await wait(Math.min(restartPauseMs * 2 ** this.#crashes, restartPauseMaxMs))
      this.#crashes++
      if (this.#ending) return
      const process = await this.#launch(false)
      if (process !== undefined && (await this.#open(process))) {
        this.#sayReady()
        return
      }
    }
  }

  async #followReload(process: GatewayProcess): Promise<void> {
    this.#manager.reloading('Reading the configuration again')
    const answer = await process.hear(['reloaded'], { withinMs: reloadMaxMs })
    this.#sayReady(`the last reload by signal: ${answer?.result ?? 'no answer'}`)
  }

  #sayReady(remark?: string): void {
    // A rolling restart says so at its end; who ends or restarts has said something else.
    if (this.#rolling !== undefined || this.#ending || this.#current === undefined) return
    const status = `Doors are open, gateway process ${this.#current.pid}`
    this.#manager.ready(remark === undefined ? status : `${status}; ${remark}`)
  }

  /** Sockets that no door wants are a mistake of whoever configured the service manager: clients would wait there for ever. */
  #refuseUnclaimed(): void {
    const [socket] = this.#options.sockets.unclaimed()
    if (socket === undefined) return
    const where = `${socket.host} port ${socket.port} (file descriptor ${socket.fd})`
    throw new GatewayError('config_invalid', `Cannot use the service manager's socket ${where}: no door listens there`)
  }
}

/** The first gateway process ended before its doors were open; it has told people why. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}
