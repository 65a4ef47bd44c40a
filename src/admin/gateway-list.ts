import type { LifecyclePorts } from '../lifecycle/ports.ts'

/** A gateway tells once a second what it has applied; after so long it has lost the store, or is gone. Unit: milliseconds. */
const silentAfterMs = 5_000

/** Answer of `GET /v1/gateways`: every gateway that has said something within the last minute and has not said that it ends. */
export type GatewayOverview = {
  /** Where the log of the store ends. */
  readonly storeVersion: number
  readonly gateways: readonly {
    readonly gatewayId: string
    readonly name: string
    /** The one that answers. */
    readonly own: boolean
    readonly programVersion: string
    readonly state: string
    /** Up to which version of the store everything is in force there. */
    readonly version: number
    readonly lagVersions: number
    /** Null before the first load. */
    readonly dataAgeSeconds: number | null
    /** By the store's clock. */
    readonly reportedSecondsAgo: number
    /** It lacks something, does not follow live, or has been silent for five seconds. */
    readonly behind: boolean
  }[]
}

/** Throws `store_unavailable`. */
export async function listGateways(
  store: Pick<LifecyclePorts['store'], 'position' | 'gateways'>,
  gatewayId: string,
): Promise<GatewayOverview> {
  // Reports are read last: what they say cannot lack more than the version that was read before.
  const { version: storeVersion } = await store.position()
  const { nowMs, gateways } = await store.gateways()
  return {
    storeVersion,
    gateways: gateways
      .map(({ position, dataAgeMs, reportedAtMs, ...gateway }) => {
        const lagVersions = Math.max(0, storeVersion - position.version)
        const silentMs = Math.max(0, nowMs - reportedAtMs)
        return {
          gatewayId: gateway.gatewayId,
          name: gateway.name,
          own: gateway.gatewayId === gatewayId,
          programVersion: gateway.programVersion,
          state: gateway.state,
          version: position.version,
          lagVersions,
          dataAgeSeconds: dataAgeMs === null ? null : tenths(dataAgeMs),
          reportedSecondsAgo: tenths(silentMs),
          behind: lagVersions > 0 || gateway.state !== 'live' || silentMs > silentAfterMs,
        }
      })
      .toSorted((left, right) => (left.name < right.name ? -1 : 1)),
  }
}

/** Seconds with one decimal. */
export function tenths(ms: number): number {
  return Math.round(ms / 100) / 10
}
