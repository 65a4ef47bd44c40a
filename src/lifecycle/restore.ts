import { GatewayError } from '../base/errors.ts'
import { noteHistory } from './history.ts'
import { type CertificateName, nameCertificate, resolveCertificate } from './issuer-names.ts'
import type { Actor, LifecyclePorts } from './ports.ts'

export type RestoreRequest = {
  readonly certificate: CertificateName
  readonly dryRun: boolean
  /** Why, in the operator's own words; for the audit log. */
  readonly reason: string
  readonly comment: string
}

export type RestoreOutcome = CertificateName & {
  readonly issuerId: string
  readonly loginId: string | undefined
  readonly dryRun: boolean
  readonly outcome: 'restored' | 'would_be_restored'
}

/**
 * Takes a revocation back: an audited correction by the security role, not a part of daily work. Rules that are older exempt the
 * certificate from then on.
 * Throws `admin_not_found` if the certificate is not revoked, `restore_refused` if its login ID has a newer certificate
 * (a refusal is audited too), `admin_request_invalid`, `serial_invalid`, `store_unavailable`.
 */
export async function restore(request: RestoreRequest, actor: Actor, ports: LifecyclePorts): Promise<RestoreOutcome> {
  const key = resolveCertificate(request.certificate, { issuers: ports.issuers, path: 'certificate' })
  const name = nameCertificate(key, ports.issuers)
  const record = await ports.store.revocation(key)
  if (record?.state !== 'revoked') {
    throw await notRevoked(name, ports)
  }
  const { loginId, reason: revocationReason } = record.revocation
  if (request.dryRun) {
    const obstacle = await ports.store.restoreObstacle(key)
    if (obstacle !== undefined) throw new GatewayError('restore_refused', `Cannot restore ${name.serial}: ${obstacle}`)
    return { ...name, loginId, dryRun: true, outcome: 'would_be_restored' }
  }
  const base = {
    actor: { kind: 'operator', name: actor.name },
    target: { kind: 'certificate', name: `${name.issuer} ${name.serial}` },
    requestId: actor.requestId,
  } as const
  const { reason, comment } = request
  const detail = { loginId, revocationReason, comment, role: actor.role }
  try {
    const { outcome } = await ports.publisher.restore(key, actor)
    if (outcome === 'not_revoked') throw await notRevoked(name, ports)
  } catch (error) {
    const code = error instanceof GatewayError ? error.code : 'internal'
    if (code === 'restore_refused') {
      ports.audit({
        event: 'operator_refused',
        ...base,
        reason: code,
        detail: { ...detail, explanation: String(error) },
      })
    } else if (code !== 'admin_not_found') {
      // The store may have taken it by then, and what it took is applied later.
      ports.audit({ event: 'certificate_restored', ...base, reason, detail: { ...detail, outcome: 'unconfirmed' } })
    }
    throw error
  }
  ports.audit({ event: 'certificate_restored', ...base, reason, detail: { ...detail, outcome: 'restored' } })
  if (loginId !== undefined) {
    const { name: who, requestId } = actor
    const restored = { what: 'restored', who, requestId, detail: { serial: name.serial, reason, comment } } as const
    await noteHistory(`login:${loginId}`, restored, ports)
  }
  return { ...name, loginId, dryRun: false, outcome: 'restored' }
}

async function notRevoked(
  { issuer, issuerId, serial }: CertificateName & { readonly issuerId: string },
  ports: LifecyclePorts,
): Promise<GatewayError> {
  const rules = await ports.store.rules()
  const covered = rules.some(({ rule }) => rule.by === 'loginId' || rule.issuerId === issuerId)
  const hint = covered
    ? ' by itself. If a rule covers it, revoke it by its serial number first: restored after that, it is exempt from the rule'
    : ''
  return new GatewayError('admin_not_found', `Cannot restore ${serial} of ${issuer}: it is not revoked${hint}`)
}
