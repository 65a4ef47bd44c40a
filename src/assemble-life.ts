import { setTimeout as wait } from 'node:timers/promises'
import { createLifecyclePorts, type LifecycleParts } from './assemble-lifecycle.ts'
import { type Notices, startNotices } from './assemble-notices.ts'
import { type PortalPlace, startPortal } from './assemble-portal.ts'
import type { OpenedStore } from './assemble-store.ts'
import { systemClock } from './base/clock.ts'
import { CertificateUses } from './control-path/certificate-uses.ts'
import { SightingBook } from './control-path/sighting-book.ts'
import type { RefusalRecord } from './data-path/ports.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import { RefusedRequests } from './lifecycle/refused-requests.ts'
import type { Metrics } from './observe/metrics-page.ts'
import type { CertificateSighting, CertificateUse } from './trust/directory-answer.ts'

export type LifeParts = Omit<LifecycleParts, 'noticeAct' | 'store'> & {
  readonly opened: OpenedStore
  readonly metrics: Metrics
  readonly place: PortalPlace
}

export type StartedLife = {
  readonly lifecycle: LifecyclePorts
  readonly notices: Notices
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

  /** For the pool of workers. */
  noteUse(use: CertificateUse): Promise<void> {
    return this.#uses?.note(use) ?? Promise.resolve()
  }

  noteSightings(sightings: readonly CertificateSighting[]): void {
    this.#sightings?.note(sightings)
  }

  noteRefusal({ requestId, reason, loginId, certificateSerial: serial, door, clientAddress }: RefusalRecord): void {
    this.#refused?.note(requestId, {
      ...{ reason, loginId, serial, door },
      address: clientAddress,
      atMs: systemClock.nowMs(),
    })
  }

  /** Starts everything; resolves with how it is ended. Throws GatewayError `config_invalid` for an issuing CA that cannot be used. */
  async start(parts: LifeParts): Promise<StartedLife> {
    const { opened, follower, inForce, audit, log, metrics, place, pool } = parts
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
    const portal = await startPortal({ place, inForce, lifecycle, pool, log })
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
      close: async () => {
        await portal.close()
        await notices.close()
        uses.close()
        refused.close()
        await sightings.close()
      },
    }
  }
}
