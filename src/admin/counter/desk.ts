import { Html, type HtmlValue, html } from '../../portal/html.ts'
import { createDayFormat } from '../../portal/page-day.ts'
import type { Language } from '../../portal/portal-texts.ts'
import { fillAll } from '../../portal/portal-words.ts'
import { mayAct } from '../require-role.ts'
import type { CounterAnswer, CounterCall, CounterServices } from './counter-call.ts'
import { counterStyle } from './counter-style.ts'
import { counterWords } from './counter-words.ts'
import { languageCookie } from './send-page.ts'

/** What every counter page is made with: who asks, in which language, and how dates are written. */
export type Desk = {
  readonly call: CounterCall
  readonly services: CounterServices
  readonly language: Language
  readonly words: (typeof counterWords)['ja']
  /** What `{name}` and `{self}` stand for. */
  readonly names: { readonly name: string; readonly self: string }
  /** Whether the operator may change anything; who may not sees no forms, and is refused when sending one. */
  readonly mayAct: boolean
  /** A moment as a day of the institution's time zone. */
  day(timeMs: number): string
  /** A moment as day and time of the institution's time zone. */
  moment(timeMs: number): string
}

/** One page, without what stands around each. */
export type CounterPage = {
  readonly title: string
  readonly body: HtmlValue
  /** Default 200. */
  readonly status?: number
  /** What stands in the search field. Default: nothing. */
  readonly search?: string
  /** Where the other language is. Default: at the address of the call itself; after a POST it must be given. */
  readonly place?: string
}

/** Japanese, unless the operator chose otherwise by the address or, before, by the cookie. */
export function openDesk(call: CounterCall, services: CounterServices): Desk {
  const language = chosenLanguage(call) ?? cookieLanguage(call) ?? 'ja'
  const institution = services.institution()
  const names = { name: institution.name[language], self: institution.selfReference[language] }
  const timeZone = services.timeZone()
  const formatDay = createDayFormat(timeZone)
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const day = (timeMs: number) => formatDay(timeMs, language)
  return {
    call,
    services,
    language,
    names,
    words: fillAll(counterWords[language], names),
    mayAct: mayAct(call.operator),
    day,
    moment: (timeMs) => (day(timeMs) === '' ? '' : `${day(timeMs)} ${time.format(timeMs)}`),
  }
}

/** A whole page. */
export function counterPage(desk: Desk, page: CounterPage): CounterAnswer {
  const { title, body, status = 200, search = '' } = page
  const { words, language, names, call } = desk
  const chosen = chosenLanguage(call)
  const text = html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8">
<title>${title} | ${words.counter} | ${names.name}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex,nofollow">
<meta name="color-scheme" content="light"><meta name="format-detection" content="telephone=no">
<style>${new Html(counterStyle)}</style></head><body class="counter">
<a class="skip" href="#content">${words.skip}</a>
<header><div><p class="name">${names.name}<span class="service">${words.counter}</span></p>${operatorLine(desk)}${toggle(desk, page)}</div></header>
${call.operator !== undefined && searchBar(desk, { search, focused: call.path === '/counter/' && search === '' })}
<main id="content">${body}</main>
</body></html>
`
  return { status, body: text.text, ...(chosen === undefined ? {} : { chosenLanguage: chosen }) }
}

/** Leads to another counter page. */
export function seeOther(location: string): CounterAnswer {
  return { status: 303, location, body: '' }
}

/** Address of a page about somebody or something. */
export function placeOf(page: 'contract' | 'user' | 'request', id: string): string {
  return `/counter/${page}?${new URLSearchParams({ id }).toString()}`
}

function operatorLine({ call, words, mayAct }: Desk): Html | undefined {
  const { operator } = call
  if (operator === undefined) return undefined
  const roles = operator.roles.map((role) => words.roles[role]).join(words.roleJoin)
  return html`<p class="operator">${words.operator} <strong><bdi>${operator.name}</bdi></strong>${roles !== '' && html` (${roles})`}${!mayAct && html`<br>${words.readsOnly}`}</p>`
}

/** The other language, at the same place. */
function toggle({ call, language }: Desk, page: CounterPage): Html {
  const other = language === 'ja' ? 'en' : 'ja'
  const [path = '', search] = (page.place ?? `${call.path}?${call.query.toString()}`).split('?')
  const query = new URLSearchParams(search)
  query.set('lang', other)
  return html`<a class="language" href="${path}?${query.toString()}" lang="${other}" hreflang="${other}">${counterWords[other].thisLanguage}</a>`
}

function searchBar({ words }: Desk, { search, focused }: { search: string; focused: boolean }): Html {
  return html`<div class="desk"><div><form method="get" action="/counter/" role="search"><label for="q">${words.searchShort}</label>
<input id="q" name="q" type="search" value="${search}" maxlength="200" autocomplete="off" spellcheck="false" placeholder="${words.searchHint}"${focused && html` autofocus`}>
<button class="button" type="submit">${words.search}</button></form></div></div>`
}

function chosenLanguage({ query }: CounterCall): Language | undefined {
  return languageNamed(query.get('lang'))
}

function cookieLanguage({ request }: CounterCall): Language | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = pair.split('=')
    if (name?.trim() === languageCookie) return languageNamed(value?.trim())
  }
  return undefined
}

function languageNamed(text: string | null | undefined): Language | undefined {
  return text === 'ja' || text === 'en' ? text : undefined
}
