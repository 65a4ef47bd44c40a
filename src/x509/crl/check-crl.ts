import { GatewayError } from '../../base/errors.ts'
import type { IssuingCa } from '../issuing-ca.ts'
import { weakHashReason } from '../key-strength.ts'
import { subjectKeyIdentifierOf } from '../list-extensions.ts'
import { pemBlocks } from '../pem.ts'
import { removeFromCrl } from './crl-reasons.ts'
import type { CrlReading } from './read-crl.ts'

/** A list that may be used. `expired`: its nextUpdate is past, so its CA should have made a newer one. */
export type CrlVerdict = {
  readonly kind: 'good' | 'expired'
  /** For people: what they should know of a list that is taken. */
  readonly warnings: readonly string[]
}

/** The time by which a list is judged. Unit: milliseconds; `nowMs` since the epoch. */
export type CrlTime = { readonly nowMs: number; readonly clockSkewMs: number }

/**
 * Judges a list that should be this issuer's (RFC 5280 6.3.3): made by its name and key, signed well, whole, meant for certificates of
 * this issuer, and made by now. Says nothing of whether it is newer than another one. Throws GatewayError `crl_refused`.
 */
export function checkCrl(reading: CrlReading, issuer: IssuingCa, time: CrlTime): CrlVerdict {
  const reason = issuerReason(reading, issuer) ?? signatureReason(reading) ?? crlFaultOf(reading, time)
  if (reason !== undefined) {
    throw new GatewayError('crl_refused', `Cannot take the CRL as one of issuer ${issuer.name}: ${reason}`)
  }
  const isExpired = reading.nextUpdateMs !== undefined && time.nowMs > reading.nextUpdateMs + time.clockSkewMs
  return { kind: isExpired ? 'expired' : 'good', warnings: warningsOf(reading) }
}

/** What is wrong with a list, whosever it is: name and signature are not looked at. Undefined: nothing. */
export function crlFaultOf(reading: CrlReading, time: CrlTime): string | undefined {
  return scopeReason(reading) ?? timeReason(reading, time)
}

function issuerReason(reading: CrlReading, { certificate, certificatePem, subjectNameDer }: IssuingCa) {
  if (Buffer.compare(reading.issuerNameDer, subjectNameDer) !== 0) return 'its issuer name is another one'
  // Key usage may be absent (RFC 5280 4.2.1.3 binds only issuers that follow the profile); present, it must permit.
  if (certificate.keyUsage?.cRLSign === false) return 'the issuer’s certificate may not sign CRLs (key usage)'
  const named = reading.authorityKeyIdentifier
  const [issuerDer] = pemBlocks(certificatePem, 'CERTIFICATE')
  const own = issuerDer === undefined ? undefined : subjectKeyIdentifierOf(issuerDer)
  if (named === undefined || own === undefined || Buffer.compare(named, own) === 0) return undefined
  return `it was made by another key of the same name: it names key ${hex(named)}, and the issuer has ${hex(own)}`
}

function signatureReason({ signatureAlgorithm, signatureValid }: CrlReading): string | undefined {
  const weak = weakHashReason(signatureAlgorithm)
  if (weak !== undefined) return `its signature is too weak: ${weak}`
  // A list that was read without a key has not been verified by anybody.
  return signatureValid === true ? undefined : 'its signature was not made by the issuer’s key'
}

function scopeReason(reading: CrlReading): string | undefined {
  const { unknownCriticalExtensions, unknownCriticalEntryExtensions, distributionPoint } = reading
  if (unknownCriticalExtensions.length > 0) {
    return `it has unknown critical extensions ${unknownCriticalExtensions.join(', ')}`
  }
  if (unknownCriticalEntryExtensions.length > 0) {
    return `its entries have unknown critical extensions ${unknownCriticalEntryExtensions.join(', ')}`
  }
  if (distributionPoint?.indirect === true) {
    return 'indirect CRLs are not taken: it may name certificates of other issuers (issuing distribution point)'
  }
  if (reading.hasOtherIssuers) {
    return 'indirect CRLs are not taken: it names certificates of other issuers (certificate issuer of an entry)'
  }
  if (distributionPoint?.onlyContainsAttributeCerts === true) return 'it is about attribute certificates only'
  if (distributionPoint?.onlyContainsCaCerts === true) return 'it is about certificates of CAs only'
  return undefined
}

function timeReason({ thisUpdateMs, nextUpdateMs }: CrlReading, { nowMs, clockSkewMs }: CrlTime): string | undefined {
  if (thisUpdateMs > nowMs + clockSkewMs)
    return `its thisUpdate lies in the future: current value is ${iso(thisUpdateMs)}`
  if (nextUpdateMs === undefined) return 'it does not say when the next one is due (nextUpdate)'
  if (nextUpdateMs > thisUpdateMs) return undefined
  return `its nextUpdate ${iso(nextUpdateMs)} is not after its thisUpdate ${iso(thisUpdateMs)}`
}

function warningsOf({ number, baseNumber, distributionPoint, entries, passedOver }: CrlReading): string[] {
  const warnings: string[] = []
  const removed = entries.reasonCounts.get(removeFromCrl) ?? 0
  if (passedOver > 0) {
    warnings.push(`${passedOver} entries were passed over: no certificate here has such a serial number`)
  }
  if (number === undefined) warnings.push('it has no number: an older list is known by its thisUpdate only')
  if (distributionPoint?.onlySomeReasons === true) warnings.push('it names only certificates revoked for some reasons')
  if (removed > 0 && baseNumber === undefined) {
    warnings.push(`${removed} entries say removeFromCRL, which means nothing in a complete list`)
  }
  return warnings
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
