import type { Clock } from '../../base/clock.ts'
import type { LifecyclePorts } from '../../lifecycle/ports.ts'
import { type GatewayOverview, listGateways } from '../gateway-list.ts'

export type GatewayWatchOptions = {
  readonly store: Pick<LifecyclePorts['store'], 'position' | 'gateways'>
  /** This process, where gateways tell what they have applied. */
  readonly gatewayId: string
  readonly clock: Clock
}

/** What the store told last of all gateways. */
export type GatewaysHeard = {
  /** Since then, or since somebody began to look. */
  readonly agoMs: number
  readonly overview: GatewayOverview
  /** Names of gateways that have been behind for longer than a push takes. */
  readonly longBehind: readonly string[]
}

/** A gateway lags for a moment at every push; longer than this is told. Unit: milliseconds. */
const longBehindMs = 5_000

const nothingHeard: GatewayOverview = { storeVersion: 0, gateways: [] }

/** What the store says of all gateways, asked only while somebody looks. */
export class GatewayWatch {
  readonly #options: GatewayWatchOptions
  readonly #behindSinceMs = new Map<string, number>()
  #told: { readonly atMs: number; readonly overview: GatewayOverview } | undefined
  /** When somebody began to look, on the monotonic clock. */
  #sinceMs = 0
  #isAsking = false

  constructor(options: GatewayWatchOptions) {
    this.#options = options
  }

  /** Somebody looks again. Nobody asked the store meanwhile; that is not its silence. */
  begin(): void {
    this.#told = undefined
    this.#behindSinceMs.clear()
    this.#sinceMs = this.#options.clock.monotonicMs()
    this.ask()
  }

  /** One question at a time: a store that does not answer is asked again when it has said so. Never throws and never waits. */
  ask(): void {
    if (this.#isAsking) return
    const { store, gatewayId, clock } = this.#options
    this.#isAsking = true
    void listGateways(store, gatewayId)
      .then((overview) => {
        this.#told = { atMs: clock.monotonicMs(), overview }
      })
      // That nothing is heard shows.
      .catch(() => {})
      .finally(() => {
        this.#isAsking = false
      })
  }

  heard(): GatewaysHeard {
    const nowMs = this.#options.clock.monotonicMs()
    const overview = this.#told?.overview ?? nothingHeard
    return {
      agoMs: Math.max(0, nowMs - (this.#told?.atMs ?? this.#sinceMs)),
      overview,
      longBehind: this.#longBehind(overview, nowMs),
    }
  }

  #longBehind({ gateways }: GatewayOverview, nowMs: number): string[] {
    const behind = gateways.filter((gateway) => gateway.behind)
    const ids = new Set(behind.map(({ gatewayId }) => gatewayId))
    for (const id of this.#behindSinceMs.keys()) if (!ids.has(id)) this.#behindSinceMs.delete(id)
    return behind.flatMap(({ gatewayId, name }) => {
      const sinceMs = this.#behindSinceMs.get(gatewayId) ?? nowMs
      this.#behindSinceMs.set(gatewayId, sinceMs)
      return nowMs - sinceMs >= longBehindMs ? [name] : []
    })
  }
}
