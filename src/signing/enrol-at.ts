import { request as httpsRequest, type RequestOptions } from 'node:https'
import { GatewayError } from '../base/errors.ts'
import { certsOnlyBytesMax, decodeEstBody, encodeEstBody, readCertsOnly } from '../x509/certs-only.ts'
import { issuerFault } from '../x509/check-issuer.ts'
import type { ClientCertificate } from '../x509/client-certificate.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { pemBlocks } from '../x509/pem.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { readSigningRequest } from '../x509/signing-request.ts'

export type EstClientOptions = {
  /** The CA's EST service up to `/.well-known/est`, or a label below it; https only. */
  readonly url: string
  /** PEM of the only CAs that are trusted for the service's server certificate. */
  readonly caPem: string
  /** For HTTP Basic; both or none. */
  readonly username: string | undefined
  readonly password: string | undefined
  /** The gateway's own client certificate with its intermediates, and its key; both or none. */
  readonly certificatePem: string | undefined
  readonly keyPem: string | undefined
  /** Longest time from the first byte sent to the last received. Unit: milliseconds. */
  readonly timeoutMs: number
  /** The CA that must have issued the answer: the configured issuer. */
  readonly issuer: IssuingCa
}

/** Most that is read of an answer: base64 of the largest message. Unit: bytes. */
const answerBytesMax = certsOnlyBytesMax * 1.5

/**
 * Has another CA issue a certificate, over EST (RFC 7030 4.2.1, simpleenroll), and gives its DER. It bears the key of the
 * request and was issued, by name and signature, by the configured issuer: everything else about it (login ID,
 * validity, purposes) is for the caller to look at.
 *
 * Throws GatewayError `signing_request_invalid` for a request that is none; `signing_request_refused` when the CA
 * answers 400; `signer_unavailable` when it cannot be reached, refuses the gateway, answers later (202: the same request
 * may be sent again after the seconds in the message), or gives something else than it was asked for; `config_invalid`
 * without a CA to trust.
 */
export async function enrolAt(options: EstClientOptions, csrDer: Uint8Array): Promise<Uint8Array> {
  const { publicKeyDer } = readSigningRequest(csrDer)
  // Without a CA Node would trust everybody the system trusts (the class of CVE-2026-27586).
  if (pemBlocks(options.caPem, 'CERTIFICATE').length === 0) {
    throw new GatewayError('config_invalid', 'Cannot trust the EST service as no CA is configured for it')
  }
  const answer = await post(options, encodeEstBody(csrDer))
  refuseStatus(answer)
  const der = certificateIn(answer, publicKeyDer)
  const fault = issuerFault(der.bytes, der.certificate, options.issuer)
  if (fault !== undefined) {
    throw unavailable(`its certificate was not issued by ${options.issuer.name}: ${fault.replace('_', ' ')}`)
  }
  return der.bytes
}

type Answer = {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | undefined
  readonly body: string
}

function post(options: EstClientOptions, body: string): Promise<Answer> {
  const { url, caPem, certificatePem, keyPem, username, password, timeoutMs } = options
  const target = new URL(`${url.replace(/\/+$/, '')}/simpleenroll`)
  const signal = AbortSignal.timeout(timeoutMs)
  const settings: RequestOptions = {
    method: 'POST',
    ca: caPem,
    // One call in a while: a connection kept open would only be found dead.
    agent: false,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(certificatePem === undefined ? {} : { cert: certificatePem, key: keyPem }),
    ...(username === undefined ? {} : { auth: `${username}:${password ?? ''}` }),
    signal,
    headers: {
      'content-type': 'application/pkcs10',
      'content-transfer-encoding': 'base64',
      'content-length': Buffer.byteLength(body),
      accept: 'application/pkcs7-mime',
    },
  }
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(unavailable(signal.aborted ? `it has not answered within ${timeoutMs} ms` : reasonOf(cause), cause))
    const call = httpsRequest(target, settings, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > answerBytesMax) response.destroy(new Error('the answer is too large'))
        else chunks.push(chunk)
      })
      response.on('error', fail)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? '',
          retryAfter: response.headers['retry-after'],
          body: Buffer.concat(chunks).toString('latin1'),
        }),
      )
    })
    call.on('error', fail)
    call.end(body)
  })
}

function refuseStatus({ status, retryAfter, contentType, body }: Answer): void {
  switch (status) {
    case 200:
      return
    case 202: {
      // Seconds or a date (RFC 9110 10.2.3); what it is only matters to who reads the message.
      const when = /^[\w ,:+-]{1,40}$/.test(retryAfter ?? '') ? retryAfter : 'unknown'
      throw unavailable(`it has accepted the request and answers later; Retry-After: ${when}`)
    }
    case 400: {
      const said = contentType.startsWith('text/plain') ? body.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 200) : ''
      throw new GatewayError(
        'signing_request_refused',
        `Cannot issue a certificate as the external CA refuses the request${said === '' ? '' : `: ${said}`}`,
      )
    }
    case 401:
    case 403:
      throw unavailable(`it refuses this gateway: check its certificate, username and password (status ${status})`)
    default:
      throw unavailable(`it answers with status ${status}`)
  }
}

function certificateIn(
  { contentType, body }: Answer,
  publicKeyDer: Uint8Array,
): { readonly bytes: Uint8Array; readonly certificate: ClientCertificate } {
  if (!/^application\/pkcs7-mime\b/i.test(contentType)) throw unavailable('its answer is no certs-only message')
  try {
    // The issuer's certificates may come with it (RFC 7030 4.2.3 says they should not).
    const found = readCertsOnly(decodeEstBody(body))
      .map((bytes) => ({ bytes, certificate: readCertificate(bytes) }))
      .find(({ certificate }) => Buffer.compare(certificate.publicKeyDer, publicKeyDer) === 0)
    if (found !== undefined) return found
  } catch (cause) {
    throw unavailable('its answer cannot be read', cause)
  }
  throw unavailable('no certificate in its answer bears the requested key')
}

function reasonOf(cause: Error): string {
  const { code } = cause as NodeJS.ErrnoException
  return `it cannot be reached or is not trusted (${code ?? cause.message})`
}

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('signer_unavailable', `Cannot have the external CA sign as ${reason}`, { cause })
}
