/**
 * Every fault the gateway throws, in one table. Denials are not here: a denial is a value (`trust/denial.ts`).
 * Codes are part of the product's interface: never renamed, never reused.
 */

/** Whose fault it is: decides who is told and how loudly. */
export type FaultOrigin = 'client' | 'gateway' | 'upstream' | 'operator'

type FaultRow = {
  readonly status: number
  readonly origin: FaultOrigin
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  readonly retryable: boolean
}

/** HTTP status, origin, log level and whether the same call may succeed later. The metric label is the code itself. */
export const faults = {
  admin_not_found: { status: 404, origin: 'operator', logLevel: 'info', retryable: false },
  admin_request_invalid: { status: 400, origin: 'operator', logLevel: 'info', retryable: false },
  admin_role_missing: { status: 403, origin: 'operator', logLevel: 'warn', retryable: false },
  admin_unauthenticated: { status: 401, origin: 'operator', logLevel: 'warn', retryable: false },
  admin_viewers_limit: { status: 503, origin: 'operator', logLevel: 'warn', retryable: true },
  audit_chain_broken: { status: 500, origin: 'operator', logLevel: 'error', retryable: false },
  audit_write_failed: { status: 500, origin: 'operator', logLevel: 'error', retryable: true },
  body_idle_timeout: { status: 408, origin: 'client', logLevel: 'info', retryable: true },
  body_malformed: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  body_too_large: { status: 413, origin: 'client', logLevel: 'info', retryable: false },
  certificate_exists: { status: 409, origin: 'client', logLevel: 'info', retryable: false },
  certificate_limit_reached: { status: 409, origin: 'client', logLevel: 'info', retryable: false },
  certificate_lint_failed: { status: 500, origin: 'operator', logLevel: 'error', retryable: false },
  certificate_unreadable: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  code_invalid: { status: 401, origin: 'client', logLevel: 'info', retryable: false },
  config_invalid: { status: 500, origin: 'operator', logLevel: 'error', retryable: false },
  confirmation_wrong: { status: 403, origin: 'client', logLevel: 'warn', retryable: false },
  connection_limit: { status: 503, origin: 'client', logLevel: 'warn', retryable: true },
  crl_refused: { status: 409, origin: 'operator', logLevel: 'error', retryable: false },
  crl_unavailable: { status: 502, origin: 'upstream', logLevel: 'warn', retryable: true },
  crl_unreadable: { status: 400, origin: 'operator', logLevel: 'error', retryable: false },
  expectation_unknown: { status: 417, origin: 'client', logLevel: 'info', retryable: false },
  handshake_failed: { status: 400, origin: 'client', logLevel: 'info', retryable: true },
  handshake_timeout: { status: 408, origin: 'client', logLevel: 'info', retryable: true },
  head_malformed: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  head_timeout: { status: 408, origin: 'client', logLevel: 'info', retryable: true },
  head_too_large: { status: 431, origin: 'client', logLevel: 'info', retryable: false },
  host_mismatch: { status: 421, origin: 'client', logLevel: 'info', retryable: false },
  http2_flood: { status: 400, origin: 'client', logLevel: 'warn', retryable: true },
  http2_protocol_error: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  internal: { status: 500, origin: 'gateway', logLevel: 'error', retryable: false },
  issuing_disabled: { status: 404, origin: 'operator', logLevel: 'info', retryable: false },
  key_reused: { status: 409, origin: 'client', logLevel: 'warn', retryable: false },
  login_id_invalid: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  login_locked: { status: 403, origin: 'client', logLevel: 'warn', retryable: true },
  login_method_mismatch: { status: 403, origin: 'client', logLevel: 'info', retryable: false },
  login_refused: { status: 401, origin: 'client', logLevel: 'info', retryable: false },
  login_request_unreadable: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  login_throttled: { status: 429, origin: 'client', logLevel: 'warn', retryable: true },
  method_not_allowed: { status: 405, origin: 'client', logLevel: 'info', retryable: false },
  method_unknown: { status: 501, origin: 'client', logLevel: 'info', retryable: false },
  not_certificate_mode: { status: 403, origin: 'client', logLevel: 'info', retryable: false },
  ocsp_request_malformed: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  ocsp_response_refused: { status: 502, origin: 'upstream', logLevel: 'warn', retryable: true },
  ocsp_unavailable: { status: 504, origin: 'upstream', logLevel: 'warn', retryable: true },
  path_ambiguous: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  proxy_header_malformed: { status: 400, origin: 'client', logLevel: 'warn', retryable: false },
  publication_unavailable: { status: 503, origin: 'gateway', logLevel: 'warn', retryable: true },
  reload_refused: { status: 409, origin: 'operator', logLevel: 'error', retryable: false },
  renewal_not_due: { status: 409, origin: 'client', logLevel: 'info', retryable: false },
  request_not_found: { status: 404, origin: 'client', logLevel: 'info', retryable: false },
  restore_refused: { status: 409, origin: 'operator', logLevel: 'warn', retryable: false },
  revocation_index_full: { status: 503, origin: 'operator', logLevel: 'error', retryable: false },
  revocation_not_allowed: { status: 403, origin: 'client', logLevel: 'warn', retryable: false },
  serial_invalid: { status: 400, origin: 'operator', logLevel: 'info', retryable: false },
  signer_unavailable: { status: 503, origin: 'operator', logLevel: 'error', retryable: true },
  signing_request_invalid: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  signing_request_refused: { status: 400, origin: 'client', logLevel: 'info', retryable: false },
  state_folder_locked: { status: 500, origin: 'operator', logLevel: 'error', retryable: true },
  store_read_only: { status: 403, origin: 'operator', logLevel: 'warn', retryable: false },
  store_schema_newer: { status: 500, origin: 'operator', logLevel: 'error', retryable: false },
  store_unavailable: { status: 503, origin: 'gateway', logLevel: 'error', retryable: true },
  target_too_long: { status: 414, origin: 'client', logLevel: 'info', retryable: false },
  unlock_not_allowed: { status: 403, origin: 'client', logLevel: 'warn', retryable: false },
  upgrade_idle_timeout: { status: 408, origin: 'client', logLevel: 'info', retryable: true },
  upgrade_limit: { status: 503, origin: 'client', logLevel: 'warn', retryable: true },
  upgrade_origin_mismatch: { status: 403, origin: 'client', logLevel: 'warn', retryable: false },
  upstream_connect_failed: { status: 502, origin: 'upstream', logLevel: 'warn', retryable: true },
  upstream_connect_timeout: { status: 504, origin: 'upstream', logLevel: 'warn', retryable: true },
  upstream_reset: { status: 502, origin: 'upstream', logLevel: 'warn', retryable: true },
  upstream_response_malformed: { status: 502, origin: 'upstream', logLevel: 'error', retryable: false },
  upstream_response_timeout: { status: 504, origin: 'upstream', logLevel: 'warn', retryable: true },
  upstream_too_busy: { status: 503, origin: 'upstream', logLevel: 'warn', retryable: true },
  upstream_unavailable: { status: 503, origin: 'upstream', logLevel: 'error', retryable: true },
  verifier_unavailable: { status: 503, origin: 'operator', logLevel: 'error', retryable: true },
  version_unsupported: { status: 505, origin: 'client', logLevel: 'info', retryable: false },
} as const satisfies Record<string, FaultRow>

export type FaultCode = keyof typeof faults

/** A thrown fault. The message has the form "Cannot X as Y: current value is V" and never holds a secret. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: FaultCode
  /** Where in the input the fault lies, for example `doors.certificate[0].listen`. */
  readonly path: string | undefined

  constructor(code: FaultCode, message: string, options: { cause?: unknown; path?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.path = options.path
  }

  get status(): number {
    return faults[this.code].status
  }
  get origin(): FaultOrigin {
    return faults[this.code].origin
  }
  get retryable(): boolean {
    return faults[this.code].retryable
  }
}
