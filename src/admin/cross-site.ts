import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
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

/** Whether a browser opens a page in a tab of its own, as by a link: whoever had it opened sees nothing of it. */
export function isPageOpened({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
}

function refused(why: string): GatewayError {
  return new GatewayError('admin_request_invalid', `Cannot take the request: ${why}`)
}
