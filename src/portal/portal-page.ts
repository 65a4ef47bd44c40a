import { createHash } from 'node:crypto'
import { Html, type HtmlValue, html } from './html.ts'
import { createDayFormat } from './page-day.ts'
import { portalAssets } from './portal-assets.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import type { PortalServices } from './portal-services.ts'
import { portalStyle } from './portal-style.ts'
import type { Language } from './portal-texts.ts'
import { type Bilingual, fillAll } from './portal-words.ts'
import { languageCookie } from './read-call.ts'
import { shellWords } from './shell-words.ts'

/** One page, without what stands around each. */
export type PortalPage = {
  readonly title: string
  readonly body: HtmlValue
  /** Default 200. */
  readonly status?: number
  /** Wider than text is read well, for tables. Default false. */
  readonly wide?: boolean
  /** Modules of `browser/` that it runs. */
  readonly scripts?: readonly string[]
  readonly headers?: PortalAnswer['headers']
  /** Where the other language is, with its query. Default: at the address of the call itself. */
  readonly place?: string
  /**
   * Nothing can be fetched afterwards, because the connection ends: the style stands in the page, and nothing leads to the door.
   * Default false.
   */
  readonly last?: boolean
  readonly afterwards?: PortalAnswer['afterwards']
}

const languageCookieSeconds = 31_536_000
const inlineStyle = `'sha256-${createHash('sha256').update(portalStyle).digest('base64')}'`

/** Tables with names put in, so that a list of a hundred users does not fill in a hundred. */
const filled = new WeakMap<object, Map<string, unknown>>()
const filledMax = 8

/** A table of words in the language of the call, with what the institution calls itself put in. */
export function wordsOf<T>(call: PortalCall | undefined, services: PortalServices, words: Bilingual<T>): T {
  const language = languageOf(call)
  const names = institutionNames(services, language)
  const key = JSON.stringify([language, names])
  const known = filled.get(words) ?? new Map<string, unknown>()
  if (!known.has(key)) {
    // Names change with a reload only; whatever was there before goes.
    if (known.size >= filledMax) known.clear()
    filled.set(words, known.set(key, fillAll(words[language], names)))
  }
  return known.get(key) as T
}

/** What `{name}`, `{self}` and `{service}` stand for. */
export function institutionNames(services: PortalServices, language: Language) {
  const { institution, lifecycle } = services
  const name = institution.name[language]
  return {
    name,
    self: institution.selfReference[language],
    service: lifecycle.portal()?.serviceName?.[language] ?? name,
  }
}

/** Japanese where nobody could say. */
export function languageOf(call: PortalCall | undefined): Language {
  return call?.language ?? 'ja'
}

/** A moment as a day of the institution's time zone. */
export function dayOf(services: PortalServices, call: PortalCall, timeMs: number): string {
  return createDayFormat(services.timeZone)(timeMs, call.language)
}

/** A whole page with the headers that each has. `call`: undefined when the request could not be read. */
export function portalPage(call: PortalCall | undefined, services: PortalServices, page: PortalPage): PortalAnswer {
  const { title, body, status = 200, wide = false, scripts = [], last = false } = page
  const words = wordsOf(call, services, shellWords)
  const language = languageOf(call)
  const style = last
    ? html`<style>${new Html(portalStyle)}</style>`
    : html`<link rel="stylesheet" href="${portalAssets().url('portal.css')}">`
  const modules = scripts.map((name) => html`<script type="module" src="${portalAssets().url(name)}"></script>`)
  const text = html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8">
<title>${title} | ${services.institution.name[language]}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex,nofollow">
<meta name="color-scheme" content="light"><meta name="format-detection" content="telephone=no">
${style}${modules}</head><body${wide && html` class="wide"`}>
<a class="skip" href="#content">${words.skip}</a>
${header(call, services, page)}${!last && tabs(call, words)}
<main id="content">${body}${contact(call, services)}</main>
</body></html>
`
  return {
    status,
    contentType: 'text/html; charset=utf-8',
    headers: [...pageFields(last), ...languageField(call), ...(page.headers ?? [])],
    body: text.text,
    ...(page.afterwards === undefined ? {} : { afterwards: page.afterwards }),
  }
}

function header(call: PortalCall | undefined, services: PortalServices, { place, last }: PortalPage): Html {
  const language = languageOf(call)
  const { name, service } = institutionNames(services, language)
  return html`<header><div><p class="name">${name}${
    service !== name && html`<span class="service">${service}</span>`
  }</p>${last !== true && call !== undefined && toggle(call, place)}</div></header>`
}

/** The other language, at the same place. */
function toggle(call: PortalCall, place = `${call.path}?${call.query.toString()}`): Html {
  const other = call.language === 'ja' ? 'en' : 'ja'
  const [path = '', search] = place.split('?')
  const query = new URLSearchParams(search)
  query.set('lang', other)
  const href = `${path}?${query.toString()}`
  return html`<a class="language" href="${href}" lang="${other}" hreflang="${other}">${shellWords[other].thisLanguage}</a>`
}

function tabs(call: PortalCall | undefined, words: (typeof shellWords)['ja']): Html | undefined {
  if (call?.visitor === undefined) return undefined
  const entries = [
    ['/.sekisho/certificate', words.certificate],
    ['/.sekisho/renew', words.renew],
    ...(call.visitor.role === 'master' ? [['/.sekisho/users', words.users] as const] : []),
    ['/.sekisho/help', words.help],
  ] as const
  return html`<nav class="tabs" aria-label="${words.menu}"><ul>${entries.map(
    ([path, label]) =>
      html`<li><a href="${path}"${isBelow(call.path, path) && html` aria-current="page"`}>${label}</a></li>`,
  )}</ul></nav>`
}

function isBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}/`)
}

