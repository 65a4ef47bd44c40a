import { GatewayError } from '../../base/errors.ts'
import {
  readSigningRequest,
  type SigningRequest,
  signingRequestBytesMax,
  signingRequestDer,
} from '../../x509/signing-request.ts'
import type { PortalCall } from '../portal-call.ts'

/** A signing request of at most `signingRequestBytesMax` bytes as base64, in lines, between PEM headings. Unit: bytes. */
const bodyBytesMax = Math.ceil(signingRequestBytesMax * 1.5)

const mediaType = /^application\/pkcs10 *(;|$)/i

/** A signing request as it came, and what stands in it. */
export type EstRequest = { readonly der: Uint8Array; readonly request: SigningRequest }

/**
 * Reads the body of an enrolment (RFC 7030 4.2.1, RFC 8951 3.1): base64 with any white space, whatever Content-Transfer-Encoding says; DER
 * and PEM are taken too. Throws GatewayError `body_too_large`, `signing_request_invalid`.
 */
export async function readEstRequest(call: PortalCall): Promise<EstRequest> {
  const body = await call.body()
  const type = call.header('content-type') ?? 'none'
  if (!mediaType.test(type)) {
    const shown = JSON.stringify(type.slice(0, 60))
    throw invalid(`the Content-Type has to be application/pkcs10: current value is ${shown}`)
  }
  if (body.length === 0) throw invalid('the body is empty')
  if (body.length > bodyBytesMax) throw tooLarge()
  const der = signingRequestDer(body)
  if (der.length > signingRequestBytesMax) throw tooLarge()
  return { der, request: readSigningRequest(der) }
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'body_too_large',
    `Cannot take the signing request as it may have ${signingRequestBytesMax} bytes, and base64 of that`,
  )
}

function invalid(reason: string): GatewayError {
  return new GatewayError('signing_request_invalid', `Cannot use the signing request as ${reason}`)
}
