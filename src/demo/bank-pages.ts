import { ratesAt } from './bank-rates.ts'
import { digestOf, feedScript, tickerScript } from './bank-scripts.ts'
import { type BankPlace, fill, formatTime, type Html, html, renderBankPage } from './bank-shell.ts'
import { bankTexts } from './bank-texts.ts'
import type { BankTexts } from './bank-texts-ja.ts'
import type { BankCaller, BankLanguage } from './bank-visit.ts'

type Spoken = { readonly language: BankLanguage }

/** Days before expiry from which the top page reminds the user (R10). */
const noticeDays = 40

/** The login top page of the public door with its three ways in (R27). */
export function waysPage(place: BankPlace, { language }: Spoken): string {
  const texts = bankTexts[language]
  const body = html`<div class="cards">
<section class="card main"><h2>${texts.certificateWay}</h2><p>${texts.certificateWayText}</p>
<a class="button" href="${place.certificateUrl}/">${texts.login}</a></section>
<section class="card main"><h2>${texts.passwordWay}</h2><p>${texts.passwordWayText}</p>
<a class="button" href="/login">${texts.login}</a></section>
<section class="card main"><h2>${texts.issueWay}</h2><p>${texts.issueWayText}</p>
<a class="button plain" href="${place.enrolmentUrl ?? '/issue'}">${texts.issueWayButton}</a></section></div>
<p class="between">${texts.onlyOne}</p>
<div class="cards">
<section class="card"><h2>${texts.environments}</h2>${bullets(texts.environmentsText)}</section>
<section class="card"><h2>${texts.fee}</h2><p>${texts.feeText}</p><p><a href="/help">${texts.helpLink}</a></p></section>
${contact(place, language)}</div>`
  return renderBankPage(place, { language, title: texts.waysTitle, lead: texts.waysLead, body })
}

/** The login form: with a certificate its login ID stands there and only the password is asked (R24). */
export function loginPage(
  place: BankPlace,
  options: Spoken & { readonly caller: BankCaller; readonly notice?: string; readonly wrong?: string },
): string {
  const { language, caller } = options
  const texts = bankTexts[language]
  const withCertificate = caller.loginMethod === 'certificate'
  const loginId = withCertificate
    ? html`<input id="loginId" name="loginId" value="${caller.loginId}" readonly autocomplete="username" aria-describedby="fromCertificate">
<p class="hint" id="fromCertificate">${texts.loginIdFromCertificate}</p>`
    : html`<input id="loginId" name="loginId" required autofocus autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64">`
  const focus = withCertificate ? { html: ' autofocus' } : undefined
  const body = html`<section class="card main narrow">${notice(options.notice)}${notice(options.wrong, 'wrong')}
<form method="post" action="/login"><label for="loginId">${texts.loginId}</label>${loginId}
<label for="password">${texts.loginPassword}</label>
<input id="password" name="password" type="password" required${focus} autocomplete="current-password" maxlength="256">
<button class="button">${texts.login}</button></form>
${withCertificate ? html`<p class="hint spaced">${texts.notYou}</p>` : html`<p class="hint spaced"><a href="/">${texts.home}</a></p>`}</section>`
  const title = withCertificate ? texts.certificateLoginTitle : texts.passwordLoginTitle
  const lead = withCertificate ? texts.certificateLoginLead : texts.passwordLoginLead
  const path = withCertificate ? '/' : '/login'
  return renderBankPage(place, { language, title, lead, body, path })
}

