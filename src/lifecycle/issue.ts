import { randomInt } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import { certificateKey, parseCertificateKey } from '../x509/certificate-key.ts'
import { validityFor } from '../x509/certificate-profile.ts'
import { issueCertificate as makeCertificate } from '../x509/issue-certificate.ts'
import { randomSerial } from '../x509/random-serial.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { readSigningRequest } from '../x509/signing-request.ts'
import type { Caller } from './caller.ts'
import { checkSigningRequest } from './check-signing-request.ts'
import { issueElsewhere } from './issue-elsewhere.ts'
import { refuseOvertaken, withdrawIssued } from './issue-standing.ts'
import {
  decideNow,
  describeIssued,
  type GuardedDecision,
  type IssueWork,
  issueAttemptsMax,
  keyReused,
  nothingKept,
  signingNote,
} from './issue-work.ts'
import { noteIssued, noteRefused } from './note-issue.ts'
import type { CertificateKey, LifecyclePorts, NewCertificate, RecordedCertificate } from './ports.ts'

/** Who asks for a certificate of which key, and by which right: 発行 after the login password, 更新 with the current certificate. */
export type IssueRequest = {
  readonly loginId: string
  readonly proof: { readonly kind: 'password' } | { readonly kind: 'certificate'; readonly key: CertificateKey }
  /** DER of the signing request (PKCS #10, RFC 2986). */
  readonly requestDer: Uint8Array
  /** DER of the certificate whose subject and names the request must repeat (RFC 7030 4.2.2). Default: they must be the user's. */
  readonly renewsDer?: Uint8Array
}

export type IssuedCertificate = {
  readonly der: Uint8Array
  readonly key: CertificateKey
  readonly serial: string
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** DER of the issuing CA and those above it but for the root, nearest first. */
  readonly chainDer: readonly Uint8Array[]
  /** It was issued before for the same key and is given once more (R8). */
  readonly again: boolean
}

/** Longest pause before the second attempt; it grows with each. Unit: milliseconds. */
const retryPauseMs = 20
/** How long a reservation counts while nothing has been signed for it. Unit: milliseconds. */
const signingMs = 60_000
/** A certificate that may not begin earlier, because of a revocation just now, is waited for so long. Unit: milliseconds. */
const waitMaxMs = 10_000

/**
 * Issues a certificate, or gives the one of the same key again. The steps are those of README.md beside this file.
 *
 * Throws GatewayError `issuing_disabled`, `signing_request_invalid`, `signing_request_refused`, what `decideIssue` throws, `login_refused`
 * also when a revocation came in between, `certificate_lint_failed`, `signer_unavailable`, `store_unavailable`. Whatever was thrown,
 * asking again with the same key is safe.
 */
export async function issueCertificate(
  request: IssueRequest,
  caller: Caller,
  ports: LifecyclePorts,
): Promise<IssuedCertificate> {
  try {
    const issued = await issue(request, caller, ports)
    if (!issued.again) noteIssued(issued, { request, caller, ports })
    return issued
  } catch (error) {
    noteRefused(error, { request, caller, ports })
    throw error
  }
}

async function issue(request: IssueRequest, caller: Caller, ports: LifecyclePorts): Promise<IssuedCertificate> {
  const issuing = ports.issuing()
  if (issuing === undefined) throw new GatewayError('issuing_disabled', 'Cannot issue as this gateway has no CA')
  // Step 1: read the request; its signature proves that the sender holds the key.
  const signingRequest = readSigningRequest(request.requestDer)
  // Step 2: find the user, and check that what is asked for is what the profile gives.
  const user = await ports.store.user(request.loginId)
  if (user === undefined) throw new GatewayError('login_refused', 'Cannot issue a certificate: there is no such user')
  const { contractId } = user
  checkSigningRequest(signingRequest, {
    profile: issuing.profile,
    holder: { loginId: user.loginId, contractId },
    renews: request.renewsDer && readCertificate(request.renewsDer),
  })
  const work = { request, signingRequest, issuing, contractId, caller, ports }
  for (let attempt = 0; attempt < issueAttemptsMax; attempt++) {
    // Step 3: decide, from all that the contract holds now.
    const decision = await decideNow(work)
    if (decision.kind === 'again') return giveAgain(decision.certificate, work)
    if (issuing.maker.kind === 'other') return issueElsewhere(work, decision, (known) => giveAgain(known, work))
    const issued = await issueOwn(work, decision)
    if (issued !== 'moved') return issued
    // Those who were overtaken together must not come together again.
    await ports.pause(randomInt(1, retryPauseMs * (attempt + 1)))
  }
  throw new GatewayError('store_unavailable', 'Cannot issue now as others issue in the same contract: ask again')
}

