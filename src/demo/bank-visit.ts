import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AssertionClaims } from './bank-assertion.ts'
import type { BankSession } from './bank-sessions.ts'

export type BankLanguage = 'ja' | 'en'

/** Who the gateway says is there. */
export type BankCaller =
  | { readonly loginMethod: 'password' }
  | {
      readonly loginMethod: 'certificate'
      readonly loginId: string
      readonly contractId: string | undefined
      readonly role: string | undefined
      readonly serial: string
      /** End of the validity period. Unit: milliseconds since the epoch; NaN when unknown. */
      readonly notAfterMs: number
      readonly daysLeft: number
      readonly renewalDue: boolean
    }

/** One request to the sample bank, as its pages see it. */
export type BankVisit = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly caller: BankCaller
  readonly language: BankLanguage
  /** The caller's own session. */
  readonly session: BankSession | undefined
  readonly sessionToken: string | undefined
  /** A session cookie was shown that belongs to somebody else; it counts as none. */
  readonly foreignSession: boolean
}

const formBytesMax = 8_192

/**
 * Who is there, from the assertion; the plain fields add what it does not hold. Undefined when field and assertion
 * contradict each other: then somebody else than the gateway has written one of them.
 */
export function readCaller(request: IncomingMessage, claims: AssertionClaims): BankCaller | undefined {
  const field = (name: string) => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : undefined
  }
  if (field('sekisho-login-method') !== claims.loginMethod) return undefined
  if (field('sekisho-login-id') !== claims.loginId) return undefined
  if (claims.loginMethod === 'password') return { loginMethod: 'password' }
  return {
    loginMethod: 'certificate',
    loginId: claims.loginId,
    contractId: field('sekisho-contract-id'),
    role: field('sekisho-user-role'),
    serial: field('sekisho-certificate-serial') ?? '',
    notAfterMs: Date.parse(field('sekisho-certificate-not-after') ?? ''),
    daysLeft: Number(field('sekisho-certificate-days-left') ?? Number.NaN),
    renewalDue: field('sekisho-renewal-due') === '1',
  }
}

/**
 * Whether a request that changes something was sent by our own page. A client certificate is sent along with every
 * request, also one that another site starts. Clients that are no browsers send neither field.
 */
export function isOwnOrigin(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  const { origin, host } = request.headers
  return origin === undefined || origin.toLowerCase() === `https://${host ?? ''}`.toLowerCase()
}

/** Reads a posted form. Undefined when it is no form or larger than 8 KB. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    // Read to the end all the same: leaving the loop would destroy the connection before the answer.
    bytes += chunk.length
    if (bytes <= formBytesMax) chunks.push(chunk)
  }
  if (bytes > formBytesMax) return undefined
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

/** The first value of a cookie. */
export function readCookie(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}

/** The language asked for by `?lang=`, else the one chosen before, else the first of Accept-Language that we speak. */
export function chooseLanguage(
  request: IncomingMessage,
  { asked, cookieName }: { asked: string | null; cookieName: string },
): BankLanguage {
  for (const choice of [asked, readCookie(request, cookieName)]) {
    if (choice === 'ja' || choice === 'en') return choice
  }
  const ranges = (request.headers['accept-language'] ?? '').slice(0, 1_000).toLowerCase().split(',')
  const weighed = ranges.map((range) => {
    const [tag = '', quality = 'q=1'] = range.trim().split(/\s*;\s*/)
    return { language: tag.split('-', 1)[0], quality: Number(quality.replace(/^q\s*=\s*/, '')) || 0 }
  })
  const spoken = weighed.filter(({ language, quality }) => quality > 0 && (language === 'ja' || language === 'en'))
  spoken.sort((a, b) => b.quality - a.quality)
  return spoken[0]?.language === 'en' ? 'en' : 'ja'
}
