import { GatewayError } from '../base/errors.ts'
import type { Caller } from './caller.ts'
import { noteHistory } from './history.ts'
import type { PasswordKind } from './password-verifier.ts'
import type { Actor, LifecyclePorts, User, UserRole } from './ports.ts'
import { checkLoginId } from './revoke.ts'

export type LockState = {
  readonly locked: boolean
  /** Unit: milliseconds since the epoch, by this gateway's clock. Defined if and only if it is locked. */
  readonly untilMs: number | undefined
}

type NotePorts = Pick<LifecyclePorts, 'nowMs' | 'passwords'> & {
  readonly store: Pick<LifecyclePorts['store'], 'countNote' | 'forgetNote' | 'readCount'>
}

const kinds: readonly PasswordKind[] = ['login', 'confirmation']

/**
 * Wrong passwords in a row are forgotten after so long, or after a lock where that is longer: long enough that nobody guesses between
 * two locks. Unit: milliseconds.
 */
const attemptsLifeMs = 86_400_000

/**
 * Whether one of the two passwords of a login ID is locked, and until when. Locks are shared by all gateways and end by the store's
 * clock. Nobody needs to know the login ID: locks of unknown ones look the same.
 */
export async function lockState(loginId: string, ports: NotePorts): Promise<LockState> {
  const until = await Promise.all(kinds.map((kind) => lockedUntilMs(kind, loginId, ports)))
  const untilMs = until.reduce((latest, one) => (latest === undefined || (one ?? 0) > latest ? one : latest), undefined)
  return { locked: untilMs !== undefined, untilMs }
}

/**
 * Until when one password of a login ID is locked; undefined: it is not. They are locked apart, so that a stranger, who can reach the
 * login alone, cannot keep a master from revoking.
 */
export async function lockedUntilMs(
  kind: PasswordKind,
  loginId: string,
  ports: NotePorts,
): Promise<number | undefined> {
  const { count, lifeMs } = await ports.store.readCount(lockName(kind, loginId))
  return count === 0 ? undefined : ports.nowMs() + lifeMs
}

/** Counts a wrong password; that many in a row (`passwords.attemptsMax`) lock it. Answers whether this one did. */
export async function countWrong(kind: PasswordKind, loginId: string, ports: NotePorts): Promise<boolean> {
  const { attemptsMax, lockMinutes } = ports.passwords()
  const lockMs = lockMinutes * 60_000
  const count = await ports.store.countNote(wrongName(kind, loginId), Math.max(attemptsLifeMs, lockMs))
  if (count < attemptsMax) return false
  // A count and not a value: its end is told by the store, whatever this gateway's clock says.
  await ports.store.countNote(lockName(kind, loginId), lockMs)
  await ports.store.forgetNote(wrongName(kind, loginId))
  return true
}

/** The right password was given: wrong ones before it count no more. */
export async function forgetWrong(kind: PasswordKind, loginId: string, ports: NotePorts): Promise<void> {
  await ports.store.forgetNote(wrongName(kind, loginId))
}

export type Unlock = {
  readonly loginId: string
  readonly by:
    | {
        readonly kind: 'user'
        readonly revoker: { readonly loginId: string; readonly contractId: string; readonly role: UserRole }
      }
    | {
        readonly kind: 'operator'
        readonly actor: Actor
        /** In the operator's own words; goes on record. */
        readonly reason?: string
      }
}

/**
 * Ends the locks of a login ID and forgets its wrong passwords; repeating it changes nothing. A master unlocks general users of their own
 * contract, an operator anybody. Answers whether it was locked. Throws GatewayError `unlock_not_allowed`, for an operator
 * `admin_not_found`, and `store_unavailable`.
 */
export async function unlockUser(
  { loginId, by }: Unlock,
  caller: Caller,
  ports: LifecyclePorts,
): Promise<{ readonly wasLocked: boolean }> {
  if (by.kind === 'operator') await checkLoginId(loginId, { path: 'loginId', ports })
  else if (!mayUnlock(await ports.store.user(by.revoker.loginId), await ports.store.user(loginId))) {
    throw new GatewayError(
      'unlock_not_allowed',
      'Cannot unlock as only a master may, and general users of the contract alone',
    )
  }
  const { locked } = await lockState(loginId, ports)
  for (const kind of kinds) {
    await ports.store.forgetNote(lockName(kind, loginId))
    await ports.store.forgetNote(wrongName(kind, loginId))
  }
  const who = by.kind === 'operator' ? by.actor.name : by.revoker.loginId
  const { requestId } = by.kind === 'operator' ? by.actor : caller
  const why = by.kind === 'operator' && by.reason !== undefined ? { reason: by.reason } : {}
  ports.audit({
    event: 'user_unlocked',
    actor: { kind: by.kind, name: who },
    target: { kind: 'login_id', name: loginId },
    ...why,
    requestId,
    detail: {
      wasLocked: locked,
      role: by.kind === 'operator' ? by.actor.role : by.revoker.role,
      address: caller.clientAddress,
    },
  })
  const detail = { ...why, wasLocked: locked }
  await noteHistory(`login:${loginId}`, { what: 'unlocked', who, requestId, detail }, ports)
  return { wasLocked: locked }
}

/** By what the directory says now, whatever the master's request was told when their connection began. */
function mayUnlock(master: User | undefined, target: User | undefined): boolean {
  if (master?.role !== 'master' || master.state !== 'active') return false
  return target?.role === 'general' && target.contractId === master.contractId
}

function lockName(kind: PasswordKind, loginId: string): string {
  return `locked:${kind}:${loginId}`
}

function wrongName(kind: PasswordKind, loginId: string): string {
  return `wrong:${kind}:${loginId}`
}
