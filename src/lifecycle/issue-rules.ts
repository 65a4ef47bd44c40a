import { GatewayError } from '../base/errors.ts'
import type { CertificateKey, ContractHoldings, RecordedCertificate, User } from './ports.ts'

/** What is asked for: 発行 with the login password, or 更新 with the current certificate. */
export type IssueProof =
  | { readonly kind: 'password' }
  | {
      readonly kind: 'certificate'
      /** The certificate that proves who asks. */
      readonly key: CertificateKey
      /** Days before expiry from which renewal is allowed (R11). */
      readonly renewalDays: number
    }

export type IssueQuestion = {
  readonly loginId: string
  readonly publicKeyHash: string
  readonly proof: IssueProof
  readonly nowMs: number
}

/** `again`: the certificate of this key is there already and is given once more (R8). `new`: one may be made. */
export type IssueDecision =
  | { readonly kind: 'again'; readonly certificate: RecordedCertificate }
  | {
      readonly kind: 'new'
      readonly user: User
      /** Pending certificates that were never used; the new one takes their place (R20). */
      readonly replaces: readonly CertificateKey[]
    }

const dayMs = 86_400_000

/**
 * The one place that decides whether a certificate may be issued (R2, R3, R8, R17, R20), from what a contract holds. Throws GatewayError
 * `login_refused` (no such user there), `not_certificate_mode` (R21), `certificate_exists` (R17), `certificate_limit_reached` (R3),
 * `renewal_not_due` (R11), `key_reused`.
 */
export function decideIssue(holdings: ContractHoldings, question: IssueQuestion): IssueDecision {
  const { loginId, nowMs, proof } = question
  const holder = holdings.users.find(({ user }) => user.loginId === loginId)
  if (holder === undefined || holder.user.state !== 'active') {
    throw new GatewayError('login_refused', 'Cannot issue a certificate as the user is not active')
  }
  if (holdings.contract.loginMethod !== 'certificate') {
    throw new GatewayError('not_certificate_mode', 'Cannot issue a certificate as the contract logs in with passwords')
  }
  const alive = holder.certificates.filter((certificate) => isAlive(certificate, nowMs))
  const same = holder.certificates.find(({ publicKeyHash }) => publicKeyHash === question.publicKeyHash)
  if (same !== undefined) {
    if (alive.includes(same)) return { kind: 'again', certificate: same }
    throw new GatewayError('key_reused', 'Cannot issue a certificate for this key as an earlier one of it has ended')
  }
  if (proof.kind === 'certificate') return decideRenewal(alive, { ...question, proof }, holder.user)
  const [first] = alive
  if (first !== undefined) {
    const ends = new Date(first.notAfterMs).toISOString()
    throw new GatewayError(
      'certificate_exists',
      `Cannot issue a certificate as the login ID has one: it ends at ${ends} unless it is revoked before`,
    )
  }
  checkLimit(holdings, nowMs)
  return { kind: 'new', user: holder.user, replaces: [] }
}

function decideRenewal(
  alive: readonly RecordedCertificate[],
  { proof, nowMs }: IssueQuestion & { readonly proof: IssueProof & { kind: 'certificate' } },
  user: User,
): IssueDecision {
  const current = alive.find(({ key }) => key === proof.key)
  if (current === undefined) {
    throw new GatewayError('login_refused', 'Cannot renew as the certificate is not a current one of the login ID')
  }
  const daysLeft = Math.floor((current.notAfterMs - nowMs) / dayMs)
  if (daysLeft > proof.renewalDays) {
    throw new GatewayError(
      'renewal_not_due',
      `Cannot renew earlier than ${proof.renewalDays} days before expiry: ${daysLeft} days are left`,
    )
  }
  const pending = alive.filter(({ state, key }) => state === 'issued' && key !== proof.key)
  return { kind: 'new', user, replaces: pending.map(({ key }) => key) }
}

/** Counted are login IDs that hold a certificate, so a full contract can still renew. */
function checkLimit({ contract, users }: ContractHoldings, nowMs: number): void {
  const holders = users.filter(({ certificates }) => certificates.some((certificate) => isAlive(certificate, nowMs)))
  if (holders.length < contract.certificateLimit) return
  throw new GatewayError(
    'certificate_limit_reached',
    `Cannot issue a certificate as the contract may have ${contract.certificateLimit}: ${holders.length} login IDs hold one`,
  )
}

/** Whether it lets somebody in, now or once it is used. */
export function isAlive({ state, revoked, notAfterMs }: RecordedCertificate, nowMs: number): boolean {
  // notAfter names a whole second that still counts (RFC 5280 4.1.2.5).
  return !revoked && state !== 'superseded' && nowMs < notAfterMs + 1_000
}
