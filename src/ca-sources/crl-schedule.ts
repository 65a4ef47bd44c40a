import type { GatewayConfig } from '../config/gateway-config.ts'
import type { SharedCrl } from './crl-taken.ts'

/** What a list's next look depends on beside its last one. */
export type Schedule = {
  /** Unit: milliseconds since the epoch. */
  readonly nowMs: number
  /** A look before that does not count. Unit: milliseconds since the epoch. */
  readonly sinceMs: number
  readonly pollSeconds: number
  readonly limits: Pick<GatewayConfig['crlFetch'], 'retrySeconds' | 'clockSkewSeconds'>
}

/** Looks because of nextUpdate are not closer than this, nor than `retrySeconds`. Unit: milliseconds. */
const spacingMinMs = 5_000

/**
 * When a list is due, from what all gateways know of it: `pollSeconds` after the last look that ended well, or right after its
 * nextUpdate if that is sooner. Unit: milliseconds from now; 0: it is due.
 */
export function dueInMs(look: Pick<SharedCrl, 'lookedAtMs' | 'nextUpdateMs'> | undefined, schedule: Schedule): number {
  const { nowMs, sinceMs, pollSeconds, limits } = schedule
  const lookedAtMs = look?.lookedAtMs
  if (lookedAtMs === undefined || lookedAtMs < sinceMs) return 0
  // The clock of whoever looked is far off: its look may be of any time.
  if (lookedAtMs > nowMs + limits.clockSkewSeconds * 1_000) return 0
  const wellAtMs = Math.min(lookedAtMs, nowMs)
  const spacingMs = Math.max(spacingMinMs, limits.retrySeconds * 1_000)
  const afterNextUpdateMs = Math.max((look?.nextUpdateMs ?? Number.POSITIVE_INFINITY) + 1, wellAtMs + spacingMs)
  return Math.max(0, Math.min(wellAtMs + pollSeconds * 1_000, afterNextUpdateMs) - nowMs)
}
