import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import type { NameAttribute, PublicKeyKind } from './client-certificate.ts'
import { DerReader, tags, unreadable } from './der-reader.ts'
import { readOid } from './object-identifier.ts'
import { oids } from './oids.ts'
import { type Extensions, noExtensions, readExtensions } from './read-extensions.ts'
import { nameAttributes, nameInside, textOf } from './read-name.ts'
import { readPublicKey } from './read-public-key.ts'
import { readSignatureAlgorithm } from './signature-algorithm.ts'
import { isSignedBy } from './verify-signature.ts'

/** Largest signing request read. Unit: bytes of DER. */
export const signingRequestBytesMax = 16_384

/** Larger keys cost much to verify with, and no profile allows them. Unit: bits. */
const rsaBitsMax = 8_192
const attributesMax = 32

/** A PKCS #10 request (RFC 2986) whose sender has shown that it holds the private key. */
export type SigningRequest = {
  readonly subjectNameDer: Uint8Array
  readonly subject: readonly NameAttribute[]
  readonly publicKey: PublicKeyKind
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array
  /** SHA-256 of `publicKeyDer`, base64url. */
  readonly publicKeyHash: string
  readonly signatureAlgorithm: { readonly oid: string; readonly hash: string }
  /** A secret of the sender's, for binding the request to a TLS session (RFC 7030 3.5): never to be logged. */
  readonly challengePassword: string | undefined
  /** The extensions that are asked for, also those asked for in Microsoft's attribute. */
  readonly extensions: Extensions
  /** OIDs of everything that is asked for. */
  readonly extensionOids: readonly string[]
  /** OIDs of attributes that mean nothing here, such as the client information of `certreq`. */
  readonly unknownAttributes: readonly string[]
}

/**
 * Reads a signing request from its DER, as strictly as certificates are read, and verifies its signature with the key
 * it brings (proof of possession). Nothing else is judged: see `checkSigningRequest`. The result keeps views into `der`.
 *
 * Throws GatewayError `signing_request_invalid`: over 16 384 bytes, malformed, a key of a kind or size that cannot be
 * verified with (explicit curve parameters, RSA of more than 8 192 bits) or in another encoding than the usual one, a
 * signature that does not fit.
 */
export function readSigningRequest(der: Uint8Array): SigningRequest {
  if (der.length > signingRequestBytesMax) {
    throw invalid(`it may have ${signingRequestBytesMax} bytes: current value is ${der.length}`)
  }
  let request: SigningRequest
  try {
    request = readFields(der)
  } catch (cause) {
    if (!(cause instanceof GatewayError) || cause.code !== 'certificate_unreadable') throw cause
    const reason = cause.message.replace(/^Cannot read the certificate: /, '')
    throw new GatewayError('signing_request_invalid', `Cannot read the signing request: ${reason}`, { cause })
  }
  const publicKey = usableKey(request)
  if (!isSignedBy(der, publicKey)) {
    throw invalid('its signature was not made with its key, or by an algorithm unknown here')
  }
  return request
}

function readFields(der: Uint8Array): SigningRequest {
  const file = new DerReader(der)
  const outer = file.enter(tags.sequence)
  file.finish()
  const fields = outer.enter(tags.sequence)
  const signatureAlgorithm = readSignatureAlgorithm(outer, outer.read(tags.sequence))
  outer.wholeOctets()
  outer.finish()

  const version = fields.smallInteger()
  if (version !== 0) throw unreadable(fields.position, `version ${version + 1}`)
  const subjectElement = fields.read(tags.sequence)
  const subject = nameAttributes(nameInside(fields, subjectElement))
  const keyElement = fields.read(tags.sequence)
  const publicKey = readPublicKey(fields.inside(keyElement))
  const publicKeyDer = fields.whole(keyElement)
  // The list is mandatory (RFC 2986 4.1), but some leave it out when it is empty, and that means one thing only.
  const attributesElement = fields.optional(0xa0)
  fields.finish()
  return {
    subjectNameDer: fields.whole(subjectElement),
    subject,
    publicKey,
    publicKeyDer,
    publicKeyHash: hash('sha256', publicKeyDer, 'base64url'),
    signatureAlgorithm: { oid: signatureAlgorithm.oid, hash: signatureAlgorithm.hash },
    ...readAttributes(attributesElement === undefined ? undefined : fields.inside(attributesElement)),
  }
}

