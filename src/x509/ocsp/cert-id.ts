import { hash } from 'node:crypto'
import type { ClientCertificate } from '../client-certificate.ts'
import { DerReader, tags, unreadable } from '../der-reader.ts'
import { derElement, derInteger, derOid, derSequence } from '../der-writer.ts'
import { readOid } from '../object-identifier.ts'
import { hashes, oids } from '../oids.ts'

/** The certificate that a question or an answer is about (RFC 6960 4.1.1): its issuer by two hashes, and its serial number. */
export type CertId = {
  /** Any identifier may come in; `isOfIssuer` knows SHA-1 and SHA-256. */
  readonly hashAlgorithmOid: string
  /** Of the DER of the issuer's subject name. */
  readonly issuerNameHash: Uint8Array
  /** Of the issuer's public key: the contents of its BIT STRING, without the octet of unused bits. */
  readonly issuerKeyHash: Uint8Array
  /** Lower-case hex without leading zeros; `0` for zero, which no certificate has. */
  readonly serial: string
}

/** Hashes that name an issuer. SHA-1 is what every responder knows (RFC 5019 2.1.1); nothing is proved by it. */
export type CertIdHash = 'sha1' | 'sha256'

/** What of an issuer its hashes are made of; an `IssuingCa` fits. */
export type CertIdIssuer = {
  readonly subjectNameDer: Uint8Array
  readonly certificate: Pick<ClientCertificate, 'publicKeyDer'>
}

/** Longest hash in a question. Unit: octets (SHA-512). */
const hashOctetsMax = 64

/** Longest serial number, as in certificates. Unit: octets of its value (RFC 5280 4.1.2.2). */
const serialOctetsMax = 20

/** How the issuer's certificate with this serial number (lower-case hex without leading zeros) is named. */
export function certIdOf(issuer: CertIdIssuer, serial: string, algorithm: CertIdHash): CertId {
  return {
    hashAlgorithmOid: oids[algorithm],
    issuerNameHash: hash(algorithm, issuer.subjectNameDer, 'buffer'),
    issuerKeyHash: publicKeyHash(issuer.certificate.publicKeyDer, algorithm),
    serial,
  }
}

/** Whether the certificate is one of this issuer: both hashes fit. False for any hash but SHA-1 and SHA-256. */
export function isOfIssuer(certId: CertId, issuer: CertIdIssuer): boolean {
  const algorithm = hashes[certId.hashAlgorithmOid]
  if (algorithm !== 'sha1' && algorithm !== 'sha256') return false
  const expected = certIdOf(issuer, certId.serial, algorithm)
  return (
    Buffer.compare(certId.issuerNameHash, expected.issuerNameHash) === 0 &&
    Buffer.compare(certId.issuerKeyHash, expected.issuerKeyHash) === 0
  )
}

/** Hash of the key itself in a SubjectPublicKeyInfo (DER), as CertID and the responder's byKey have it (RFC 6960 4.2.1). */
export function publicKeyHash(publicKeyDer: Uint8Array, algorithm: CertIdHash): Uint8Array {
  const fields = new DerReader(publicKeyDer).enter(tags.sequence)
  fields.read(tags.sequence)
  return hash(algorithm, fields.wholeOctets(), 'buffer')
}

/** DER of the CertID. The hash's parameters are written as NULL, as clients do. */
export function encodeCertId({ hashAlgorithmOid, issuerNameHash, issuerKeyHash, serial }: CertId): Uint8Array {
  return derSequence(
    derSequence(derOid(hashAlgorithmOid), derElement(tags.null)),
    derElement(tags.octetString, issuerNameHash),
    derElement(tags.octetString, issuerKeyHash),
    derInteger(serial),
  )
}

/**
 * Reads the CertID that is next. The hashes are views into the reader's bytes. Throws `certificate_unreadable`, also for a serial
 * number that is negative or over 20 octets, and for parameters of the hash other than NULL or none.
 */
export function readCertId(reader: DerReader): CertId {
  const fields = reader.enter(tags.sequence)
  const algorithm = fields.enter(tags.sequence)
  const hashAlgorithmOid = readOid(algorithm)
  const parameters = algorithm.optional(tags.null)
  if (parameters !== undefined && parameters.end !== parameters.contentStart) {
    throw unreadable(parameters.start, 'a malformed NULL')
  }
  algorithm.finish()
  const issuerNameHash = readHash(fields)
  const issuerKeyHash = readHash(fields)
  const serial = readSerial(fields)
  fields.finish()
  return { hashAlgorithmOid, issuerNameHash, issuerKeyHash, serial }
}

function readHash(fields: DerReader): Uint8Array {
  const element = fields.read(tags.octetString)
  const contents = fields.contents(element)
  if (contents.length === 0 || contents.length > hashOctetsMax) throw unreadable(element.start, 'a hash of wrong size')
  return contents
}

function readSerial(fields: DerReader): string {
  const element = fields.integer()
  const contents = fields.contents(element)
  if ((contents[0] as number) >= 0x80) throw unreadable(element.start, 'a negative serial number')
  if (contents.length > serialOctetsMax + (contents[0] === 0 ? 1 : 0)) {
    throw unreadable(element.start, 'a serial number over 20 octets')
  }
  return Buffer.from(contents.buffer, contents.byteOffset, contents.length)
    .toString('hex')
    .replace(/^0+(?=.)/, '')
}
