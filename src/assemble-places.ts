import { createPortalPlace, type PortalPlace } from './assemble-portal.ts'
import { createPublicationPlace, type PublicationPlace } from './assemble-publication.ts'
import type { ConfigSource } from './assemble-reload.ts'
import type { GatewayConfig } from './config/gateway-config.ts'

/** Where the gateway itself answers its workers, as if it were an application behind them. */
export type OwnPlaces = {
  readonly portal: PortalPlace
  readonly publication: PublicationPlace
  /** The configuration with routes to what it has of them. */
  extend(config: GatewayConfig): GatewayConfig
  extendSource(source: ConfigSource): ConfigSource
}

/** Chooses the places. Nothing is made yet. */
export function createOwnPlaces(config: Pick<GatewayConfig, 'stateFolder'>): OwnPlaces {
  const portal = createPortalPlace(config)
  const publication = createPublicationPlace(config)
  const extend = (written: GatewayConfig) => publication.extend(portal.extend(written))
  return {
    portal,
    publication,
    extend,
    extendSource: ({ load, files }) => ({
      files,
      load: () => {
        const loaded = load()
        return { ...loaded, config: extend(loaded.config) }
      },
    }),
  }
}