type Attributes = Pick<SigningRequest, 'challengePassword' | 'extensions' | 'extensionOids' | 'unknownAttributes'>

function readAttributes(list: DerReader | undefined): Attributes {
  const seen: string[] = []
  const unknownAttributes: string[] = []
  let challengePassword: string | undefined
  let extensions: Extensions = noExtensions
  let extensionOids: readonly string[] = []
  while (list !== undefined && !list.done) {
    const attribute = list.enter(tags.sequence)
    const type = readOid(attribute)
    // Two names for one thing: they must not both be there.
    const meaning = type === oids.microsoftExtensions ? oids.extensionRequest : type
    if (seen.includes(meaning)) throw unreadable(attribute.position, `attribute ${type} given twice`)
    if (seen.push(meaning) > attributesMax) throw unreadable(attribute.position, 'too many attributes')
    const values = attribute.enter(tags.set)
    attribute.finish()
    if (meaning === oids.extensionRequest) {
      extensionOids = listOids(values)
      if (extensionOids.length > 0) extensions = readExtensions(values)
    } else if (meaning === oids.challengePassword) {
      challengePassword = textOf(values, values.next())
      if (challengePassword === undefined) throw unreadable(values.position, 'a challenge password that is no text')
      values.finish()
    } else {
      unknownAttributes.push(type)
    }
  }
  return { challengePassword, extensions, extensionOids, unknownAttributes }
}

/** The OIDs of a list of extensions, which is left unread. */
function listOids(values: DerReader): string[] {
  const { bytes, position, end } = values
  const list = new DerReader(bytes, position, end).enter(tags.sequence)
  const found: string[] = []
  while (!list.done) found.push(readOid(list.enter(tags.sequence)))
  return found
}

/** Only keys that are cheap and unambiguous to verify with. */
function usableKey({ publicKey, publicKeyDer }: SigningRequest): KeyObject {
  if (publicKey.algorithm === 'unknown') throw invalid(`its key is of unknown kind ${publicKey.oid}`)
  if (publicKey.algorithm === 'ec' && publicKey.curve === 'explicit') {
    throw invalid('its curve is written out, where a named one is required')
  }
  if (publicKey.algorithm === 'rsa' && publicKey.bits > rsaBitsMax) {
    throw invalid(`its RSA key may have ${rsaBitsMax} bits: current value is ${publicKey.bits}`)
  }
  const key = validKey(publicKeyDer)
  // One key, one spelling: what is known about a key is found by the hash of its bytes. OpenSSL keeps a compressed point.
  const compressed = publicKey.algorithm === 'ec' && publicKeyDer.at(-pointOctets(publicKey.bits)) !== 0x04
  if (compressed || Buffer.compare(key.export({ type: 'spki', format: 'der' }), publicKeyDer) !== 0) {
    throw invalid('its key is encoded in an unusual way')
  }
  return key
}

function validKey(publicKeyDer: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(publicKeyDer), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new GatewayError('signing_request_invalid', 'Cannot use the signing request as its key is no valid one', {
      cause,
    })
  }
}

/** An uncompressed point (SEC 1 2.3.3), which ends a SubjectPublicKeyInfo. */
function pointOctets(bits: number): number {
  return 1 + 2 * Math.ceil(bits / 8)
}

/** Longest text form: base64 with line ends and a heading. Unit: bytes. */
const textBytesMax = Math.ceil(signingRequestBytesMax * 1.5)

/**
 * The DER of a request as clients send it: DER, base64 (RFC 7030 4.2.1, RFC 8951), or PEM with either heading in use.
 * Throws GatewayError `signing_request_invalid` on anything else and on more than about 24 KB.
 */
export function signingRequestDer(body: Uint8Array): Uint8Array {
  if (body[0] === tags.sequence) return body
  if (body.length > textBytesMax) {
    throw invalid(`it may have ${signingRequestBytesMax} bytes: current value is ${body.length} of text`)
  }
  const text = Buffer.from(body).toString('latin1').trim()
  const heading = /^-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([^-]*)-----END \1-----$/.exec(text)
  const digits = (heading?.[2] ?? text).replace(/[ \t\r\n]/g, '')
  if (digits === '' || digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) {
    throw invalid('it is neither DER nor base64 nor PEM')
  }
  return new Uint8Array(Buffer.from(digits, 'base64'))
}

function invalid(reason: string): GatewayError {
  return new GatewayError('signing_request_invalid', `Cannot use the signing request as ${reason}`)
}
