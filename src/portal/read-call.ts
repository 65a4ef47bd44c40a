import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import { certificateKey, issuerIdOf } from '../x509/certificate-key.ts'
import type { ClientCertificate } from '../x509/client-certificate.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { choosePageLanguage } from './accept.ts'
import type { CertificateVisitor, PortalCall } from './portal-call.ts'
import type { Language } from './portal-texts.ts'

/** Cookie of the language somebody has chosen. */
export const languageCookie = 'sekisho_lang'

/**
 * A request as a worker forwards it: identity fields (`data-path/identity-fields.ts`) and the client's address stand as the gateway
 * wrote them, because every copy of a client's own was taken away. Throws GatewayError `internal` for what no worker sends.
 */
export function readCall(request: IncomingMessage, { bodyBytesMax }: { bodyBytesMax: number }): PortalCall {
  const header = (name: string): string | undefined => {
    const value = request.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  const url = URL.parse(request.url ?? '', 'https://portal.invalid')
  if (url === null) throw new GatewayError('head_malformed', 'Cannot read the target of the request')
  const target = request.url ?? ''
  const end = target.indexOf('?')
  const cookies = readCookies(header('cookie'))
  return {
    method: request.method === 'POST' ? 'POST' : 'GET',
    path: end < 0 ? target : target.slice(0, end),
    query: url.searchParams,
    header,
    visitor: readVisitor(header),
    authority: (header('host') ?? '').toLowerCase(),
    clientAddress: lastAddress(header('x-forwarded-for')),
    requestId: header('sekisho-request-id') ?? '',
    language: readLanguage(url.searchParams.get('lang') ?? cookies.get(languageCookie), header('accept-language')),
    cookie: (name) => cookies.get(name),
    body: () => readBody(request, bodyBytesMax),
  }
}

function readVisitor(header: (name: string) => string | undefined): CertificateVisitor | undefined {
  const method = header('sekisho-login-method')
  if (method === 'password') return undefined
  const loginId = header('sekisho-login-id')
  const contractId = header('sekisho-contract-id')
  const role = header('sekisho-user-role')
  if (method !== 'certificate' || loginId === undefined || contractId === undefined || role === undefined) {
    throw new GatewayError('internal', `Cannot tell who is there: the login method is ${method ?? 'missing'}`)
  }
  const certificate = readClientCert(header('client-cert'))
  const [issuer] = (header('client-cert-chain') ?? '').split(',')
  const issuerId = issuerIdOf(readClientCert(issuer).publicKeyDer)
  return {
    loginId,
    contractId: decodeURIComponent(contractId),
    role: role === 'master' ? 'master' : 'general',
    certificateKey: certificateKey(issuerId, certificate.serial),
    certificate,
  }
}

/** A byte sequence of RFC 8941, as RFC 9440 has it. */
function readClientCert(field: string | undefined): ClientCertificate {
  const base64 = /^\s*:([A-Za-z0-9+/=]+):\s*$/.exec(field ?? '')?.[1]
  if (base64 === undefined) throw new GatewayError('internal', 'Cannot read the client certificate of the worker')
  return readCertificate(Buffer.from(base64, 'base64'))
}

/** The last address is the one that the gateway added itself. */
function lastAddress(field: string | undefined): string {
  return (field ?? '').split(',').at(-1)?.trim() ?? ''
}

function readLanguage(chosen: string | undefined | null, acceptLanguage: string | undefined): Language {
  return chosen === 'ja' || chosen === 'en' ? chosen : choosePageLanguage(acceptLanguage)
}

function readCookies(field: string | undefined): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>()
  for (const pair of (field ?? '').split(';')) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    // Of two with one name the first is the more specific one (RFC 6265 5.4).
    if (at > 0 && !cookies.has(name)) cookies.set(name, pair.slice(at + 1).trim())
  }
  return cookies
}

/** What comes beyond the bound is read away for so long, so that the refusal is heard. Unit: bytes. */
const surplusBytesMax = 1_048_576

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    // Leaving the loop must not destroy the request: its connection carries the answer.
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      bytes += (part as Buffer).length
      if (bytes <= bytesMax) parts.push(part as Buffer)
      if (bytes > bytesMax + surplusBytesMax) break
    }
  } catch (cause) {
    throw new GatewayError('body_malformed', 'Cannot read the body as the client has gone away', { cause })
  }
  if (bytes > bytesMax) throw new GatewayError('body_too_large', `Cannot take a body of more than ${bytesMax} bytes`)
  return Buffer.concat(parts)
}
