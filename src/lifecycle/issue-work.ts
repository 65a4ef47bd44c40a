import { GatewayError } from '../base/errors.ts'
import { pemBlocks } from '../x509/pem.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import type { SigningRequest } from '../x509/signing-request.ts'
import type { Caller } from './caller.ts'
import type { IssuedCertificate, IssueRequest } from './issue.ts'
import { decideIssue, type IssueDecision } from './issue-rules.ts'
import type { CertificateKey, ContractHoldings, IssuingInUse, LifecyclePorts, RecordedCertificate } from './ports.ts'

/** What one request for a certificate is worked on with. */
export type IssueWork = {
  readonly request: IssueRequest
  readonly signingRequest: SigningRequest
  readonly issuing: IssuingInUse
  readonly contractId: string
  readonly caller: Caller
  readonly ports: LifecyclePorts
}

/** Under which condition a reservation holds, as the store is told. */
export type IssueGuard = Parameters<LifecyclePorts['store']['reserveCertificate']>[1]

/** A decision that may be carried out as long as its guard holds. */
export type GuardedDecision =
  | (IssueDecision & { readonly kind: 'again' })
  | {
      readonly kind: 'new'
      readonly guard: IssueGuard
      /** The record of the certificate that proves who asks. */
      readonly proof: RecordedCertificate | undefined
    }

/** Decisions that others have overtaken are made anew so often. */
export const issueAttemptsMax = 10

/** Decides from all that the contract holds now. Throws GatewayError `login_refused`, what `decideIssue` throws, `store_unavailable`. */
export async function decideNow(work: Omit<IssueWork, 'caller'>): Promise<GuardedDecision> {
  const { ports, contractId, request, signingRequest, issuing } = work
  const { proof, loginId } = request
  const nowMs = ports.nowMs()
  const recorded = await ports.store.contractHoldings(contractId, nowMs)
  if (recorded === undefined) throw new GatewayError('login_refused', 'Cannot issue: there is no such contract')
  const holdings = await withRules(recorded, ports)
  const abandoned = await findAbandoned(holdings, work)
  const decision = decideIssue(without(holdings, abandoned), {
    loginId,
    publicKeyHash: signingRequest.publicKeyHash,
    proof: proof.kind === 'password' ? proof : { ...proof, renewalDays: issuing.config.renewalDays },
    nowMs,
  })
  if (decision.kind === 'again') return decision
  const guard = { contractId, revision: holdings.revision, replaces: [...decision.replaces, ...abandoned] }
  const own = certificatesOf(holdings, loginId)
  return { kind: 'new', guard, proof: own.find(({ key }) => proof.kind === 'certificate' && key === proof.key) }
}

/** A rule revokes certificates whose records say nothing of it; they are in nobody's way (R16). */
async function withRules(holdings: ContractHoldings, ports: LifecyclePorts): Promise<ContractHoldings> {
  const all = holdings.users.flatMap(({ certificates }) => certificates)
  const ruled = await ports.revokedByRule(all.filter(({ revoked }) => !revoked))
  if (ruled.size === 0) return holdings
  const judge = (certificate: RecordedCertificate) =>
    ruled.has(certificate.key) ? { ...certificate, revoked: true } : certificate
  return {
    ...holdings,
    users: holdings.users.map(({ user, certificates }) => ({ user, certificates: certificates.map(judge) })),
  }
}

function certificatesOf(holdings: ContractHoldings, loginId: string): readonly RecordedCertificate[] {
  return holdings.users.find(({ user }) => user.loginId === loginId)?.certificates ?? []
}

/** Reservations of another key that a gateway has left behind before it signed anything: they let nobody in. */
async function findAbandoned(
  holdings: ContractHoldings,
  { request, signingRequest, ports }: Omit<IssueWork, 'caller'>,
): Promise<CertificateKey[]> {
  const found: CertificateKey[] = []
  for (const { key, state, revoked, publicKeyHash } of certificatesOf(holdings, request.loginId)) {
    if (state !== 'issued' || revoked || publicKeyHash === signingRequest.publicKeyHash) continue
    if ((await ports.store.signedCertificate(key)) !== undefined) continue
    if ((await ports.store.readNote(signingNote(key))) === undefined) found.push(key)
  }
  return found
}

function without(holdings: ContractHoldings, abandoned: readonly CertificateKey[]): ContractHoldings {
  if (abandoned.length === 0) return holdings
  const users = holdings.users.map(({ user, certificates }) => ({
    user,
    certificates: certificates.filter(({ key }) => !abandoned.includes(key)),
  }))
  return { ...holdings, users }
}

/** Name of the note that says that a gateway is about to sign this certificate. */
export function signingNote(key: CertificateKey): string {
  return `signing:${key}`
}

/** What is answered. */
export function describeIssued(
  der: Uint8Array,
  key: CertificateKey,
  { issuing, again }: { issuing: IssuingInUse; again: boolean },
): IssuedCertificate {
  const { serial, notBeforeMs, notAfterMs } = readCertificate(der)
  const { certificatePem, chainPems } = issuing.ca
  const chainDer = [certificatePem, ...chainPems.slice(0, -1)].flatMap((pem) => pemBlocks(pem, 'CERTIFICATE'))
  return { der, key, serial, notBeforeMs, notAfterMs, chainDer, again }
}

/** Fault of a key that some other certificate has, whoever's it is. */
export function keyReused(): GatewayError {
  return new GatewayError('key_reused', 'Cannot issue a certificate for this key as another certificate has it')
}

/** Fault of a certificate of which no copy is left to give. */
export function nothingKept(): GatewayError {
  return new GatewayError(
    'certificate_exists',
    'Cannot give the certificate again as no copy of it is kept here: have it revoked, then issue a new one',
  )
}
