import { GatewayError } from '../base/errors.ts'
import { checkAddress, countAddressFailure } from './address-failures.ts'
import type { Caller } from './caller.ts'
import { noteHistory } from './history.ts'
import { countWrong, forgetWrong, lockedUntilMs } from './lock.ts'
import { checkLoginIdSyntax, isPasswordSyntax } from './login-id-input.ts'
import { inTurn } from './login-turns.ts'
import type { PasswordKind } from './password-verifier.ts'
import type { LifecyclePorts, User } from './ports.ts'

export type Credentials = { readonly loginId: string; readonly password: string }

/**
 * Whether somebody may log in with login ID and password to obtain a certificate; answers the user, without hashes of passwords.
 *
 * A login ID that nobody has is treated like any other, locked too; what is wrong with a user or contract is told only to those who have
 * the right password. Every outcome is on record (R25). Throws GatewayError `login_id_invalid`, `login_throttled`, `login_locked`,
 * `login_refused` (wrong, unknown or suspended), `not_certificate_mode`, `verifier_unavailable`, `store_unavailable`.
 */
export async function checkLogin(credentials: Credentials, caller: Caller, ports: LifecyclePorts): Promise<User> {
  return await onRecord({ kind: 'login', credentials, caller, ports }, async () => {
    const { loginId } = credentials
    checkLoginIdSyntax(loginId)
    if (!isPasswordSyntax(credentials.password)) throw impossible('login_refused')
    await checkAddress(caller.clientAddress, ports)
    await verify({ kind: 'login', credentials, caller, ports })
    return await admissible(loginId, ports)
  })
}

/**
 * Whether this is the user's confirmation password (確認用パスワード), asked for before a revocation. Counted and locked apart from
 * the login password. Every outcome is on record. Throws GatewayError `login_id_invalid`, `login_throttled`, `confirmation_wrong`,
 * `login_locked`, `verifier_unavailable`, `store_unavailable`.
 */
export async function checkConfirmation(
  credentials: Credentials,
  caller: Caller,
  ports: LifecyclePorts,
): Promise<void> {
  await onRecord({ kind: 'confirmation', credentials, caller, ports }, async () => {
    checkLoginIdSyntax(credentials.loginId)
    if (!isPasswordSyntax(credentials.password)) throw impossible('confirmation_wrong')
    await checkAddress(caller.clientAddress, ports)
    await verify({ kind: 'confirmation', credentials, caller, ports })
  })
}

type Check = {
  readonly kind: PasswordKind
  readonly credentials: Credentials
  readonly caller: Caller
  readonly ports: LifecyclePorts
}

/**
 * One check of a login ID after the other at this gateway: whoever asks many at once gets no more answers than are counted. Across
 * gateways at most one more each.
 */
async function verify({ kind, credentials, caller, ports }: Check): Promise<void> {
  const { loginId, password } = credentials
  await inTurn(ports.verifier, `${kind}:${loginId}`, async () => {
    const untilMs = await lockedUntilMs(kind, loginId, ports)
    if (untilMs !== undefined) throw locked(untilMs)
    if ((await ports.verifier.verify(kind, loginId, password, caller)) === 'right') {
      await forgetWrong(kind, loginId, ports)
      return
    }
    await countAddressFailure(caller.clientAddress, ports)
    if (await countWrong(kind, loginId, ports)) noteLocked({ kind, credentials, caller, ports })
    if (kind === 'login') throw refused()
    throw new GatewayError('confirmation_wrong', 'Cannot go on as the confirmation password is wrong')
  })
}

async function admissible(loginId: string, ports: LifecyclePorts): Promise<User> {
  const found = await ports.store.user(loginId)
  // The application may know users whom the directory does not; who guesses their passwords learns nothing.
  if (found === undefined) throw refused()
  if (found.state !== 'active') throw new GatewayError('login_refused', 'Cannot log in as the user is suspended')
  const contract = await ports.store.contract(found.contractId)
  if (contract?.loginMethod !== 'certificate') {
    throw new GatewayError('not_certificate_mode', 'Cannot issue a certificate as the contract logs in with passwords')
  }
  const { credentials: _, ...user } = found
  return user
}

async function onRecord<T>({ kind, credentials, caller, ports }: Check, check: () => Promise<T>): Promise<T> {
  const { loginId } = credentials
  const detail = { kind, address: caller.clientAddress }
  // The login ID of a page that wants a login is a claim; before a revocation the certificate has proven it.
  const actor =
    kind === 'login'
      ? ({ kind: 'unauthenticated', name: caller.clientAddress } as const)
      : ({ kind: 'user', name: loginId } as const)
  const base = { actor, target: { kind: 'login_id', name: loginId } as const, requestId: caller.requestId }
  try {
    const result = await check()
    ports.audit({ event: 'password_accepted', ...base, detail })
    return result
  } catch (error) {
    const [reason, explanation] = error instanceof GatewayError ? [error.code, error.message] : ['internal', undefined]
    ports.audit({ event: 'password_refused', ...base, reason, detail: { ...detail, explanation } })
    throw error
  }
}

/** Not waited for, and for users alone: neither time nor the store may tell whether a login ID is known. */
function noteLocked({ kind, credentials, caller, ports }: Check): void {
  const { loginId } = credentials
  const detail = { kind, attempts: ports.passwords().attemptsMax, address: caller.clientAddress }
  setImmediate(async () => {
    const user = await ports.store.user(loginId).catch(() => undefined)
    if (user === undefined) return
    await noteHistory(`login:${loginId}`, { what: 'locked', who: '', requestId: caller.requestId, detail }, ports)
  })
}

function locked(untilMs: number): GatewayError {
  const until = new Date(untilMs).toISOString()
  return new GatewayError(
    'login_locked',
    `Cannot check the password as too many were wrong: it is locked until ${until}`,
  )
}

function refused(): GatewayError {
  return new GatewayError('login_refused', 'Cannot log in as login ID or password is wrong')
}

function impossible(code: 'login_refused' | 'confirmation_wrong'): GatewayError {
  return new GatewayError(
    code,
    'Cannot use this as a password: it has 1 to 256 characters, at most 1 024 bytes in UTF-8',
    {
      path: 'password',
    },
  )
}
