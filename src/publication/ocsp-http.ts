import { GatewayError } from '../base/errors.ts'
import { type OcspFailure, ocspFailureResponse } from '../x509/ocsp/build-response.ts'
import { hasAlready } from './conditional-request.ts'
import type { SignedAnswer } from './ocsp-holdings.ts'
import type { PublicationAnswer, PublicationRequest } from './ports.ts'

const place = '/ocsp'
const contentType = 'application/ocsp-response'

/** Whether a request is for the responder: POST to its place, GET of anything below it. */
export function isForResponder({ method, path }: Pick<PublicationRequest, 'method' | 'path'>): boolean {
  if (path === place || path === `${place}/`) return true
  return method === 'GET' && path.startsWith(`${place}/`)
}

/**
 * The bytes of the OCSP request: the body of a POST, or the base64 in the path of a GET (RFC 6960 A.1), with its `+`, `/` and `=` sent as
 * they are or percent-encoded. Slashes in front are skipped: clients join a URL that ends in one with another, and no request begins
 * so. Throws GatewayError `body_too_large` beyond `bytesMax`, `ocsp_request_malformed` for what is no base64, and as `body` does.
 */
export async function readRequestBytes(request: PublicationRequest, bytesMax: number): Promise<Uint8Array> {
  if (request.method === 'POST') return await request.body(bytesMax)
  const encoded = request.path.slice(place.length).replace(/^\/+/, '')
  // Four characters for three octets, each of them percent-encoded at worst.
  if (encoded.length > bytesMax * 4 + 12) throw tooLarge(bytesMax)
  const text = decodePath(encoded)
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw noBase64()
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length > bytesMax) throw tooLarge(bytesMax)
  return bytes
}

/** An answer that is not kept by anybody: it has a nonce, or it is about several certificates. */
export function freshAnswer({ method }: PublicationRequest, body: readonly Uint8Array[]): PublicationAnswer {
  return { status: 200, headers: method === 'GET' ? [['cache-control', 'no-store']] : [], contentType, body }
}

/** No answer, and why not. HTTP is fine, so the status is 200 (RFC 6960 A.2). */
export function failureAnswer(request: PublicationRequest, failure: OcspFailure): PublicationAnswer {
  return freshAnswer(request, [ocspFailureResponse(failure)])
}

/** The request was not read to its end. */
export const tooLargeAnswer: PublicationAnswer = {
  status: 413,
  headers: [],
  contentType: 'text/plain; charset=utf-8',
  body: [Buffer.from('The request is too large.\n')],
}

/** An answer that caches may keep, with what they need for it; 304 where the client has it (RFC 5019 6.2, 6.3). */
export function cacheableAnswer(
  request: PublicationRequest,
  answer: SignedAnswer,
  { nowMs, maxAgeSeconds }: { readonly nowMs: number; readonly maxAgeSeconds: number },
): PublicationAnswer {
  const { body, tag, thisUpdateMs, nextUpdateMs } = answer
  // Nobody keeps the answer to a POST.
  if (request.method === 'POST') return { status: 200, headers: [], contentType, body }
  const restSeconds = Math.max(0, Math.floor((nextUpdateMs - nowMs) / 1_000))
  const maxAge = Math.min(maxAgeSeconds, restSeconds)
  const etag = `"${tag}"`
  const headers = [
    ['cache-control', `max-age=${maxAge}, public, no-transform, must-revalidate`],
    ['etag', etag],
    ['expires', new Date(nextUpdateMs).toUTCString()],
    ['last-modified', new Date(thisUpdateMs).toUTCString()],
  ] as const
  // Not by If-Modified-Since: what was revoked in the second in which it was still good has the same date.
  if (hasAlready(request, { etag })) return { status: 304, headers, contentType, body: [] }
  return { status: 200, headers, contentType, body }
}

function decodePath(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw noBase64()
  }
}

function noBase64(): GatewayError {
  return new GatewayError('ocsp_request_malformed', 'Cannot read the OCSP request: its path is no base64')
}

function tooLarge(bytesMax: number): GatewayError {
  return new GatewayError('body_too_large', `Cannot take an OCSP request over ${bytesMax} bytes`)
}
