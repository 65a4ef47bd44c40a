import { GatewayError } from '../../base/errors.ts'
import { DerReader, tags, unreadable } from '../der-reader.ts'
import type { EncodedExtension } from '../encode-extensions.ts'
import { readOid } from '../object-identifier.ts'
import { oids } from '../oids.ts'
import { nameInside } from '../read-name.ts'
import { readTime } from '../read-time.ts'
import { readSignatureAlgorithm } from '../signature-algorithm.ts'
import type { SignedBytes } from '../verify-signature.ts'
import { type CertId, readCertId } from './cert-id.ts'
import { readExtensionList } from './read-extension-list.ts'

/** Largest answer that is read. Unit: bytes. */
export const ocspResponseBytesMax = 65_536
/** Most certificates that may come with an answer, and most certificates it may be about. */
const certificatesMax = 16
const answersMax = 100

const enumerated = 0x0a

/** Words of OCSPResponseStatus by their numbers (RFC 6960 4.2.1); 4 is not used. */
const statusWords = {
  0: 'successful',
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
} as const
export type OcspResponseStatus = (typeof statusWords)[keyof typeof statusWords]

/** Whose signature it says it bears: `name` is the DER of a subject name, `keyHash` the SHA-1 of a public key. */
export type ResponderId =
  | { readonly by: 'name'; readonly nameDer: Uint8Array }
  | { readonly by: 'key'; readonly keyHash: Uint8Array }

/** What is said of one certificate. Times: milliseconds since the epoch. */
export type CertificateAnswer = {
  readonly certId: CertId
  readonly status: 'good' | 'revoked' | 'unknown'
  /** Defined for `revoked`. */
  readonly revokedAtMs: number | undefined
  /** CRLReason (RFC 5280 5.3.1), where it is told. */
  readonly reasonCode: number | undefined
  readonly thisUpdateMs: number
  /** Undefined: newer information is always available. */
  readonly nextUpdateMs: number | undefined
  readonly extensions: readonly EncodedExtension[]
}

/** A BasicOCSPResponse (RFC 6960 4.2.1). Nothing of it is checked yet. */
export type BasicOcspResponse = SignedBytes & {
  readonly responderId: ResponderId
  /** Unit: milliseconds since the epoch. */
  readonly producedAtMs: number
  /** Never empty. */
  readonly answers: readonly CertificateAnswer[]
  /** Repeated from the question; undefined: none. */
  readonly nonce: Uint8Array | undefined
  readonly extensions: readonly EncodedExtension[]
  /** DER, unread. */
  readonly certificates: readonly Uint8Array[]
}

/** An OCSPResponse: an answer, or only why there is none. */
export type OcspResponse =
  | { readonly status: 'successful'; readonly basic: BasicOcspResponse }
  | { readonly status: Exclude<OcspResponseStatus, 'successful'> }

/**
 * Reads an OCSPResponse (RFC 6960 4.2.1) from its DER. The result keeps views into `der`, which must not change afterwards. Nothing
 * is judged: see `checkOcspResponse`.
 *
 * Read as strictly as certificates: surplus bytes, times that are no GeneralizedTime in whole seconds, another type of response than
 * id-pkix-ocsp-basic, over 64 KiB, 16 certificates or 100 answers throw GatewayError `ocsp_response_refused`.
 */
export function readOcspResponse(der: Uint8Array): OcspResponse {
  try {
    return readResponse(der)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'certificate_unreadable') throw error
    const reason = error.message.replace(/^[^:]*: /, '')
    throw new GatewayError('ocsp_response_refused', `Cannot use the OCSP response as it cannot be read: ${reason}`, {
      cause: error,
    })
  }
}

function readResponse(der: Uint8Array): OcspResponse {
  if (der.length > ocspResponseBytesMax) throw unreadable(0, `${der.length} bytes are too many`)
  const file = new DerReader(der)
  const fields = file.enter(tags.sequence)
  file.finish()
  const number = readEnumerated(fields)
  const status = Object.hasOwn(statusWords, number) ? statusWords[number as keyof typeof statusWords] : undefined
  if (status === undefined) throw unreadable(fields.position, `status ${number}`)
  if (status !== 'successful') {
    fields.finish()
    return { status }
  }
  const explicit = fields.enter(0xa0)
  fields.finish()
  const bytes = explicit.enter(tags.sequence)
  explicit.finish()
  const type = readOid(bytes)
  if (type !== oids.ocspBasic) throw unreadable(bytes.position, `a response of type ${type}`)
  const inner = bytes.enter(tags.octetString)
  bytes.finish()
  const basic = inner.enter(tags.sequence)
  inner.finish()
  return { status, basic: readBasic(basic) }
}

function readBasic(fields: DerReader): BasicOcspResponse {
  const data = fields.read(tags.sequence)
  const signed = fields.whole(data)
  const algorithm = readSignatureAlgorithm(fields, fields.read(tags.sequence))
  const signature = fields.wholeOctets()
  const list = fields.optional(0xa0)
  fields.finish()
  const certificates = list === undefined ? [] : readCertificates(fields.inside(list))
  return { signed, algorithm, signature, certificates, ...readData(fields.inside(data)) }
}

