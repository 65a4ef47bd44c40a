import type { RefusalRecord, UnknownOutcome } from '../data-path/ports.ts'

/** Everything the audit log can say (R25). Words are part of the product's interface: never renamed, never reused. */
export const auditEventKinds = [
  'audit_log_continued',
  'audit_log_repaired',
  'audit_records_dropped',
  'certificate_issued',
  'certificate_renewed',
  'certificate_restored',
  'certificate_revoked',
  'certificate_superseded',
  'certificates_revoked',
  'config_reload_refused',
  'config_reloaded',
  'configuration_loaded',
  'connection_cut',
  'crl_applied',
  'crl_look_requested',
  'crl_published',
  'crl_refused',
  'directory_changed',
  'enrolment_reported',
  'gateway_started',
  'gateway_stopped',
  'issue_refused',
  'login_method_changed',
  'login_refused',
  'mail_failed',
  'operator_refused',
  'password_accepted',
  'password_refused',
  'responder_certificate_issued',
  'revocation_refused',
  'rule_published',
  'rule_withdrawn',
  'snapshot_unusable',
  'store_behind',
  'store_changed_by_hand',
  'upload_outcome_unknown',
  'user_reinstated',
  'user_suspended',
  'user_unlocked',
  'worker_ended',
] as const

export type AuditEventKind = (typeof auditEventKinds)[number]

/** Who did it. `name`: login ID, operator's name, client address, or the part of the gateway. */
export type AuditActor = {
  readonly kind: 'gateway' | 'operator' | 'user' | 'unauthenticated' | 'store'
  readonly name: string
}

/** What it was done to. */
export type AuditTarget = {
  readonly kind:
    | 'certificate'
    | 'login_id'
    | 'contract'
    | 'connection'
    | 'door'
    | 'configuration'
    | 'issuer'
    | 'rule'
    | 'audit_log'
    | 'worker'
  readonly name: string
}

/** One event. Details are flat; texts are shortened and secrets replaced when it is recorded. */
export type AuditEvent = {
  readonly event: AuditEventKind
  readonly actor: AuditActor
  readonly target?: AuditTarget
  /** Why: a denial reason, a revocation reason, a form number. */
  readonly reason?: string
  readonly requestId?: string
  readonly detail?: Readonly<Record<string, string | number | boolean | undefined>>
}

/** The gateway's own acts. */
export const gatewayActor: AuditActor = { kind: 'gateway', name: 'gateway' }

/** A refused login as the audit log records it. */
export function describeRefusal(refusal: RefusalRecord): AuditEvent {
  const { certificateSerial, loginId } = refusal
  return {
    event: 'login_refused',
    actor: { kind: 'unauthenticated', name: refusal.clientAddress },
    ...(certificateSerial === undefined ? {} : { target: { kind: 'certificate', name: certificateSerial } }),
    reason: refusal.reason,
    requestId: refusal.requestId,
    detail: { door: refusal.door, loginId, explanation: refusal.detail },
  }
}

/** A request that may have changed something and whose outcome nobody knows, as the audit log records it. */
export function describeUnknownOutcome(record: UnknownOutcome): AuditEvent {
  return {
    event: 'upload_outcome_unknown',
    actor: { kind: 'user', name: record.loginId ?? '' },
    target: { kind: 'door', name: record.door },
    reason: record.cause,
    requestId: record.requestId,
    detail: { method: record.method, path: record.path },
  }
}
