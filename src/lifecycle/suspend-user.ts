import { noteHistory } from './history.ts'
import type { Actor, LifecyclePorts } from './ports.ts'
import { checkLoginId } from './revoke.ts'

export type Suspension = {
  readonly loginId: string
  /** In the operator's own words. */
  readonly reason: string
}

export type SuspensionResult = {
  readonly loginId: string
  /** False: it was so before. */
  readonly changed: boolean
  /** At this gateway. */
  readonly connectionsCut: number
  readonly version: number
}

/**
 * Keeps a user out until they are reinstated; their certificates stay as they are. On record, also where nothing changes. Throws
 * GatewayError `admin_not_found`, `store_unavailable` (it may be in force by then, and is on record as `unconfirmed`).
 */
export async function suspendUser(request: Suspension, actor: Actor, ports: LifecyclePorts): Promise<SuspensionResult> {
  return await setSuspended(request, true, { actor, ports })
}

/** Takes a suspension back. See `suspendUser`. */
export async function reinstateUser(
  request: Suspension,
  actor: Actor,
  ports: LifecyclePorts,
): Promise<SuspensionResult> {
  return await setSuspended(request, false, { actor, ports })
}

async function setSuspended(
  { loginId, reason }: Suspension,
  suspended: boolean,
  { actor, ports }: { actor: Actor; ports: LifecyclePorts },
): Promise<SuspensionResult> {
  await checkLoginId(loginId, { path: 'loginId', ports })
  try {
    const { changed, connectionsCut, version } = await ports.publisher.setSuspended(loginId, suspended)
    await record(changed ? 'changed' : 'unchanged')
    return { loginId, changed, connectionsCut, version }
  } catch (error) {
    await record('unconfirmed')
    throw error
  }

  async function record(outcome: string): Promise<void> {
    const { name: who, role, requestId } = actor
    ports.audit({
      event: suspended ? 'user_suspended' : 'user_reinstated',
      actor: { kind: 'operator', name: who },
      target: { kind: 'login_id', name: loginId },
      reason,
      requestId,
      detail: { outcome, role },
    })
    const what = suspended ? 'suspended' : 'reinstated'
    await noteHistory(`login:${loginId}`, { what, who, requestId, detail: { reason, outcome } }, ports)
  }
}