/** The top page after login: who is there, with which certificate, accounts, the events feed and the exchange rates. */
export function topPage(
  place: BankPlace,
  options: Spoken & {
    readonly caller: BankCaller
    readonly user: { readonly loginId: string; readonly displayName: string; readonly contractId: string }
    readonly loginAtMs: number
    readonly nowMs: number
  },
): string {
  const { language, caller, user } = options
  const texts = bankTexts[language]
  const body = html`${expiryNotice(caller, texts)}<div class="cards">
<section class="card main"><h2>${texts.loggedInAs}</h2><dl>
<dt>${texts.loginId}</dt><dd>${user.loginId}</dd>
<dt>${texts.contract}</dt><dd>${caller.loginMethod === 'certificate' ? (caller.contractId ?? user.contractId) : user.contractId}</dd>
${roleRow(caller, texts)}
<dt>${texts.method}</dt><dd>${caller.loginMethod === 'certificate' ? texts.methodCertificate : texts.methodPassword}</dd>
<dt>${texts.loginTime}</dt><dd>${formatTime(options.loginAtMs, { language, timeZone: place.timeZone, withTime: true })}</dd></dl></section>
${certificateCard(place, caller, language)}
<section class="card main"><h2>${texts.feed}</h2>
<p class="live" id="feed-state" role="status" data-live="${texts.feedLive}" data-broken="${texts.feedBroken}" data-ended="${texts.feedEnded}" data-time-zone="${place.timeZone}">${texts.feedWaiting}</p>
<ul class="feed" id="feed"></ul></section></div>
${ratesCard(place, { language, nowMs: options.nowMs })}
<div class="cards">
<section class="card"><h2>${texts.accounts}</h2><table><thead><tr><th>${texts.account}</th><th>${texts.balance}</th></tr></thead>
<tbody>${texts.accountRows.map(([account, balance]) => html`<tr><td>${account}</td><td>${balance}</td></tr>`)}</tbody></table></section>
<section class="card"><h2>${texts.transactions}</h2><table><thead><tr><th>${texts.date}</th><th>${texts.description}</th><th>${texts.amount}</th></tr></thead>
<tbody>${transactions(place, { language, nowMs: options.nowMs })}</tbody></table></section></div>
<script>${{ html: feedScript }}</script><script src="/ticker.js" integrity="${digestOf(tickerScript)}"></script>`
  const title = fill(texts.welcome, { name: user.displayName })
  return renderBankPage(place, { language, title, body, loggedIn: true })
}

/** How a certificate is obtained (R16): online where there is a page for it, else at the counter. */
export function issuePage(place: BankPlace, { language }: Spoken): string {
  const texts = bankTexts[language]
  const online = place.enrolmentUrl
  const body = html`<div class="text">
${online === undefined ? counterCard(texts) : undefined}
<section class="card main"><h2>${texts.issueOnlineTitle}</h2><p>${online === undefined ? texts.issueOnlineNotReady : texts.issueOnlineReady}</p>
${steps(texts.issueOnlineSteps)}${online === undefined ? undefined : html`<a class="button" href="${online}">${texts.issueOnlineButton}</a>`}</section>
${online === undefined ? undefined : counterCard(texts)}
${contact(place, language)}${backLink(texts)}</div>`
  return renderBankPage(place, { language, title: texts.issueTitle, lead: texts.issueLead, body, path: '/issue' })
}

/** How a certificate is renewed (R11). */
export function renewPage(place: BankPlace, { language }: Spoken): string {
  const texts = bankTexts[language]
  const body = html`<div class="text"><section class="card main"><h2>${texts.renewTitle}</h2>
${place.enrolmentUrl === undefined ? html`<p>${texts.renewNotReady}</p>` : undefined}${steps(texts.renewSteps)}
${place.enrolmentUrl === undefined ? undefined : html`<a class="button" href="/.sekisho/renew">${texts.issueOnlineButton}</a>`}</section>
${contact(place, language)}${backLink(texts)}</div>`
  return renderBankPage(place, { language, title: texts.renewTitle, lead: texts.renewLead, body, path: '/renew' })
}

/** Answers to what users ask most about certificates (R13, R17, R4). */
export function helpPage(place: BankPlace, { language }: Spoken): string {
  const texts = bankTexts[language]
  const words = { self: place.institution.selfReference[language], name: place.institution.name[language] }
  const topics = texts.helpTopics.map(
    ([question = '', answer = '']) =>
      html`<section class="card"><h2>${question}</h2><p>${fill(answer, words)}</p></section>`,
  )
  const body = html`<div class="text">${topics}${contact(place, language)}${backLink(texts)}</div>`
  return renderBankPage(place, { language, title: texts.helpTitle, body, path: '/help' })
}

/** A page that says no, and where to go instead. */
export function refusalPage(
  place: BankPlace,
  options: Spoken & {
    readonly title: string
    readonly text: string
    readonly step?: string
    readonly link?: { readonly href: string; readonly label: string }
  },
): string {
  const { language, title, text, step, link } = options
  const body = html`<div class="text"><section class="card main"><p>${text}</p>${step === undefined ? undefined : html`<p>${step}</p>`}
<a class="button" href="${link?.href ?? '/'}">${link?.label ?? bankTexts[language].home}</a></section>${contact(place, language)}</div>`
  return renderBankPage(place, { language, title, body })
}