async function issueOwn(
  work: IssueWork,
  { guard, proof }: GuardedDecision & { kind: 'new' },
): Promise<IssuedCertificate | 'moved'> {
  const { request, signingRequest, issuing, ports } = work
  // Step 4: choose serial number and validity, and record them: what is signed is always known.
  const times = await chooseTimes(work)
  const { publicKeyHash } = signingRequest
  const key = certificateKey(issuing.ca.issuerId, randomSerial())
  await ports.store.keepNote(signingNote(key), '', signingMs)
  const record = { key, loginId: request.loginId, ...times, publicKeyHash }
  try {
    const reserved = await ports.store.reserveCertificate(record, guard)
    if (reserved === 'moved') return 'moved'
    if (reserved === 'key_reused') throw keyReused()
    // Step 5: look whether a revocation came between the decision and the record.
    await refuseOvertaken(record, work, proof)
    // Step 6: lint, sign, and keep what was signed.
    const der = await signAndKeep(record, work)
    // Step 7: answer, unless a revocation came meanwhile.
    await refuseOvertaken(record, work, proof)
    return describeIssued(der, key, { issuing, again: false })
  } catch (error) {
    await giveUp(error, key, work)
    throw error
  }
}

/** What a revocation has overtaken ends; whatever else went wrong may be asked for again, and nobody waits for it. */
async function giveUp(error: unknown, key: CertificateKey, work: IssueWork): Promise<void> {
  if (error instanceof GatewayError && error.code === 'login_refused') {
    await withdrawIssued(key, 'overtaken by a revocation', work)
  }
  await work.ports.store.forgetNote(signingNote(key)).catch(() => {})
}

async function signAndKeep(record: NewCertificate, work: IssueWork): Promise<Uint8Array> {
  const { issuing, signingRequest, contractId, ports } = work
  const { ca, profile, maker } = issuing
  if (maker.kind !== 'own') throw nothingKept()
  const { der } = await makeCertificate(
    { issuer: ca, signer: maker.signer, profile },
    {
      holder: { loginId: record.loginId, contractId },
      publicKeyDer: signingRequest.publicKeyDer,
      serial: parseCertificateKey(record.key).serial,
      notBeforeMs: record.notBeforeMs,
      notAfterMs: record.notAfterMs,
    },
  )
  await ports.store.keepSigned(record.key, der)
  // Of two who signed the same at the same time, the first one's counts.
  return (await ports.store.signedCertificate(record.key)) ?? der
}

/** The certificate of this key exists (R8): as it was kept, or signed now if that was never done. */
async function giveAgain(certificate: RecordedCertificate, work: IssueWork): Promise<IssuedCertificate> {
  const { ports, issuing } = work
  await refuseOvertaken(certificate, work)
  const kept = await ports.store.signedCertificate(certificate.key)
  if (kept === undefined && certificate.state !== 'issued') throw nothingKept()
  return describeIssued(kept ?? (await signAndKeep(certificate, work)), certificate.key, { issuing, again: true })
}

/**
 * From when until when it is valid. It must begin after whatever a rule revokes for its login ID or its issuer, or it would be refused
 * from the start; where that is a moment ahead, it is waited for.
 */
async function chooseTimes({ request, issuing, ports }: IssueWork) {
  const { config, ca, profile } = issuing
  const boundMs = await ports.revokedUntilMs(request.loginId, ca.issuerId)
  const issuedAtMs = ports.nowMs()
  const times = validityFor(profile, {
    issuedAtMs,
    backdateSeconds: config.backdateSeconds,
    issuer: ca.certificate,
    notBeforeMs: boundMs === undefined ? undefined : Math.floor(boundMs / 1_000) * 1_000 + 1_000,
  })
  const aheadMs = times.notBeforeMs - issuedAtMs
  if (aheadMs > waitMaxMs) {
    const from = new Date(times.notBeforeMs).toISOString()
    throw new GatewayError(
      'signer_unavailable',
      `Cannot issue before ${from} as a revocation covers what begins earlier`,
    )
  }
  if (aheadMs > 0) await ports.pause(aheadMs)
  return times
}
