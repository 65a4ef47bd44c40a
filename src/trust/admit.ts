import type { Clock } from '../base/clock.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { CertificateOpinion } from './certificate-opinion.ts'
import { type Denial, type DenialReason, deny } from './denial.ts'
import type { DirectoryAnswer, UserRole } from './directory-answer.ts'
import { type Fingerprint, fingerprintOf } from './fingerprint.ts'
import type { Freshness } from './freshness.ts'
import type { ConnectionSubject, LiveConnection, LiveConnections } from './live-connections.ts'
import type { RevocationIndex } from './revocation-index.ts'

/** What a client presented in its handshake. */
export type Presented =
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly detail: string }
  | {
      readonly kind: 'certificate'
      readonly opinion: CertificateOpinion
      /** OpenSSL's verdict on a full handshake; undefined when it accepted, or when a resumed session gave none. */
      readonly opensslFault: string | undefined
    }

/** All that judging looks at, the same for every connection of a worker. */
export type TrustState = {
  readonly clock: Clock
  readonly index: RevocationIndex
  readonly freshness: Freshness
  readonly live: LiveConnections
  /** Whether a directory of contracts and users is configured; without one the reasons that need it cannot occur. */
  readonly directory: boolean
  readonly mustBeRegistered: boolean
  /** Issuers (`issuerIdOf`) whose certificates pass only while an OCSP responder vouches for them. Left out: none. */
  readonly mustBeGood?: ReadonlySet<string>
}

/** One connection on its way to a verdict. */
export type Candidate = {
  readonly connection: LiveConnection
  readonly presented: Presented
  /** Fetched before; undefined without a directory, or when there was no login ID to ask about. */
  readonly answer: DirectoryAnswer | 'unavailable' | undefined
}

/** The user a permit stands for. */
export type PermittedUser = {
  readonly loginId: string
  readonly contractId: string | undefined
  readonly role: UserRole | undefined
  readonly opinion: CertificateOpinion
}

/**
 * How a request came in. `none`: nobody is vouched for, on a route of a certificate door that is open to everybody.
 */
export type LoginMethod = 'certificate' | 'password' | 'none'

/**
 * The proof that this file said yes; only it can make one, and everything that forwards asks for one. `user` is undefined where the
 * login method is not `certificate`.
 */
class AdmittedPermit {
  readonly kind = 'permit'
  readonly loginMethod: LoginMethod
  readonly candidate: Candidate | undefined
  readonly user: PermittedUser | undefined
  /** Generation of the index that was judged last; while it stands, only time can change the verdict. */
  judgedGeneration: number
  readonly #proof = true

  constructor(
    loginMethod: LoginMethod,
    judged?: { candidate: Candidate; user: PermittedUser | undefined; generation: number },
  ) {
    this.loginMethod = loginMethod
    this.candidate = judged?.candidate
    this.user = judged?.user
    this.judgedGeneration = judged?.generation ?? 0
  }

  /** Whether a value is a permit made here. */
  static made(value: unknown): value is AdmittedPermit {
    return typeof value === 'object' && value !== null && #proof in value
  }
}
export type Permit = AdmittedPermit

/** Whether a value is a permit that this module made. */
export function isPermit(value: unknown): value is Permit {
  return AdmittedPermit.made(value)
}

/** What the connection is known by in `LiveConnections`. To be filled in before `admit()` adds it. */
export function connectionSubject(door: string, presented: Presented, answer: Candidate['answer']): ConnectionSubject {
  if (presented.kind !== 'certificate') {
    return { door, certificateKey: undefined, loginId: undefined, contractId: undefined }
  }
  const { key, loginId } = presented.opinion
  return { door, certificateKey: key, loginId, contractId: known(answer)?.user?.contractId }
}

/** What the directory is to be asked before judging; undefined: its answer would change nothing. */
export function directoryQuestion(
  presented: Presented,
): { loginId: string; certificateKey: CertificateKey } | undefined {
  if (presented.kind !== 'certificate') return undefined
  const { loginId, key, fault } = presented.opinion
  if (loginId === undefined || key === undefined || fault !== undefined) return undefined
  return { loginId, certificateKey: key }
}

/**
 * Registers the connection, then judges it, in one turn of the event loop: a revocation that is applied meanwhile is either
 * seen by the judgement or finds the connection registered and cuts it. Never awaits, does no I/O.
 */
export function admit(candidate: Candidate, state: TrustState): Permit | Denial {
  state.live.add(candidate.connection)
  const generation = state.index.generation
  const denial = judge(candidate, state)
  if (denial !== undefined) return denial
  return new AdmittedPermit('certificate', { candidate, user: permittedUser(candidate), generation })
}