function readCertificates(explicit: DerReader): Uint8Array[] {
  const list = explicit.enter(tags.sequence)
  explicit.finish()
  const certificates: Uint8Array[] = []
  while (!list.done) {
    const certificate = list.whole(list.read(tags.sequence))
    if (certificates.push(certificate) > certificatesMax) throw unreadable(list.position, 'too many certificates')
  }
  return certificates
}

type ResponseData = Omit<BasicOcspResponse, keyof SignedBytes | 'certificates'>

function readData(fields: DerReader): ResponseData {
  readVersion(fields)
  const responderId = readResponderId(fields)
  const producedAtMs = readGeneralizedTime(fields)
  const list = fields.enter(tags.sequence)
  const answers: CertificateAnswer[] = []
  do {
    if (answers.push(readAnswer(list.enter(tags.sequence))) > answersMax) {
      throw unreadable(list.position, 'too many answers')
    }
  } while (!list.done)
  const extensions = readExplicitExtensions(fields)
  fields.finish()
  return { responderId, producedAtMs, answers, nonce: nonceIn(extensions), extensions }
}

/** Version 1 is the default and is left out in DER; written out it means the same. */
function readVersion(fields: DerReader): void {
  const element = fields.optional(0xa0)
  if (element === undefined) return
  const explicit = fields.inside(element)
  if (explicit.smallInteger() !== 0) throw unreadable(element.start, 'an unknown version')
  explicit.finish()
}

function readResponderId(fields: DerReader): ResponderId {
  const element = fields.next()
  const explicit = fields.inside(element)
  if (element.tag === 0xa1) {
    const name = explicit.read(tags.sequence)
    explicit.finish()
    nameInside(explicit, name)
    return { by: 'name', nameDer: explicit.whole(name) }
  }
  if (element.tag !== 0xa2) throw unreadable(element.start, 'an unknown kind of responder ID')
  const keyHash = explicit.contents(explicit.read(tags.octetString))
  explicit.finish()
  return { by: 'key', keyHash }
}

function readAnswer(fields: DerReader): CertificateAnswer {
  const certId = readCertId(fields)
  const element = fields.next()
  const isEmpty = element.contentStart === element.end
  let status: CertificateAnswer['status']
  let revoked: Pick<CertificateAnswer, 'revokedAtMs' | 'reasonCode'> = { revokedAtMs: undefined, reasonCode: undefined }
  if (element.tag === 0xa1) {
    status = 'revoked'
    revoked = readRevokedInfo(fields.inside(element))
  } else if (element.tag === 0x80 && isEmpty) status = 'good'
  else if (element.tag === 0x82 && isEmpty) status = 'unknown'
  else throw unreadable(element.start, 'an unknown certificate status')
  const thisUpdateMs = readGeneralizedTime(fields)
  const next = fields.optional(0xa0)
  let nextUpdateMs: number | undefined
  if (next !== undefined) {
    const explicit = fields.inside(next)
    nextUpdateMs = readGeneralizedTime(explicit)
    explicit.finish()
  }
  const extensions = readExplicitExtensions(fields)
  fields.finish()
  return { certId, status, ...revoked, thisUpdateMs, nextUpdateMs, extensions }
}

function readRevokedInfo(fields: DerReader): Pick<CertificateAnswer, 'revokedAtMs' | 'reasonCode'> {
  const revokedAtMs = readGeneralizedTime(fields)
  const reason = fields.optional(0xa0)
  fields.finish()
  if (reason === undefined) return { revokedAtMs, reasonCode: undefined }
  const explicit = fields.inside(reason)
  const reasonCode = readEnumerated(explicit)
  explicit.finish()
  return { revokedAtMs, reasonCode }
}

/** Extensions of the whole response or of one answer: tag 1 in both. */
function readExplicitExtensions(fields: DerReader): EncodedExtension[] {
  const element = fields.optional(0xa1)
  if (element === undefined) return []
  const explicit = fields.inside(element)
  const extensions = readExtensionList(explicit)
  explicit.finish()
  return extensions
}

function nonceIn(extensions: readonly EncodedExtension[]): Uint8Array | undefined {
  const found = extensions.find(({ oid }) => oid === oids.ocspNonce)
  if (found === undefined) return undefined
  const reader = new DerReader(found.valueDer)
  const nonce = reader.contents(reader.read(tags.octetString))
  reader.finish()
  return nonce
}

/** An ENUMERATED of one octet, as all in OCSP are. */
function readEnumerated(fields: DerReader): number {
  const element = fields.read(enumerated)
  const value = fields.bytes[element.contentStart] as number
  if (element.end - element.contentStart !== 1 || value >= 0x80) {
    throw unreadable(element.start, 'an ENUMERATED out of range')
  }
  return value
}

function readGeneralizedTime(fields: DerReader): number {
  if (fields.peek() !== tags.generalizedTime) throw unreadable(fields.position, 'a time that is no GeneralizedTime')
  return readTime(fields)
}
