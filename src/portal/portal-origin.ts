import { GatewayError } from '../base/errors.ts'
import type { PortalCall } from './portal-call.ts'

/**
 * A certificate is ambient authority: a browser adds it to whatever a page of another site makes it send, and the cookies of another
 * port of the same host too. Browsers say where a request comes from (Origin, RFC 6454; Fetch Metadata); a call that changes something
 * must come from a page of this very authority. Programs say nothing and are let through only where `programs` may call.
 * Throws GatewayError `upgrade_origin_mismatch`.
 */
export function refuseForeignPage(call: PortalCall, { programs }: { programs: boolean }): void {
  const origin = call.header('origin')
  const site = call.header('sec-fetch-site')
  if (origin === undefined && site === undefined && programs) return
  if (origin === `https://${call.authority}` && (site === undefined || site === 'same-origin')) return
  const shown = JSON.stringify((origin ?? 'none').slice(0, 100))
  throw new GatewayError(
    'upgrade_origin_mismatch',
    `Cannot take the request as one of our own pages (https://${call.authority}): current origin is ${shown}`,
  )
}
