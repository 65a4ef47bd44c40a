import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../base/errors.ts'

/**
 * A browser adds the operator's certificate to whatever a page of another site makes it send: ambient authority.
 * Browsers say where a request comes from (Fetch Metadata, Origin); programs say nothing and are let through.
 * Throws `admin_request_invalid`.
 */
export function refuseCrossSite(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw refused(`it comes from a page of another site (Sec-Fetch-Site: ${String(site).slice(0, 40)})`)
  }
  const { origin } = headers
  if (origin !== undefined && origin !== `https://${headers.host ?? ''}`) {
    throw refused(`it comes from another origin (${JSON.stringify(origin.slice(0, 100))})`)
  }
}

function refused(why: string): GatewayError {
  return new GatewayError('admin_request_invalid', `Cannot take the request: ${why}`)
}
