import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { CounterAnswer } from './counter-call.ts'
import { counterStyle } from './counter-style.ts'

/** Cookie of the language an operator has chosen. */
export const languageCookie = 'sekisho_counter_lang'

const cookieSeconds = 31_536_000
const styleHash = createHash('sha256').update(counterStyle).digest('base64')

/**
 * The pages run no scripts and load nothing; their style stands in them. The referrer policy is not `no-referrer`, because under that
 * browsers send `Origin: null` with the forms of these very pages (Fetch 3.1), and they would be refused.
 */
const pageFields = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex, nofollow',
}

/** Sends a page whole; `end` comes after it. */
export function sendPage(response: ServerResponse, page: CounterAnswer, requestId: string): void {
  const { status, chosenLanguage, location } = page
  const body = Buffer.from(page.body)
  response.writeHead(status, {
    ...pageFields,
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': body.length,
    'Sekisho-Request-Id': requestId,
    ...(location === undefined ? {} : { Location: location }),
    ...(chosenLanguage === undefined ? {} : { 'Set-Cookie': languageField(chosenLanguage) }),
  })
  response.write(body)
}

function languageField(language: string): string {
  return `${languageCookie}=${language}; Path=/counter/; Max-Age=${cookieSeconds}; Secure; HttpOnly; SameSite=Strict`
}
