import { type FaultCode, faults } from '../../base/errors.ts'
import { findRefused, type RefusedRequest } from '../../lifecycle/refused-requests.ts'
import { faultWords } from '../../portal/fault-words.ts'
import { type Html, html } from '../../portal/html.ts'
import { faultPageOf } from '../../portal/pages.ts'
import type { PageText } from '../../portal/portal-texts.ts'
import { fill, fillAll } from '../../portal/portal-words.ts'
import { writeSerial } from '../../portal/serial-text.ts'
import { textsEn } from '../../portal/texts-en.ts'
import { textsJa } from '../../portal/texts-ja.ts'
import { denialReasons } from '../../trust/denial.ts'
import type { CounterAnswer } from './counter-call.ts'
import { counterPage, type Desk, placeOf } from './desk.ts'

/** `GET /counter/request?id=…`: who was refused, why, and what to tell them, in the words that stand on their own page. */
export async function showRequest(desk: Desk): Promise<CounterAnswer> {
  const { words, services, call } = desk
  const requestId = (call.query.get('id') ?? '').trim().slice(0, 200)
  const refused = await findRefused(requestId, services.lifecycle)
  if (refused === undefined) return unknownRequest(desk, requestId)
  const text = refusalText(desk, refused.reason)
  const body = html`<div class="columns"><div><section class="card"><p class="status">${words.refused} <span class="code">${requestId}</span></p><h1>${text.title}</h1><p>${words.refusedLead}</p>
<h2>${words.explain}</h2>${text.happened.map((paragraph) => html`<p>${paragraph}</p>`)}
<h2>${words.tell}</h2><ol class="steps">${text.steps.map((step) => html`<li>${step}</li>`)}</ol>${causes(desk, text)}<p class="hint">${words.tellNote}</p></section></div>
<div><section class="card"><h2>${words.since}</h2>${await userLine(desk, refused.loginId)}</section><section class="card"><h2>${words.why}</h2>${facts(desk, refused)}</section></div></div>`
  return counterPage(desk, { title: `${words.requestId} ${requestId}`, body })
}

function unknownRequest(desk: Desk, requestId: string): CounterAnswer {
  const { words } = desk
  const body = html`<section class="card"><h1>${words.refusedNone}</h1>${requestId !== '' && html`<p class="code">${requestId}</p>`}<p>${words.foundNoneLead}</p>
<ul class="plain">${words.foundNoneSteps.map((step) => html`<li>${step}</li>`)}</ul></section>`
  return counterPage(desk, { title: words.refusedNone, body, status: 404, search: requestId })
}

/** The words of the page that the user got. */
function refusalText({ language, names }: Desk, reason: string): PageText {
  const texts = language === 'ja' ? textsJa : textsEn
  const denial = denialReasons.find((known) => known === reason)
  const own = Object.hasOwn(faultWords[language], reason)
    ? faultWords[language][reason as keyof (typeof faultWords)['ja']]
    : undefined
  const code: FaultCode = Object.hasOwn(faults, reason) ? (reason as FaultCode) : 'internal'
  const text: PageText = denial === undefined ? (own ?? texts.fault[faultPageOf(code)]) : texts.denial[denial]
  return fillAll(text, names)
}

function causes({ words }: Desk, text: PageText): Html | false {
  if (text.causes === undefined) return false
  return html`<h2>${words.causes}</h2><ul class="causes">${text.causes.map(({ title, remedy }) => html`<li><strong>${title}</strong><span>${remedy}</span></li>`)}</ul>`
}

async function userLine({ words, services }: Desk, loginId: string | undefined): Promise<Html> {
  if (loginId === undefined) return html`<p>${words.noUser}</p>`
  const user = await services.lifecycle.store.user(loginId)
  if (user === undefined) return html`<p>${fill(words.userGone, { loginId })}</p>`
  return html`<p><strong class="code">${loginId}</strong> <bdi>${user.name}</bdi> <span class="quiet">${words[user.role]} · ${words.contract} ${user.contractId}</span></p>
<p><a class="button primary" href="${placeOf('user', loginId)}">${words.openUser}</a></p>`
}

function facts(desk: Desk, { reason, serial, door, address, atMs, loginId }: RefusedRequest): Html {
  const { words } = desk
  return html`<dl><dt>${words.at}</dt><dd>${desk.moment(atMs)}</dd><dt>${words.why}</dt><dd class="code">${reason}</dd><dt>${words.loginId}</dt><dd class="code">${loginId ?? words.unknown}</dd>
<dt>${words.presented}</dt><dd class="code">${serial === undefined ? words.unknown : writeSerial(serial)}</dd><dt>${words.door}</dt><dd>${door}</dd><dt>${words.address}</dt><dd class="code">${address}</dd></dl>`
}
