import { GatewayError } from '../base/errors.ts'
import type { IssueWork } from './issue-work.ts'
import { nameCertificate } from './issuer-names.ts'
import type { CertificateKey, RecordedCertificate, RuledCertificate } from './ports.ts'

/**
 * Refuses what a 失効 has overtaken (R17): it may have come between the decision and the reservation, and then neither knows of the other.
 * `proof`: the record of the certificate that proves who asks. Throws GatewayError `login_refused`, `store_unavailable`.
 */
export async function refuseOvertaken(
  certificate: RuledCertificate,
  { request, ports }: IssueWork,
  proof?: RecordedCertificate | undefined,
): Promise<void> {
  const ruled = await ports.revokedByRule(proof === undefined ? [certificate] : [certificate, proof])
  const keys = [certificate.key, ...(request.proof.kind === 'certificate' ? [request.proof.key] : [])]
  for (const key of keys) {
    if (!ruled.has(key) && (await ports.store.revocation(key))?.state !== 'revoked') continue
    throw new GatewayError('login_refused', 'Cannot issue as certificates of the login ID were revoked meanwhile')
  }
}

/**
 * Revokes a certificate that was recorded or signed and must let nobody in, and puts that on record (R25). Nobody is told by mail: no user
 * ever had it. Never rejects: what cannot be revoked now is named in the log, for operators.
 */
export async function withdrawIssued(key: CertificateKey, why: string, work: IssueWork): Promise<void> {
  const { ports, request, caller } = work
  const { loginId } = request
  const reason = 'superseded'
  const { issuer, serial } = nameCertificate(key, ports.issuers)
  let outcome: string = 'unconfirmed'
  try {
    const actor = { name: 'sekisho', role: 'gateway', requestId: caller.requestId }
    const published = await ports.publisher.publish([{ key, loginId, reason, comment: why }], actor)
    outcome = published.outcomes[0]?.outcome ?? outcome
  } catch (error) {
    ports.log.error('a certificate that must let nobody in could not be revoked: revoke it', {
      issuer,
      serial,
      loginId,
      error,
    })
  }
  ports.audit({
    event: 'certificate_revoked',
    actor: { kind: 'gateway', name: 'gateway' },
    target: { kind: 'certificate', name: `${issuer} ${serial}` },
    reason,
    requestId: caller.requestId,
    detail: { loginId, outcome, comment: why, role: 'gateway' },
  })
}
