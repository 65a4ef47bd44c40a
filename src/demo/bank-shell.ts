import type { GatewayConfig } from '../config/gateway-config.ts'
import { bankStyle } from './bank-style.ts'
import { bankTexts } from './bank-texts.ts'
import type { BankTexts } from './bank-texts-ja.ts'
import type { BankLanguage } from './bank-visit.ts'

/** What every page of the sample bank needs to know. */
export type BankPlace = {
  readonly institution: GatewayConfig['institution']
  /** Where the certificate door is, for example `https://localhost:8443`. */
  readonly certificateUrl: string
  /** Where certificates are obtained online; undefined while there is no such page. */
  readonly enrolmentUrl: string | undefined
  readonly timeZone: string
}

/** HTML that is safe to put into a page. */
export type Html = { readonly html: string }

/** Text, HTML and lists of them, put into a template. Text is escaped. */
type Part = string | number | undefined | Html | readonly Part[]

/** Builds HTML; everything put in is escaped unless it is HTML built here. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? ''
  parts.forEach((part, index) => {
    text += write(part) + strings[index + 1]
  })
  return { html: text }
}

function write(part: Part): string {
  if (part === undefined) return ''
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part))
  if ('html' in part) return part.html
  return part.map(write).join('')
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? '')
}

/** A text with its `{word}`s filled in. */
export function fill(text: string, words: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, word: string) => String(words[word] ?? whole))
}

/** A moment as day, or day and time, in the bank's time zone; empty for no moment. */
export function formatTime(
  timeMs: number,
  { language, timeZone, withTime }: { language: BankLanguage; timeZone: string; withTime: boolean },
): string {
  if (Number.isNaN(timeMs)) return ''
  const locale = language === 'ja' ? 'ja-JP' : 'en-GB'
  const day = new Intl.DateTimeFormat(locale, { timeZone, dateStyle: 'long' }).format(timeMs)
  if (!withTime) return day
  return `${day} ${new Intl.DateTimeFormat(locale, { timeZone, timeStyle: 'short' }).format(timeMs)}`
}

// A gate with a bar across, in one colour: no letters, so that it fits both languages.
const emblemPath = 'M5 12h22v3.5H5zM8 17h3v10H8zM21 17h3v10h-3zM11 20h10v2.5H11z'
const icon = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%2314477a'/%3E%3Cpath fill='%23fff' d='${emblemPath}'/%3E%3C/svg%3E`

/** The page around a body: head, bank name, language and logout, title band, footer. */
export function renderBankPage(
  place: BankPlace,
  page: {
    readonly language: BankLanguage
    readonly title: string
    readonly lead?: string
    readonly body: Html
    readonly loggedIn?: boolean
    readonly path?: string
  },
): string {
  const texts = bankTexts[page.language]
  const name = place.institution.name[page.language]
  const lead = page.lead === undefined ? undefined : html`<p>${page.lead}</p>`
  const document = html`<!doctype html>
<html lang="${page.language}"><head><meta charset="utf-8"><title>${page.title} | ${name}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light">
<meta name="robots" content="noindex,nofollow"><link rel="icon" href="${icon}"><style>${{ html: bankStyle }}</style></head><body>
<header><div class="wide">
<svg class="emblem" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#14477a"/><path fill="#fff" d="${emblemPath}"/></svg>
<p class="brand"><a href="/">${name}<small>${texts.service}</small></a></p>
<div class="tools"><a class="pill" lang="${texts.otherLanguageCode}" href="${page.path ?? '/'}?lang=${texts.otherLanguageCode}">${texts.otherLanguage}</a>
${page.loggedIn ? logoutForm(texts) : undefined}</div></div></header>
<div class="band"><div class="wide"><h1>${page.title}</h1>${lead}</div></div>
<main class="wide">${page.body}</main>
<footer><div class="wide"><p>${texts.sample}</p></div></footer>
</body></html>
`
  return document.html
}

function logoutForm(texts: BankTexts): Html {
  return html`<form method="post" action="/logout"><button class="pill">${texts.logout}</button></form>`
}