function certificateCard(place: BankPlace, caller: BankCaller, language: BankLanguage): Html | undefined {
  if (caller.loginMethod !== 'certificate') return undefined
  const texts = bankTexts[language]
  const days = Number.isNaN(caller.daysLeft) ? '' : fill(texts.days, { days: caller.daysLeft })
  return html`<section class="card main"><h2>${texts.certificate}</h2><dl>
<dt>${texts.serial}</dt><dd class="code">${caller.serial.toUpperCase()}</dd>
<dt>${texts.expiry}</dt><dd>${formatTime(caller.notAfterMs, { language, timeZone: place.timeZone, withTime: false })}</dd>
<dt>${texts.daysLeft}</dt><dd>${days}</dd></dl>
${caller.renewalDue ? html`<a class="button plain spaced" href="${place.enrolmentUrl === undefined ? '/renew' : '/.sekisho/renew'}">${texts.renew}</a>` : undefined}
${place.enrolmentUrl === undefined ? undefined : html`<p class="spaced"><a href="/.sekisho/certificate">${texts.ownCertificate}</a></p>`}
${place.enrolmentUrl !== undefined && caller.role === 'master' ? html`<p><a href="/.sekisho/users">${texts.userManagement}</a></p>` : undefined}</section>`
}

function expiryNotice(caller: BankCaller, texts: BankTexts): Html | undefined {
  if (caller.loginMethod !== 'certificate' || !(caller.daysLeft <= noticeDays)) return undefined
  return notice(fill(texts.expirySoon, { days: caller.daysLeft }))
}

function roleRow(caller: BankCaller, texts: BankTexts): Html | undefined {
  if (caller.loginMethod !== 'certificate' || caller.role === undefined) return undefined
  const role = caller.role === 'master' ? texts.master : caller.role === 'general' ? texts.general : caller.role
  return html`<dt>${texts.role}</dt><dd>${role}</dd>`
}

function transactions(place: BankPlace, { language, nowMs }: Spoken & { nowMs: number }): Html[] {
  const day = new Intl.DateTimeFormat(language === 'ja' ? 'ja-JP' : 'en-GB', {
    timeZone: place.timeZone,
    month: 'short',
    day: 'numeric',
  })
  return bankTexts[language].transactionRows.map(
    ([description, amount], index) =>
      html`<tr><td class="day">${day.format(nowMs - (index + 1) * 2 * 86_400_000)}</td><td>${description}</td><td>${amount}</td></tr>`,
  )
}

/** The rates of the moment the page was made; `/ticker.js` keeps them moving. */
function ratesCard(place: BankPlace, { language, nowMs }: Spoken & { nowMs: number }): Html {
  const texts = bankTexts[language]
  const time = new Intl.DateTimeFormat('en-GB', { timeZone: place.timeZone, timeStyle: 'medium' }).format(nowMs)
  const items = ratesAt(nowMs).map(
    ({ currency, yen }) =>
      html`<div><dt>${texts.currencies[currency]}</dt><dd><span id="rate-${currency}">${yen}</span><span class="move"></span></dd></div>`,
  )
  return html`<section class="card"><h2>${texts.rates}</h2><dl class="rates">${items}</dl>
<p class="live" id="ticker-state" role="status" data-waiting="${texts.ratesWaiting}" data-live="${texts.ratesLive}" data-cut="${texts.ratesCut}"></p>
<p class="hint">${texts.ratesTime} <span id="ticker-time" data-time-zone="${place.timeZone}">${time}</span></p></section>`
}

function contact(place: BankPlace, language: BankLanguage): Html {
  const texts = bankTexts[language]
  const { contact, hours } = place.institution
  return html`<section class="card"><h2>${texts.contact}</h2><dl class="stacked"><dt>${texts.contactPoint}</dt><dd>${contact[language]}</dd>
<dt>${texts.hours}</dt><dd>${hours[language]}</dd></dl></section>`
}

function counterCard(texts: BankTexts): Html {
  return html`<section class="card main"><h2>${texts.issueCounterTitle}</h2>${steps(texts.issueCounterSteps)}</section>`
}

function backLink(texts: BankTexts): Html {
  return html`<p><a href="/">${texts.home}</a></p>`
}

function steps(items: readonly string[]): Html {
  return html`<ol>${items.map((item) => html`<li>${item}</li>`)}</ol>`
}

function bullets(items: readonly string[]): Html {
  return html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`
}

function notice(text: string | undefined, kind?: 'wrong'): Html | undefined {
  if (text === undefined) return undefined
  return html`<p class="notice${kind === undefined ? '' : ` ${kind}`}" role="alert">${text}</p>`
}
