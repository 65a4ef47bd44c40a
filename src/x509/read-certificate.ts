import { hash } from 'node:crypto'
import type { ClientCertificate } from './client-certificate.ts'
import { DerReader, tags, unreadable } from './der-reader.ts'
import { noExtensions, readExtensions } from './read-extensions.ts'
import { nameAttributes, nameInside } from './read-name.ts'
import { readPublicKey } from './read-public-key.ts'
import { readTime } from './read-time.ts'
import { readSignatureAlgorithm } from './signature-algorithm.ts'

/** Largest certificate read. Unit: bytes. */
export const certificateBytesMax = 65_536

/** Longest serial number. Unit: octets of its value (RFC 5280 4.1.2.2). */
const serialOctetsMax = 20

/**
 * Reads a certificate (RFC 5280 4.1) from its DER. The result keeps views into `der`, which must not change afterwards.
 *
 * Reads more strictly than OpenSSL, so that nothing is understood two ways: surplus bytes, non-minimal lengths, a
 * serial number that is zero, negative or over 20 octets, an extension given twice, two different signature algorithms
 * and times that do not exist all throw GatewayError `certificate_unreadable`. Nothing is judged: not the signature,
 * not the validity window. Character strings are decoded by their type and keep what they hold, control characters too.
 */
export function readCertificate(der: Uint8Array): ClientCertificate {
  if (der.length > certificateBytesMax) throw unreadable(0, `${der.length} bytes are too many`)
  const file = new DerReader(der)
  const certificate = file.enter(tags.sequence)
  file.finish()
  const fields = certificate.enter(tags.sequence)
  const outerAlgorithm = certificate.read(tags.sequence)
  certificate.wholeOctets()
  certificate.finish()

  const version = readVersion(fields)
  const serial = readSerial(fields)
  const innerAlgorithm = fields.read(tags.sequence)
  if (Buffer.compare(fields.whole(innerAlgorithm), certificate.whole(outerAlgorithm)) !== 0) {
    throw unreadable(innerAlgorithm.start, 'two different signature algorithms')
  }
  const signatureAlgorithm = readSignatureAlgorithm(certificate, outerAlgorithm)
  const issuerElement = fields.read(tags.sequence)
  const issuer = nameAttributes(nameInside(fields, issuerElement))
  const validity = fields.enter(tags.sequence)
  const notBeforeMs = readTime(validity)
  const notAfterMs = readTime(validity)
  validity.finish()
  const subjectElement = fields.read(tags.sequence)
  const subject = nameAttributes(nameInside(fields, subjectElement))
  const keyElement = fields.read(tags.sequence)
  const publicKey = readPublicKey(fields.inside(keyElement))
  // issuerUniqueID and subjectUniqueID: nobody uses them, and they mean nothing here.
  if (version >= 2) fields.optional(0x81)
  if (version >= 2) fields.optional(0x82)
  const extensionsElement = version === 3 ? fields.optional(0xa3) : undefined
  fields.finish()
  const extensions = extensionsElement === undefined ? noExtensions : readExtensions(fields.inside(extensionsElement))

  return {
    thumbprint: hash('sha256', der, 'base64url'),
    serial,
    issuerNameDer: fields.whole(issuerElement),
    subjectNameDer: fields.whole(subjectElement),
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    publicKey,
    publicKeyDer: fields.whole(keyElement),
    signatureAlgorithm: { oid: signatureAlgorithm.oid, hash: signatureAlgorithm.hash },
    ...extensions,
  }
}

/** The version as people count it: 1, 2 or 3. */
function readVersion(fields: DerReader): number {
  const element = fields.optional(0xa0)
  if (element === undefined) return 1
  const explicit = fields.inside(element)
  const version = explicit.smallInteger() + 1
  explicit.finish()
  if (version !== 2 && version !== 3) throw unreadable(element.start, `version ${version}`)
  return version
}

function readSerial(fields: DerReader): string {
  const { start, contentStart, end } = fields.integer()
  const { bytes } = fields
  const first = bytes[contentStart] as number
  const valueStart = first === 0 ? contentStart + 1 : contentStart
  if (first >= 0x80) throw unreadable(start, 'a negative serial number')
  if (valueStart === end) throw unreadable(start, 'a serial number of zero')
  if (end - valueStart > serialOctetsMax) throw unreadable(start, 'a serial number over 20 octets')
  let serial = (bytes[valueStart] as number).toString(16)
  for (let index = valueStart + 1; index < end; index++) serial += hexOctets[bytes[index] as number]
  return serial
}

const hexOctets: readonly string[] = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))
