import { GatewayError } from '../../base/errors.ts'
import { DerReader, tags } from '../der-reader.ts'
import { oids } from '../oids.ts'
import { type CertId, readCertId } from './cert-id.ts'
import { readExtensionList } from './read-extension-list.ts'

/** One certificate that is asked about, as a request names it. */
export type AskedCertificate = {
  readonly certId: CertId
  /** The CertID as it was sent: an answer repeats it byte for byte. */
  readonly certIdDer: Uint8Array
}

/** What an OCSP request asks (RFC 6960 4.1). Everything in it is a view into the bytes it was read from. */
export type OcspRequest = {
  /** Never empty. */
  readonly asked: readonly AskedCertificate[]
  /** Contents of the nonce; undefined: none was sent. */
  readonly nonce: Uint8Array | undefined
}

/** Longest nonce, which the answer repeats (RFC 9654 2.1). Unit: octets. */
export const nonceOctetsMax = 128

/**
 * Extensions that are understood and change nothing: acceptable responses (there is one kind), and preferred signature algorithms
 * (there is one key).
 */
const withoutEffect: readonly string[] = ['1.3.6.1.5.5.7.48.1.4', '1.3.6.1.5.5.7.48.1.8']

/**
 * Reads an OCSPRequest of version 1 from its DER. Who asks, and a signature, are skipped: anybody may ask. The list of certificates is
 * left as soon as it is longer than `certificatesMax`.
 *
 * Throws GatewayError `ocsp_request_malformed`: no strict DER, no certificate or too many, a CertID that `readCertId` refuses, an
 * extension given twice, an unknown critical one, a nonce of no or over 128 octets (RFC 9654 2.1).
 */
export function readOcspRequest(der: Uint8Array, limits: { readonly certificatesMax: number }): OcspRequest {
  try {
    const file = new DerReader(der)
    const request = file.enter(tags.sequence)
    file.finish()
    const fields = request.enter(tags.sequence)
    skipSignature(request)
    request.finish()
    skipVersion(fields)
    const requestor = fields.optional(0xa1)
    if (requestor !== undefined) onlyElement(fields.inside(requestor))
    const asked = readAsked(fields.enter(tags.sequence), limits.certificatesMax)
    const nonce = readExtensions(fields, 0xa2)
    fields.finish()
    return { asked, nonce }
  } catch (fault) {
    if (!(fault instanceof GatewayError) || fault.code !== 'certificate_unreadable') throw fault
    throw malformed(fault.message.replace(/^.*?: /, ''), fault)
  }
}

/** Version 1 is the default, which DER leaves out; some clients write it, and it means one thing only. */
function skipVersion(fields: DerReader): void {
  const element = fields.optional(0xa0)
  if (element === undefined) return
  const explicit = fields.inside(element)
  const version = explicit.smallInteger() + 1
  explicit.finish()
  if (version !== 1) throw malformed(`it has version ${version}`)
}

function readAsked(list: DerReader, certificatesMax: number): AskedCertificate[] {
  const asked: AskedCertificate[] = []
  while (!list.done) {
    if (asked.length === certificatesMax) throw malformed(`it asks about more than ${certificatesMax} certificates`)
    const one = list.enter(tags.sequence)
    const start = one.position
    const certId = readCertId(one)
    const certIdDer = one.bytes.subarray(start, one.position)
    readExtensions(one, 0xa0)
    one.finish()
    asked.push({ certId, certIdDer })
  }
  if (asked.length === 0) throw malformed('it asks about no certificate')
  return asked
}

/** Reads the extensions inside this tag, if they are there; gives the nonce. */
function readExtensions(fields: DerReader, tag: number): Uint8Array | undefined {
  const element = fields.optional(tag)
  if (element === undefined) return undefined
  const explicit = fields.inside(element)
  const extensions = readExtensionList(explicit)
  explicit.finish()
  for (const { oid, critical } of extensions) {
    const isKnown = oid === oids.ocspNonce || withoutEffect.includes(oid)
    if (critical && !isKnown) throw malformed(`critical extension ${oid} is unknown`)
  }
  const nonce = extensions.find(({ oid }) => oid === oids.ocspNonce)
  return nonce === undefined ? undefined : readNonce(new DerReader(nonce.valueDer))
}

function readNonce(value: DerReader): Uint8Array {
  const nonce = value.contents(value.read(tags.octetString))
  value.finish()
  if (nonce.length === 0 || nonce.length > nonceOctetsMax) throw malformed(`its nonce has ${nonce.length} octets`)
  return nonce
}

function skipSignature(request: DerReader): void {
  const element = request.optional(0xa0)
  if (element === undefined) return
  const explicit = request.inside(element)
  explicit.read(tags.sequence)
  explicit.finish()
}

function onlyElement(reader: DerReader): void {
  reader.next()
  reader.finish()
}

function malformed(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('ocsp_request_malformed', `Cannot read the OCSP request: ${reason}`, { cause })
}
