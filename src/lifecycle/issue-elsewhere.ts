import { GatewayError } from '../base/errors.ts'
import { certificateKey } from '../x509/certificate-key.ts'
import { oids } from '../x509/oids.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import type { IssuedCertificate } from './issue.ts'
import { refuseOvertaken, withdrawIssued } from './issue-standing.ts'
import {
  decideNow,
  describeIssued,
  type GuardedDecision,
  type IssueWork,
  issueAttemptsMax,
  keyReused,
} from './issue-work.ts'
import type { NewCertificate, RecordedCertificate } from './ports.ts'

type Enrolled = NewCertificate & { readonly publicKeyHash: string }

const dayMs = 86_400_000
/** Clocks of the other CA and of this machine may differ by as much. Unit: milliseconds. */
const clockApartMaxMs = 10_000
/** Beyond `validityDays`: a day before its issue and a day's rounding. Unit: milliseconds. */
const validitySpareMs = 2 * dayMs

/**
 * Has another CA issue. It chooses the serial number, so its certificate is recorded when it comes; what comes and does not fit, or was
 * decided past us, is revoked, because the other CA has signed it. `giveAgain` answers what there is for the same key (R8).
 * Throws GatewayError `signer_unavailable`, `signing_request_refused`, `key_reused`, `login_refused`, what `decideIssue` throws,
 * `store_unavailable`.
 */
export async function issueElsewhere(
  work: IssueWork,
  first: GuardedDecision & { kind: 'new' },
  giveAgain: (known: RecordedCertificate) => Promise<IssuedCertificate>,
): Promise<IssuedCertificate> {
  const { request, issuing, signingRequest, ports } = work
  if (issuing.maker.kind !== 'other') throw new GatewayError('internal', 'Cannot ask another CA: there is none')
  const der = await issuing.maker.enrol(request.requestDer)
  const { serial, notBeforeMs, notAfterMs } = readCertificate(der)
  const key = certificateKey(issuing.ca.issuerId, serial)
  const { publicKeyHash } = signingRequest
  const record = { key, loginId: request.loginId, notBeforeMs, notAfterMs, publicKeyHash }
  let isOurs = false
  let decision: GuardedDecision = first
  try {
    await refuseUnfit(der, record, work)
    for (let attempt = 0; attempt < issueAttemptsMax && decision.kind === 'new'; attempt++) {
      const reserved = await ports.store.reserveCertificate(record, decision.guard)
      if (reserved === 'key_reused') throw keyReused()
      if (reserved === 'reserved') {
        isOurs = true
        await refuseOvertaken(record, work, decision.proof)
        await ports.store.keepSigned(key, der)
        await refuseOvertaken(record, work, decision.proof)
        return describeIssued(der, key, { issuing, again: false })
      }
      decision = await decideNow(work)
    }
    if (decision.kind === 'new') {
      throw new GatewayError('store_unavailable', 'Cannot issue now as others issue in the same contract: ask again')
    }
  } catch (error) {
    if (isOurs || (await isNew(record, work))) await withdrawIssued(key, whyOf(error), work)
    throw error
  }
  if (decision.certificate.key !== key) await withdrawIssued(key, 'issued twice at the same time', work)
  return giveAgain(decision.certificate)
}

/** A CA may give the same certificate once more: then it is known already, and stays as it is. */
async function isNew({ key, publicKeyHash }: Enrolled, { ports }: IssueWork): Promise<boolean> {
  const known = await ports.store.certificateOfPublicKey(publicKeyHash).catch(() => undefined)
  return known?.key !== key
}

function whyOf(error: unknown): string {
  return error instanceof GatewayError ? `not given to anybody: ${error.code}` : 'not given to anybody'
}

/** Throws GatewayError `signer_unavailable` for what no door would let in as this login ID, or not in time. */
async function refuseUnfit(der: Uint8Array, record: Enrolled, { issuing, ports }: IssueWork): Promise<void> {
  const { maker, profile } = issuing
  const { loginId, notBeforeMs, notAfterMs } = record
  const nowMs = ports.nowMs()
  const span = `${new Date(notBeforeMs).toISOString()} to ${new Date(notAfterMs).toISOString()}`
  const fault = maker.kind === 'other' ? maker.doorFault(der, loginId) : undefined
  if (fault !== undefined) throw unfit(`a user cannot log in with it: ${fault}`)
  if (readCertificate(der).extendedKeyUsage?.includes(oids.clientAuth) !== true) {
    throw unfit('it is not for client authentication (extended key usage)')
  }
  if (notBeforeMs > nowMs + clockApartMaxMs || notAfterMs <= nowMs) throw unfit(`it is valid from ${span} only`)
  if (notAfterMs - notBeforeMs > profile.validityDays * dayMs + validitySpareMs) {
    throw unfit(`it is valid for longer than issuing.validityDays, which is ${profile.validityDays}: from ${span}`)
  }
  if ((await ports.revokedByRule([record])).size > 0) {
    throw unfit(`it begins at ${new Date(notBeforeMs).toISOString()}, which a revocation of the login ID covers`)
  }
}

function unfit(reason: string): GatewayError {
  return new GatewayError('signer_unavailable', `Cannot use the certificate of the other CA as ${reason}`)
}
