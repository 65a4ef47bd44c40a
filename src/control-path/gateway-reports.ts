import type { Clock } from '../base/clock.ts'
import type { GatewayList, GatewayReport, GatewayState, TrustStore } from './store-port.ts'

/** A gateway that has said nothing for so long has lost the store, or is gone. Unit: milliseconds. */
const silentAfterMs = 5_000

const reportEveryMs = 1_000
/** At every so many reports those of the others are read. */
const tidyEvery = 8
/** Shortest time between two reports: a bulk revocation moves the version many times a second. */
const reportPauseMs = 100
const firstAskMs = 20
const askMsMax = 250

export type GatewayReportsOptions = {
  readonly store: Pick<TrustStore, 'reportGateway' | 'withdrawGateway' | 'gateways'>
  /** What all processes of this state folder share; the id of each begins with it and a dot. */
  readonly place: string
  /** This process. */
  readonly process: string
  readonly clock: Clock
  /** What this gateway says of itself now. */
  readonly report: () => Omit<GatewayReport, 'gatewayId'>
}

/** One gateway as whoever waits for it sees it. */
export type ConfirmingGateway = {
  readonly gatewayId: string
  readonly name: string
  readonly state: GatewayState
  readonly version: number
  readonly confirmed: boolean
  /** It has lost the store, or is gone: it may be serving on what it knew, until that is too old. */
  readonly silent: boolean
  /** Unit: milliseconds since its last report, by the store's clock. */
  readonly reportedAgoMs: number
}

/** Whether a change is in force everywhere. */
export type Confirmation = {
  readonly complete: boolean
  /** Unit: milliseconds. */
  readonly waitedMs: number
  /** Every gateway that has said something within the last minute and has not said that it ends. */
  readonly gateways: readonly ConfirmingGateway[]
}

/** Tells the store what this gateway has applied, and reads what the others tell. */
export class GatewayReports {
  readonly #options: GatewayReportsOptions
  #timer: NodeJS.Timeout | undefined
  #reportedAtMs = 0
  #reporting: Promise<void> = Promise.resolve()
  #reports = 0
  #seen: readonly ConfirmingGateway[] = []
  #stopped = false
  readonly gatewayId: string

  constructor(options: GatewayReportsOptions) {
    this.#options = options
    this.gatewayId = `${options.place}.${options.process}`
  }

  /** All gateways as they were a few seconds ago, this one among them. */
  get seen(): readonly ConfirmingGateway[] {
    return this.#seen
  }

  start(): void {
    this.#schedule(0)
  }

  /** Something has been applied: it is told soon. */
  changed(): void {
    const sinceMs = this.#options.clock.monotonicMs() - this.#reportedAtMs
    this.#schedule(Math.max(0, reportPauseMs - sinceMs))
  }

  /** Nobody should wait for this gateway any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#reporting
    await this.#options.store.withdrawGateway(this.gatewayId).catch(() => {})
  }

  /** Resolves once every gateway has applied the version, or after the time. Rejects as the store does. */
  async confirmed(version: number, timeoutMs: number): Promise<Confirmation> {
    const { store, clock } = this.#options
    const startMs = clock.monotonicMs()
    for (let pauseMs = firstAskMs; ; pauseMs = Math.min(pauseMs * 2, askMsMax)) {
      const gateways = listConfirming(await store.gateways(), version)
      const waitedMs = clock.monotonicMs() - startMs
      const complete = gateways.length > 0 && gateways.every(({ confirmed }) => confirmed)
      if (complete || waitedMs >= timeoutMs) return { complete, waitedMs: Math.round(waitedMs), gateways }
      await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, timeoutMs - waitedMs)))
    }
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#reportedAtMs = this.#options.clock.monotonicMs()
      this.#reporting = this.#report()
    }, delayMs)
  }

  async #report(): Promise<void> {
    const { store, report } = this.#options
    // Where the store does not answer, or lets nobody write, the others see that this gateway is silent.
    await store.reportGateway({ gatewayId: this.gatewayId, ...report() }).catch(() => {})
    if (this.#reports++ % tidyEvery === 0) await this.#lookAround().catch(() => {})
    this.#schedule(reportEveryMs)
  }

  async #lookAround(): Promise<void> {
    const { store, place } = this.#options
    this.#seen = listConfirming(await store.gateways(), 0)
    // A process of this state folder that was killed could not say that it ends.
    const gone = this.#seen.filter(({ gatewayId, silent }) => silent && gatewayId.startsWith(`${place}.`))
    for (const { gatewayId } of gone) if (gatewayId !== this.gatewayId) await store.withdrawGateway(gatewayId)
  }
}

/** The gateways in the order of their names, and whether each has applied the version. */
export function listConfirming({ nowMs, gateways }: GatewayList, version: number): ConfirmingGateway[] {
  return gateways
    .map(({ gatewayId, name, state, position, reportedAtMs }) => ({
      gatewayId,
      name,
      state,
      version: position.version,
      confirmed: position.version >= version,
      silent: nowMs - reportedAtMs > silentAfterMs,
      reportedAgoMs: Math.max(0, nowMs - reportedAtMs),
    }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}
