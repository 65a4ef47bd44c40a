import type { SuccessorCertificate } from './directory-answer.ts'

/**
 * The closed list of reasons for refusing a connection or a request, in the order in which they are judged
 * (first failure names the denial). The word is the metric label, the audit word and the `reason` of the problem details.
 */
export const denialReasons = [
  'certificate_missing',
  'certificate_unreadable',
  'issuer_not_trusted',
  'key_too_weak',
  'usage_not_allowed',
  'certificate_not_yet_valid',
  'certificate_expired',
  'certificate_revoked',
  'login_id_missing',
  'login_id_unknown',
  'certificate_not_registered',
  'certificate_superseded',
  'user_suspended',
  'contract_not_in_certificate_mode',
  'trust_data_stale',
] as const

export type DenialReason = (typeof denialReasons)[number]

/**
 * Why a live connection is cut: for what would be a denial now, or, on the public door, because the contract of a login with ID and
 * password that it carried was switched to certificate mode (R22).
 */
export const cutReasons = [...denialReasons, 'login_method_mismatch'] as const

export type CutReason = (typeof cutReasons)[number]

/** HTTP status of a denial: 403, but 503 when the gateway itself lacks fresh data and trying again may help. */
export function denialStatus(reason: DenialReason): 403 | 503 {
  return reason === 'trust_data_stale' ? 503 : 403
}

/** What the user may be told about the certificate they presented; each field only if it could be read. */
export type PresentedCertificate = {
  /** Serial number, lower-case hex without leading zeros. */
  readonly serial: string
  /** End of the validity period. Unit: milliseconds since the epoch. */
  readonly notAfterMs: number
  readonly subjectCommonName: string | undefined
  readonly issuerCommonName: string | undefined
}

/** A "no", as a value. `detail` is for operators (audit, log), never shown to the user. */
export type Denial = {
  readonly kind: 'denial'
  readonly reason: DenialReason
  readonly detail: string
  readonly certificate: PresentedCertificate | undefined
  /** Of a superseded certificate: the one to choose instead, where it is known. */
  readonly successor?: SuccessorCertificate
}

/** Makes a denial. `detail` is for operators; `certificate` is what the user may be told. */
export function deny(reason: DenialReason, detail: string, certificate?: PresentedCertificate): Denial {
  return { kind: 'denial', reason, detail, certificate }
}

/** Denials that come and go with time, whatever is configured. */
export const timeReasons: ReadonlySet<DenialReason> = new Set([
  'certificate_not_yet_valid',
  'certificate_expired',
  'trust_data_stale',
])
