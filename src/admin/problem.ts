import { type FaultCode, faults, GatewayError } from '../base/errors.ts'

/** Problem details (RFC 9457) as the admin door sends them. */
export type Problem = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: FaultCode
  readonly requestId: string
  /** Where in the request the fault lies, for example `certificates[0].serial`. */
  readonly path?: string
}

const titles: Partial<Record<FaultCode, string>> = {
  admin_not_found: 'There is no such thing here',
  admin_request_invalid: 'The request cannot be used',
  admin_role_missing: 'Your role does not allow this',
  admin_unauthenticated: 'An operator certificate is needed',
  admin_viewers_limit: 'Too many are looking at the live page',
  body_too_large: 'The body is too large',
  certificate_exists: 'The login ID has a certificate',
  certificate_limit_reached: 'The contract has as many certificates as it may',
  certificate_unreadable: 'This is not a certificate that can be read',
  crl_refused: 'The list cannot be trusted',
  crl_unavailable: 'The list cannot be fetched',
  crl_unreadable: 'This is not a list that can be read',
  issuing_disabled: 'This gateway issues no certificates',
  key_reused: 'The key was used before',
  login_refused: 'There is no such active user',
  not_certificate_mode: 'The contract logs in with passwords',
  reload_refused: 'The old configuration stays in force',
  restore_refused: 'The revocation stands',
  revocation_index_full: 'There is no room for more revocations',
  serial_invalid: 'The serial number cannot be used',
  signer_unavailable: 'Nothing can be signed now',
  signing_request_invalid: 'This is no signing request that can be read',
  signing_request_refused: 'The signing request asks for what it may not have',
  store_read_only: 'This gateway may not write to the store',
  store_schema_newer: 'The store was written by a newer version',
  store_unavailable: 'The store cannot be reached',
}

/** The only translation of faults outward: what an operator may be told is told, anything else becomes a bare 500. */
export function problemOf(error: unknown, requestId: string): Problem {
  const known = error instanceof GatewayError && titles[error.code] !== undefined
  const code = known ? error.code : 'internal'
  return {
    type: `urn:sekisho:fault:${code}`,
    title: titles[code] ?? 'The gateway failed',
    status: faults[code].status,
    detail: known ? error.message : `Look for request id ${requestId} in the log of the gateway`,
    code,
    requestId,
    ...(known && error.path !== undefined ? { path: error.path } : {}),
  }
}