/** Registers a connection of a door that asks for no certificate. What it may do is the application's decision. */
export function admitWithoutCertificate(connection: LiveConnection, state: TrustState): Permit {
  state.live.add(connection)
  return new AdmittedPermit('password')
}

/**
 * A refused connection's permit for routes that are open to everybody. It vouches for nobody: the application gets no identity, and
 * no cookie that was sealed for somebody. The connection was registered when it was judged.
 */
export function admitToOpenRoutes(): Permit {
  return new AdmittedPermit('none')
}

/**
 * Judges a permitted connection again, before each of its requests: always what depends on time, and everything once
 * the index has changed. Returns the same permit or the denial.
 */
export function judgeAgain(permit: Permit, state: TrustState): Permit | Denial {
  const { candidate } = permit
  if (candidate === undefined) return permit
  const generation = state.index.generation
  if (generation === permit.judgedGeneration) {
    return (
      validityFault(candidate.presented, state.clock.nowMs()) ??
      freshnessFault(candidate.presented, state) ??
      statusFault(candidate, state) ??
      permit
    )
  }
  const denial = judge(candidate, state)
  if (denial !== undefined) return denial
  permit.judgedGeneration = generation
  return permit
}

/** What is said to a permitted client without a certificate where one is wanted; undefined: it has one. */
export function demandCertificate(permit: Permit): Denial | undefined {
  return permit.user === undefined ? deny('certificate_missing', 'the route wants a certificate') : undefined
}

/** Judges anew with what the directory, or a new configuration of issuers, says now. */
export function admitAnew(
  permit: Permit,
  change: Partial<Pick<Candidate, 'answer' | 'presented'>>,
  state: TrustState,
): Permit | Denial {
  if (permit.candidate === undefined) return permit
  const candidate = { ...permit.candidate, ...change }
  const generation = state.index.generation
  return (
    judge(candidate, state) ??
    new AdmittedPermit('certificate', { candidate, user: permittedUser(candidate), generation })
  )
}

/**
 * Why a permitted connection may not go on, whatever the time is and however old the trust data; undefined: it may. For changes that
 * reach what is under way: there, what only time decides ends nothing, and must not hide what does.
 */
export function judgeBeyondTime(permit: Permit, state: TrustState): Denial | undefined {
  const { candidate } = permit
  if (candidate === undefined || candidate.presented.kind !== 'certificate') return undefined
  const { presented } = candidate
  const { opinion } = presented
  return (
    certificateFault(presented) ?? revocationFault(opinion, state.index) ?? directoryFault(candidate, opinion, state)
  )
}

/** What `admit` would say of a certificate, without a connection: for operators who ask why. */
export function foreseeVerdict(candidate: Omit<Candidate, 'connection'>, state: TrustState): Denial | undefined {
  return judge(candidate, state)
}

/** The one function that judges. Checks in the order of `denialReasons`; the first failure names the denial. */
function judge(candidate: Omit<Candidate, 'connection'>, state: TrustState): Denial | undefined {
  const { presented } = candidate
  if (presented.kind === 'missing') return deny('certificate_missing', 'no certificate was presented')
  if (presented.kind === 'unreadable') return deny('certificate_unreadable', presented.detail)
  return (
    certificateFault(presented) ??
    validityFault(presented, state.clock.nowMs()) ??
    revocationFault(presented.opinion, state.index) ??
    directoryFault(candidate, presented.opinion, state) ??
    freshnessFault(presented, state) ??
    statusFault(candidate, state)
  )
}

function certificateFault(presented: Presented & { kind: 'certificate' }): Denial | undefined {
  const { opinion, opensslFault } = presented
  if (opinion.fault !== undefined) return deny(opinion.fault.reason, opinion.fault.detail, opinion.presented)
  if (opensslFault === undefined || windowFaults.has(opensslFault)) return undefined
  return deny('issuer_not_trusted', `OpenSSL refused the chain: ${opensslFault}`, opinion.presented)
}

/** What OpenSSL says of the window, in our words. Our own look comes first, because it says since when. */
const windowFaults: ReadonlyMap<string, DenialReason> = new Map([
  ['CERT_HAS_EXPIRED', 'certificate_expired'],
  ['CERT_NOT_YET_VALID', 'certificate_not_yet_valid'],
])

