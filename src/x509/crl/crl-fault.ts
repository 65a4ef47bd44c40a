import { GatewayError } from '../../base/errors.ts'

/** The fault of a list that is no list. `position` counts bytes from the start of what is read. */
export function crlUnreadable(position: number, reason: string, cause?: unknown): GatewayError {
  const path = `byte ${position}`
  return new GatewayError('crl_unreadable', `Cannot read the CRL: ${reason} at ${path}`, { path, cause })
}

/** The fault of a list that goes beyond a limit of whoever reads it. */
export function crlTooLarge(limit: 'entriesMax' | 'bytesMax', most: number, found: string): GatewayError {
  const message = `Cannot take the CRL as ${limit} is ${most}: current value is ${found}`
  return new GatewayError('crl_refused', message, { path: limit })
}
