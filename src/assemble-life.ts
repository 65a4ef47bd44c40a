import { setTimeout as wait } from 'node:timers/promises'
import type { LiveFeed } from './admin/live/live-feed.ts'
import { watchExpiries } from './assemble-expiries.ts'
import { createLifecyclePorts, type LifecycleParts } from './assemble-lifecycle.ts'
import { noteLive, readAlong, startLive } from './assemble-live.ts'
import { type Notices, startNotices } from './assemble-notices.ts'
import type { OwnPlaces } from './assemble-places.ts'
import { startPortal } from './assemble-portal.ts'
import { startPublication } from './assemble-publication.ts'
import { type CaSources, lookUpBoth, startSources } from './assemble-sources.ts'
import type { OpenedStore } from './assemble-store.ts'
import { systemClock } from './base/clock.ts'
import type { CrlDesk, CrlListStatus } from './ca-sources/ports.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { CertificateUses } from './control-path/certificate-uses.ts'
import type { GatewayReports } from './control-path/gateway-reports.ts'
import { SightingBook } from './control-path/sighting-book.ts'
import type { RefusalRecord } from './data-path/ports.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import { RefusedRequests } from './lifecycle/refused-requests.ts'
import type { Metrics } from './observe/metrics-page.ts'
import type { SocketSource } from './supervise/socket-source.ts'
import type { CertificateSighting, CertificateUse } from './trust/directory-answer.ts'
import type { SharedFreshness } from './trust/freshness.ts'
import type { RevocationIndex } from './trust/revocation-index.ts'

export type LifeParts = Omit<LifecycleParts, 'noticeAct' | 'store'> & {
  readonly opened: OpenedStore
  readonly metrics: Metrics
  readonly reports: Pick<GatewayReports, 'gatewayId'>
  readonly places: OwnPlaces
  readonly index: RevocationIndex
  readonly freshness: SharedFreshness
  readonly sockets: SocketSource
}

export type StartedLife = {
  readonly lifecycle: LifecyclePorts
  readonly notices: Notices
  readonly crls: CrlDesk
  readonly live: LiveFeed
  close(): Promise<void>
}

/**
 * The life of certificates at this gateway: what workers tell of them, issuing and revoking, notices and pages. The workers are there
 * before it starts; what they tell meanwhile is not lost, because a certificate stays unused until its use is noted.
 */
export class CertificateLife {
  #uses: CertificateUses | undefined
  #sightings: SightingBook | undefined
  #refused: RefusedRequests | undefined
  #sources: CaSources | undefined
  #live: LiveFeed | undefined

  /** For the pool of workers. */
  noteUse(use: CertificateUse): Promise<void> {
    return this.#uses?.note(use) ?? Promise.resolve()
  }

  noteSightings(sightings: readonly CertificateSighting[]): void {
    this.#sightings?.note(sightings)
  }

  /** For metrics. */
  crlLists(): readonly CrlListStatus[] {
    return this.#sources?.lists() ?? []
  }

  /** What is asked of the control thread before a certificate is judged. */
  lookUp(config: Pick<GatewayConfig, 'directory'>, { lookUp }: Pick<OpenedStore, 'lookUp'>): OpenedStore['lookUp'] {
    const nobody = async () => ({ user: undefined, certificateRegistered: false })
    return lookUpBoth(config.directory === 'none' ? nobody : lookUp, () => this.#sources)
  }

  noteRefusal(refusal: RefusalRecord): void {
    const { requestId, reason, loginId, certificateSerial: serial, door, clientAddress } = refusal
    noteLive(this.#live, refusal)
    this.#refused?.note(requestId, {
      ...{ reason, loginId, serial, door },
      address: clientAddress,
      atMs: systemClock.nowMs(),
    })
  }

  /** Starts everything; resolves with how it is ended. Throws GatewayError `config_invalid` for an issuing CA that cannot be used. */
  async start(given: LifeParts): Promise<StartedLife> {
    const live = startLive({ ...given, store: given.opened.store })
    this.#live = live
    const parts = { ...given, audit: readAlong(live, given.audit) }
    const { opened, follower, inForce, audit, log, metrics, places, pool } = parts
    const { store } = opened
    const uses = new CertificateUses({
      store,
      follower,
      knownHere: opened.knownHere,
      supersedesSeen: () => inForce.config.certificates.supersedeSeen,
      audit,
      log,
      nowMs: () => systemClock.nowMs(),
    })
    const sightings = new SightingBook({ store, log })
    const notices = startNotices({
      config: () => inForce.config,
      store,
      audit,
      log,
      metrics: metrics.control,
      clock: systemClock,
    })
    const lifecycle = createLifecyclePorts({ ...parts, store, noticeAct: (act) => notices.noticeAct(act) })
    const expiries = watchExpiries({
      config: inForce.config,
      store,
      log,
      metrics: metrics.control,
      clock: systemClock,
    })
    const portal = await startPortal({ place: places.portal, inForce, lifecycle, pool, log })
    const observer = metrics.control
    const publication = await startPublication({ ...parts, place: places.publication, observer })
    const sources = startSources({ ...parts, index: parts.index.shared, workers: pool, observer })
    this.#sources = sources
    this.#uses = uses
    this.#sightings = sightings
    const refused = new RefusedRequests({
      store,
      log,
      pause: (durationMs) => wait(durationMs, undefined, { ref: false }),
    })
    this.#refused = refused
    return {
      lifecycle,
      notices,
      crls: sources.crls,
      live,
      close: async () => {
        live.close()
        await sources.close()
        await publication.close()
        await portal.close()
        await notices.close()
        await expiries.close()
        uses.close()
        refused.close()
        await sightings.close()
      },
    }
  }
}