function validityFault(presented: Presented, nowMs: number): Denial | undefined {
  if (presented.kind !== 'certificate') return undefined
  const { opinion, opensslFault } = presented
  if (nowMs < opinion.issuerValidFromMs || nowMs > opinion.issuerValidToMs) {
    return deny('issuer_not_trusted', 'its issuer or a CA above is outside its own validity period', opinion.presented)
  }
  const { notBeforeMs, notAfterMs } = opinion.certificate
  if (nowMs < notBeforeMs) return deny('certificate_not_yet_valid', `valid from ${iso(notBeforeMs)}`, opinion.presented)
  // notAfter names a whole second that still counts (RFC 5280 4.1.2.5).
  if (nowMs >= notAfterMs + 1_000)
    return deny('certificate_expired', `expired at ${iso(notAfterMs)}`, opinion.presented)
  const reason = opensslFault === undefined ? undefined : windowFaults.get(opensslFault)
  if (reason === undefined) return undefined
  // OpenSSL ends the window a second earlier than we do; what it refused in the handshake stays refused.
  return deny(reason, `OpenSSL refused the chain: ${opensslFault}`, opinion.presented)
}

function revocationFault(opinion: CertificateOpinion, index: RevocationIndex): Denial | undefined {
  const { revokedEntry, ruleSubject, presented } = opinion
  if (holds(index, revokedEntry)) {
    return deny('certificate_revoked', 'its key is in the revocation index', presented)
  }
  const rule = ruleSubject === undefined ? 0 : index.coveringRule(ruleSubject)
  if (rule === 0) return undefined
  // A restored certificate is exempt from older rules; a tie means revoked.
  if (revokedEntry !== undefined && index.exemption(revokedEntry) > rule) return undefined
  return deny('certificate_revoked', `a revocation rule covers it, version ${rule}`, presented)
}

function directoryFault(
  candidate: Pick<Candidate, 'answer'>,
  opinion: CertificateOpinion,
  state: TrustState,
): Denial | undefined {
  if (opinion.loginId === undefined) return deny('login_id_missing', opinion.loginIdMissing, opinion.presented)
  if (candidate.answer === 'unavailable') {
    // A directory that does not answer is no reason to let anyone in, nor to tell a user that they are unknown.
    return deny('trust_data_stale', 'the directory did not answer', opinion.presented)
  }
  const user = candidate.answer?.user
  if (state.directory && user === undefined) {
    return deny('login_id_unknown', 'the directory has no such login ID', opinion.presented)
  }
  if (state.directory && state.mustBeRegistered && candidate.answer?.certificateRegistered !== true) {
    return deny('certificate_not_registered', 'not issued or recorded for this login ID', opinion.presented)
  }
  if (holds(state.index, opinion.supersededEntry)) {
    const denial = deny('certificate_superseded', 'a newer certificate of the login ID is in use', opinion.presented)
    const successor = known(candidate.answer)?.successor
    return successor === undefined ? denial : { ...denial, successor }
  }
  if (holds(state.index, opinion.suspendedEntry)) {
    return deny('user_suspended', 'the user is suspended', opinion.presented)
  }
  if (user !== undefined && state.index.has(fingerprintOf('password_mode', user.contractId))) {
    return deny('contract_not_in_certificate_mode', `contract ${user.contractId}`, opinion.presented)
  }
  return undefined
}

function freshnessFault(presented: Presented, state: TrustState): Denial | undefined {
  if (state.freshness.freshEnough()) return undefined
  const ageSeconds = Math.round(state.freshness.ageMs() / 1_000)
  const certificate = presented.kind === 'certificate' ? presented.opinion.presented : undefined
  return deny('trust_data_stale', `the store was last heard ${ageSeconds} s ago`, certificate)
}

/** Where the issuer's responder must say good, silence denies (RFC 6960 2.2): nobody is told that they are revoked for it. */
function statusFault(candidate: Omit<Candidate, 'connection'>, { mustBeGood, clock }: TrustState): Denial | undefined {
  const { presented, answer } = candidate
  if (mustBeGood === undefined || presented.kind !== 'certificate') return undefined
  const { ruleSubject } = presented.opinion
  if (ruleSubject === undefined || !mustBeGood.has(ruleSubject.issuerId)) return undefined
  const goodUntilMs = known(answer)?.goodUntilMs ?? 0
  if (clock.nowMs() < goodUntilMs) return undefined
  const since = goodUntilMs === 0 ? '' : ` any more since ${iso(goodUntilMs)}`
  const detail = `the OCSP responder of its issuer does not say that it is good${since}`
  return deny('trust_data_stale', detail, presented.opinion.presented)
}

function holds(index: RevocationIndex, entry: Fingerprint | undefined): boolean {
  return entry !== undefined && index.has(entry)
}

function permittedUser(candidate: Candidate): PermittedUser | undefined {
  const { presented, answer } = candidate
  if (presented.kind !== 'certificate' || presented.opinion.loginId === undefined) return undefined
  const { opinion } = presented
  const user = known(answer)?.user
  return { loginId: presented.opinion.loginId, contractId: user?.contractId, role: user?.role, opinion }
}

function known(answer: Candidate['answer']): DirectoryAnswer | undefined {
  return answer === 'unavailable' ? undefined : answer
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