function contact(call: PortalCall | undefined, services: PortalServices): Html {
  const words = wordsOf(call, services, shellWords)
  const language = languageOf(call)
  const { institution } = services
  return html`<section class="card" aria-labelledby="contact"><h2 id="contact">${words.contact}</h2><dl>
<dt>${words.contactPoint}</dt><dd>${institution.contact[language]}</dd>
<dt>${words.hours}</dt><dd>${institution.hours[language]}</dd>
${
  call !== undefined &&
  call.requestId !== '' &&
  html`<dt>${words.requestId}</dt><dd><span class="code">${call.requestId}</span><span class="note">${words.requestIdNote}</span></dd>`
}</dl></section>`
}

/**
 * The referrer policy is not `no-referrer`, because under that browsers send `Origin: null` with the forms of these very pages (Fetch
 * 3.1), and `portal-origin.ts` would refuse them.
 */
function pageFields(last: boolean): [string, string][] {
  const style = last ? inlineStyle : "'self'"
  const scripts = last ? '' : "; script-src 'self'; connect-src 'self'"
  return [
    ['Cache-Control', 'no-store'],
    [
      'Content-Security-Policy',
      `default-src 'none'; style-src ${style}${scripts}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    ],
    ['Cross-Origin-Opener-Policy', 'same-origin'],
    ['Cross-Origin-Resource-Policy', 'same-origin'],
    ['Referrer-Policy', 'same-origin'],
    ['Vary', 'Accept, Accept-Language, Cookie'],
    ['X-Content-Type-Options', 'nosniff'],
    ['X-Frame-Options', 'DENY'],
    ['X-Robots-Tag', 'noindex, nofollow'],
  ]
}

/** Whoever has chosen a language keeps it. */
function languageField(call: PortalCall | undefined): [string, string][] {
  const chosen = call?.query.get('lang')
  if (chosen !== 'ja' && chosen !== 'en') return []
  return [
    [
      'Set-Cookie',
      `${languageCookie}=${chosen}; Path=/; Max-Age=${languageCookieSeconds}; Secure; HttpOnly; SameSite=Lax`,
    ],
  ]
}

/** Leads to another page of this origin; after a POST it is fetched by GET (RFC 9110 15.4.4). */
export function seeOther(path: string, headers: readonly (readonly [string, string])[] = []): PortalAnswer {
  return {
    status: 303,
    contentType: 'text/plain; charset=utf-8',
    headers: [['Location', path], ['Cache-Control', 'no-store'], ['Referrer-Policy', 'same-origin'], ...headers],
    body: '',
  }
}

/** JSON for programs and scripts. */
export function jsonAnswer(status: number, value: unknown): PortalAnswer {
  return {
    status,
    contentType: status < 400 ? 'application/json' : 'application/problem+json',
    headers: [
      ['Cache-Control', 'no-store'],
      ['Cross-Origin-Resource-Policy', 'same-origin'],
      ['Vary', 'Accept, Accept-Language, Cookie'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    body: `${JSON.stringify(value)}\n`,
  }
}
