import { GatewayError } from '../base/errors.ts'
import { DerReader, tags, unreadable } from './der-reader.ts'
import { derElement, derInteger, derOid, derSequence } from './der-writer.ts'
import { readOid } from './object-identifier.ts'
import { oids } from './oids.ts'
import { certificateBytesMax } from './read-certificate.ts'

/** Most certificates in one message that is read. */
const certificatesMax = 16
/** Largest message that is read. Unit: bytes. */
export const certsOnlyBytesMax = certificatesMax * certificateBytesMax

/**
 * A certs-only message (RFC 7030 4.1.3): CMS SignedData without content and without signers (RFC 5652 5.2). Holds the
 * certificates (DER) in the order in which DER writes a SET, whatever the order given. At least one.
 */
export function buildCertsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const signedData = derSequence(
    derInteger('1'),
    derElement(tags.set),
    derSequence(derOid(oids.data)),
    derElement(0xa0, ...[...certificates].sort(Buffer.compare)),
    derElement(tags.set),
  )
  return new Uint8Array(derSequence(derOid(oids.signedData), derElement(0xa0, signedData)))
}

/**
 * The certificates (DER, unread) of a certs-only message, also with CRLs, which are left out. Read as strictly as
 * certificates are: a message with content or signers, other objects than certificates, and the indefinite lengths of
 * BER throw GatewayError `certificate_unreadable`.
 */
export function readCertsOnly(der: Uint8Array): Uint8Array[] {
  if (der.length > certsOnlyBytesMax) throw unreadable(0, `${der.length} bytes are too many`)
  const file = new DerReader(der)
  const outer = file.enter(tags.sequence)
  file.finish()
  if (readOid(outer) !== oids.signedData) throw unreadable(outer.position, 'no SignedData')
  const explicit = outer.enter(0xa0)
  outer.finish()
  const fields = explicit.enter(tags.sequence)
  explicit.finish()
  fields.smallInteger()
  fields.read(tags.set)
  const content = fields.enter(tags.sequence)
  readOid(content)
  content.finish()
  const list = fields.enter(0xa0)
  fields.optional(0xa1)
  const signers = fields.enter(tags.set)
  signers.finish()
  fields.finish()
  const certificates: Uint8Array[] = []
  do {
    const certificate = list.whole(list.read(tags.sequence))
    if (certificates.push(certificate) > certificatesMax) throw unreadable(list.position, 'too many certificates')
  } while (!list.done)
  return certificates
}

/** Base64 as EST carries DER in bodies (RFC 8951 3): lines of 76 characters, CR LF after each. */
export function encodeEstBody(der: Uint8Array): string {
  const text = Buffer.from(der).toString('base64')
  return text.replace(/.{1,76}/g, '$&\r\n')
}

/**
 * The reverse; blanks and line ends of any kind are skipped (RFC 8951 3). Throws GatewayError `certificate_unreadable`
 * when the text is not base64.
 */
export function decodeEstBody(text: string): Uint8Array {
  const digits = text.replace(/[ \t\r\n]/g, '')
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) {
    throw new GatewayError('certificate_unreadable', 'Cannot read the body as it is not base64')
  }
  return new Uint8Array(Buffer.from(digits, 'base64'))
}
