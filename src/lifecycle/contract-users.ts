import { GatewayError } from '../base/errors.ts'
import { isAlive } from './issue-rules.ts'
import { nameCertificate } from './issuer-names.ts'
import { lockState } from './lock.ts'
import type { ContractHoldings, LifecyclePorts, RecordedCertificate, SeenSpan, UserRole } from './ports.ts'

export type ContractUser = {
  readonly loginId: string
  /** Undefined: none is recorded. */
  readonly name: string | undefined
  readonly role: UserRole
  readonly userState: 'active' | 'suspended'
  /** After too many wrong passwords. Unit: milliseconds since the epoch. */
  readonly lockedUntilMs: number | undefined
  /** The one that counts: in use, else issued and never used, else the last one that was revoked or has expired. */
  readonly certificate: UserCertificate | undefined
  /** Issued and never used, beside one in use (R20). */
  readonly pending: UserCertificate | undefined
}

export type UserCertificate = {
  /** Lower-case hex. */
  readonly serial: string
  /** Configured name. */
  readonly issuer: string
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly state: 'issued' | 'current' | 'superseded' | 'revoked' | 'expired'
  /** At a door. Unit: milliseconds since the epoch; left out: never, as far as is known. */
  readonly lastSeenMs?: number
}

type Held = ContractHoldings['users'][number]
type Chosen = {
  readonly certificate: RecordedCertificate | undefined
  readonly pending: RecordedCertificate | undefined
}

/**
 * Every user of a contract with what they hold, in the order of login IDs (R12). Throws GatewayError `admin_not_found` for a contract
 * that is not there, `store_unavailable`.
 */
export async function listContractUsers(contractId: string, ports: LifecyclePorts): Promise<readonly ContractUser[]> {
  const holdings = await ports.store.contractHoldings(contractId, 0)
  if (holdings === undefined) {
    const shown = JSON.stringify(contractId.slice(0, 100))
    throw new GatewayError('admin_not_found', `Cannot find the contract: current value is ${shown}`, {
      path: 'contractId',
    })
  }
  const nowMs = ports.nowMs()
  const chosen = holdings.users.map(({ certificates }) => choose(certificates, nowMs))
  const keys = chosen.flatMap(({ certificate, pending }) => [certificate, pending].flatMap((one) => one?.key ?? []))
  const [seen, locks] = await Promise.all([
    ports.store.sightings(keys),
    Promise.all(holdings.users.map(({ user }) => lockState(user.loginId, ports))),
  ])
  const spans = new Map(keys.map((key, position) => [key, seen[position]]))
  const describe = (certificate: RecordedCertificate | undefined) =>
    certificate && describeCertificate(certificate, { span: spans.get(certificate.key), nowMs, ports })
  return holdings.users.map(({ user }: Held, position) => ({
    loginId: user.loginId,
    name: user.name,
    role: user.role,
    userState: user.state,
    lockedUntilMs: locks[position]?.untilMs,
    certificate: describe(chosen[position]?.certificate),
    pending: describe(chosen[position]?.pending),
  }))
}

function choose(certificates: readonly RecordedCertificate[], nowMs: number): Chosen {
  const newestFirst = certificates.toSorted((left, right) => right.recordedVersion - left.recordedVersion)
  const alive = newestFirst.filter((certificate) => isAlive(certificate, nowMs))
  const current = alive.find(({ state }) => state === 'current')
  const pending = alive.find(({ state }) => state === 'issued')
  if (current !== undefined) return { certificate: current, pending }
  const ended = newestFirst.find(({ state }) => state !== 'superseded') ?? newestFirst[0]
  return { certificate: pending ?? ended, pending: undefined }
}

/** What is told of a certificate; `span`: when it was seen at a door. */
export function describeCertificate(
  certificate: RecordedCertificate,
  { span, nowMs, ports }: { span: SeenSpan | undefined; nowMs: number; ports: LifecyclePorts },
): UserCertificate {
  const { issuer, serial } = nameCertificate(certificate.key, ports.issuers)
  const { notBeforeMs, notAfterMs } = certificate
  return {
    serial,
    issuer,
    notBeforeMs,
    notAfterMs,
    state: certificateStateOf(certificate, nowMs),
    ...(span === undefined ? {} : { lastSeenMs: span.lastMs }),
  }
}

/** What a recorded certificate is at that moment. */
export function certificateStateOf(certificate: RecordedCertificate, nowMs: number): UserCertificate['state'] {
  if (certificate.revoked) return 'revoked'
  if (certificate.state === 'superseded' || isAlive(certificate, nowMs)) return certificate.state
  return 'expired'
}
