import { GatewayError } from '../base/errors.ts'
import type { Caller } from './caller.ts'
import { checkConfirmation } from './check-password.ts'
import type { LifecyclePorts, RevocationReason, User, UserRole } from './ports.ts'
import { revoke } from './revoke.ts'

export type Person = { readonly loginId: string; readonly contractId: string; readonly role: UserRole }

export type UserRevocation = {
  readonly revoker: Person
  readonly targetLoginId: string
  readonly confirmationPassword: string
  /** Default `unspecified`. */
  readonly reason?: RevocationReason
}

export type UserRevoked = {
  readonly revoked: number
  readonly alreadyRevoked: number
  /** They were the revoker's own (R15): the connection this is answered on has been cut. */
  readonly own: boolean
}

/**
 * Whether somebody may revoke somebody's certificates, by `portal.revocation` (R14, R15): within their contract, and one's own only where
 * `own` is granted, whatever the role. False where there are no pages.
 */
export function mayRevoke(
  { revoker, target }: { readonly revoker: Person; readonly target: Person },
  ports: Pick<LifecyclePorts, 'portal'>,
): boolean {
  const granted = ports.portal()?.revocation[revoker.role] ?? []
  if (revoker.contractId !== target.contractId) return false
  return granted.includes(revoker.loginId === target.loginId ? 'own' : target.role)
}

/**
 * Checks that a user may revoke, first by the matrix and by what the directory says now, then by the confirmation password. Changes
 * nothing but counts of wrong passwords. For pages that must have answered before a connection is cut (R15). Throws what
 * `revokeByUser` throws.
 */
export async function authoriseRevocation(
  request: UserRevocation,
  caller: Caller,
  ports: LifecyclePorts,
): Promise<User> {
  const revoker = await ports.store.user(request.revoker.loginId)
  const target = await ports.store.user(request.targetLoginId)
  const isAllowed =
    revoker?.state === 'active' &&
    revoker.contractId === request.revoker.contractId &&
    target !== undefined &&
    mayRevoke({ revoker, target }, ports)
  if (!isAllowed) throw refuse(request, caller, ports)
  const { loginId } = revoker
  await checkConfirmation({ loginId, password: request.confirmationPassword }, caller, ports)
  return target
}

/**
 * 失効 by a user: every unexpired certificate of the target, pending ones too (R17), once the confirmation password was right. Answers
 * when this gateway has cut their connections. Throws GatewayError `revocation_not_allowed`, what `checkConfirmation` throws,
 * `store_unavailable`.
 */
export async function revokeByUser(
  request: UserRevocation,
  caller: Caller,
  ports: LifecyclePorts,
): Promise<UserRevoked> {
  const target = await authoriseRevocation(request, caller, ports)
  const { revoker, reason = 'unspecified' } = request
  const actor = { kind: 'user', name: revoker.loginId, role: revoker.role, requestId: caller.requestId } as const
  const { revoked, alreadyRevoked } = await revoke(
    { certificates: [], loginIds: [target.loginId], reason, comment: 'by a user on the pages', dryRun: false },
    actor,
    ports,
  )
  return { revoked, alreadyRevoked, own: target.loginId === revoker.loginId }
}

/** Says the same for a login ID of another contract and for one that nobody has. */
function refuse({ revoker, targetLoginId }: UserRevocation, caller: Caller, ports: LifecyclePorts): GatewayError {
  ports.audit({
    event: 'revocation_refused',
    actor: { kind: 'user', name: revoker.loginId },
    target: { kind: 'login_id', name: targetLoginId.slice(0, 100) },
    reason: 'revocation_not_allowed',
    requestId: caller.requestId,
    detail: { role: revoker.role, contractId: revoker.contractId, address: caller.clientAddress },
  })
  return new GatewayError(
    'revocation_not_allowed',
    'Cannot revoke as this user may not revoke certificates of that one (portal.revocation)',
  )
}
