import { GatewayError } from '../../base/errors.ts'
import { tags } from '../der-reader.ts'
import { derElement, derSequence } from '../der-writer.ts'
import { encodeExtension } from '../encode-extensions.ts'
import { oids } from '../oids.ts'
import { type CertId, encodeCertId } from './cert-id.ts'

export type OcspQuestion = {
  /** At least one. RFC 5019 2.1.1 wants one only, which is what caches can answer. */
  readonly certIds: readonly CertId[]
  /** Random octets, 1 to 32 of them (RFC 8954 2.1), that a fresh answer repeats; left out: an answer from a cache will do. */
  readonly nonce?: Uint8Array | undefined
}

const nonceOctetsMax = 32

/**
 * DER of an OCSPRequest (RFC 6960 4.1.1), unsigned and without the name of who asks. Throws GatewayError `internal` without a
 * certificate to ask about, and for a nonce of wrong size.
 */
export function buildOcspRequest({ certIds, nonce }: OcspQuestion): Uint8Array {
  if (certIds.length === 0)
    throw new GatewayError('internal', 'Cannot ask the OCSP responder as no certificate is named')
  const requests = certIds.map((certId) => derSequence(encodeCertId(certId)))
  const extensions = nonce === undefined ? [] : [derElement(0xa2, derSequence(nonceExtension(nonce)))]
  return new Uint8Array(derSequence(derSequence(derSequence(...requests), ...extensions)))
}

function nonceExtension(nonce: Uint8Array): Uint8Array {
  if (nonce.length === 0 || nonce.length > nonceOctetsMax) {
    throw new GatewayError(
      'internal',
      `Cannot ask the OCSP responder as a nonce has 1 to ${nonceOctetsMax} octets: current value is ${nonce.length}`,
    )
  }
  const valueDer = derElement(tags.octetString, nonce)
  return encodeExtension({ oid: oids.ocspNonce, critical: false, valueDer })
}
