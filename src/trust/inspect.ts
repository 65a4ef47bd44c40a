import { GatewayError } from '../base/errors.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { type Candidate, foreseeVerdict, type Presented, type TrustState } from './admit.ts'
import { formOpinion, type OpinionRules } from './certificate-opinion.ts'
import { type Denial, type DenialReason, denialReasons } from './denial.ts'

/** One check in judging order: passed, failed (then it names the verdict), or not reached. */
export type InspectionStep = {
  readonly check: DenialReason
  readonly result: 'passed' | 'failed' | 'not_reached'
  readonly detail?: string
}

/** What a certificate door would answer to a certificate now, and why. Null where it could not be read. */
export type Inspection = {
  readonly door: string
  readonly verdict: 'permitted' | DenialReason
  readonly loginId: string | null
  /** Name of the configured issuing CA that signed it. */
  readonly issuer: string | null
  readonly serial: string | null
  /** ISO 8601, UTC. */
  readonly notBefore: string | null
  readonly notAfter: string | null
  readonly steps: readonly InspectionStep[]
}

/**
 * Judges a certificate as the door would, without a connection. OpenSSL's own verdict on the chain is not part of it: it is
 * only there in a handshake.
 */
export async function inspectCertificate(
  der: Uint8Array,
  door: { name: string; rules: OpinionRules },
  trust: { state: TrustState; answer: (loginId: string, key: CertificateKey) => Promise<Candidate['answer']> },
): Promise<Inspection> {
  const presented = present(der, door.rules)
  const opinion = presented.kind === 'certificate' ? presented.opinion : undefined
  const { loginId, key } = opinion ?? {}
  const ask =
    (trust.state.directory || trust.state.mustBeGood !== undefined) && loginId !== undefined && key !== undefined
  const answer = ask ? await trust.answer(loginId, key).catch(() => 'unavailable' as const) : undefined
  const denial = foreseeVerdict({ presented, answer }, trust.state)
  return {
    door: door.name,
    verdict: denial?.reason ?? 'permitted',
    loginId: loginId ?? null,
    issuer: opinion?.issuer?.name ?? null,
    serial: opinion?.certificate.serial ?? null,
    notBefore: isoOrNull(opinion?.certificate.notBeforeMs),
    notAfter: isoOrNull(opinion?.certificate.notAfterMs),
    steps: stepsUpTo(denial, answer === 'unavailable' ? ofTheDirectory : none),
  }
}

function present(der: Uint8Array, rules: OpinionRules): Presented {
  try {
    return { kind: 'certificate', opinion: formOpinion(der, rules), opensslFault: undefined }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { kind: 'unreadable', detail: error.message }
  }
}

/** What the directory is asked for; in judging order they come before what is said where it does not answer. */
const ofTheDirectory: ReadonlySet<DenialReason> = new Set([
  'login_id_unknown',
  'certificate_not_registered',
  'certificate_superseded',
  'user_suspended',
  'contract_not_in_certificate_mode',
])
const none: ReadonlySet<DenialReason> = new Set()

/** `unanswered`: checks that had nothing to go by. */
function stepsUpTo(denial: Denial | undefined, unanswered: ReadonlySet<DenialReason>): InspectionStep[] {
  if (denial === undefined) return denialReasons.map((check) => ({ check, result: 'passed' }))
  const failedAt = denialReasons.indexOf(denial.reason)
  return denialReasons.map((check, at) => {
    if (at === failedAt) return { check, result: 'failed', detail: denial.detail }
    return { check, result: at < failedAt && !unanswered.has(check) ? 'passed' : 'not_reached' }
  })
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
