import { LiveFeed } from './admin/live/live-feed.ts'
import type { ConfigInForce } from './assemble-reload.ts'
import { systemClock } from './base/clock.ts'
import type { Follower } from './control-path/follow.ts'
import type { GatewayReports } from './control-path/gateway-reports.ts'
import type { ControlLog } from './control-path/ports.ts'
import type { TrustStore } from './control-path/store-port.ts'
import type { RefusalRecord } from './data-path/ports.ts'
import type { AuditEvent } from './observe/audit-event.ts'
import type { Metrics } from './observe/metrics-page.ts'

export type LiveParts = {
  readonly inForce: ConfigInForce
  readonly metrics: Metrics
  readonly follower: Follower
  readonly reports: Pick<GatewayReports, 'gatewayId'>
  readonly store: TrustStore
  readonly log: ControlLog
}

/** Begins to count for the live page, if there is an admin door that shows it. */
export function startLive({ inForce, metrics, follower, reports, store, log }: LiveParts): LiveFeed {
  const feed = new LiveFeed({
    config: () => inForce.config,
    ...{ metrics, follower, store, log },
    gatewayId: reports.gatewayId,
    clock: systemClock,
  })
  if (inForce.config.doors.admin !== undefined) feed.start()
  return feed
}

/** Tells it of a refused login: who, when and why, and nothing else of what a client sent. */
export function noteLive(feed: LiveFeed | undefined, refusal: RefusalRecord): void {
  const { reason, loginId, certificateSerial: serial, door, clientAddress: address, requestId } = refusal
  feed?.noteRefusal({
    ...{ reason, door, address, requestId },
    atMs: systemClock.nowMs(),
    ...(loginId === undefined ? {} : { loginId }),
    ...(serial === undefined ? {} : { serial }),
  })
}

/** The same audit, which the feed reads along. */
export function readAlong(feed: LiveFeed, audit: (event: AuditEvent) => void): (event: AuditEvent) => void {
  return (event) => {
    audit(event)
    if (event.event === 'rule_published' || event.event === 'rule_withdrawn') feed.noteRule(event)
  }
}
