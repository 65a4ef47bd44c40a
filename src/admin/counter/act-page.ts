import type { Actor } from '../../lifecycle/ports.ts'
import { type Html, html } from '../../portal/html.ts'
import { fillAll } from '../../portal/portal-words.ts'
import { writeSerial } from '../../portal/serial-text.ts'
import { counterActRoles, requireRole } from '../require-role.ts'
import {
  type ActFaults,
  type ActInput,
  actForm,
  findFaults,
  formLabel,
  kindOf,
  readAct,
  stepButton,
} from './act-form.ts'
import { actWords } from './act-words.ts'
import { findContract } from './contract-page.ts'
import { type ActOutcome, counterActs } from './counter-acts.ts'
import type { CounterAnswer } from './counter-call.ts'
import { counterPage, type Desk, placeOf } from './desk.ts'
import { findUser } from './user-page.ts'

/** An act on its way: what was entered, and whom it is about. */
type Going = { readonly input: ActInput; readonly subject: Html; readonly place: string }

/**
 * `POST /counter/act`: each act is entered, checked with what it would do, and executed. Only for `branch` and `security`. Throws
 * GatewayError `admin_role_missing`, `admin_request_invalid`, and what `counterActs` throw.
 */
export async function postAct(desk: Desk): Promise<CounterAnswer> {
  const { call, services } = desk
  if (call.operator === undefined) throw new RangeError('Cannot act for nobody')
  const role = requireRole(call.operator, counterActRoles)
  const { input, step } = await readAct(call)
  const going = await describeSubject(desk, input)
  const faults = findFaults(desk, input)
  if (step === 'edit' || Object.keys(faults).length > 0) return formPage(desk, going, step === 'edit' ? {} : faults)
  const actor: Actor = { name: call.operator.name, role, requestId: call.requestId }
  const act = counterActs[input.act]
  if (step === 'check') return confirmPage(desk, going, await act.foresee(input, actor, services))
  const clientAddress = call.request.socket.remoteAddress ?? 'unknown'
  return resultPage(desk, going, await act.perform(input, actor, { services, clientAddress }))
}

async function describeSubject(desk: Desk, input: ActInput): Promise<Going> {
  const { words } = desk
  const { act, subject: id } = input
  if (act === 'switchToCertificate' || act === 'switchToPassword') {
    const { name } = await findContract(desk, id)
    const subject = html`${words.contract} <span class="code">${id}</span> <bdi>${name}</bdi>`
    return { input, subject, place: placeOf('contract', id) }
  }
  const { name, role, contractId } = await findUser(desk, id)
  const subject = html`${words[role]} <span class="code">${id}</span> <bdi>${name}</bdi> <span class="quiet">${words.contract} ${contractId}</span>`
  return { input, subject, place: placeOf('user', id) }
}

function formPage(desk: Desk, { input, subject, place }: Going, faults: ActFaults): CounterAnswer {
  const words = actWords[desk.language]
  const { title, lead } = words.acts[input.act]
  const list = Object.values(faults)
  const box =
    list.length > 0 &&
    html`<div class="box error" role="alert" tabindex="-1" autofocus><h2>${words.fixFirst}</h2><ul>${list.map((fault) => html`<li>${fault}</li>`)}</ul></div>`
  const body = html`<section class="card wider"><h1>${title}</h1>${box}<p>${lead}</p><dl><dt>${words.subject}</dt><dd>${subject}</dd></dl><p></p>
${actForm(desk, input, faults)}<p><a href="${place}">${words.stop}</a></p></section>`
  return counterPage(desk, { title, body, place, status: list.length > 0 ? 400 : 200 })
}

function confirmPage(desk: Desk, going: Going, foreseen: ActOutcome): CounterAnswer {
  const words = actWords[desk.language]
  const { input, place } = going
  if (!foreseen.changes) return nothingPage(desk, going)
  const text = fillAll(words.acts[input.act], foreseen.numbers)
  const grave = input.act === 'unlock' || input.act === 'reinstate' ? 'primary' : 'danger'
  const body = html`<section class="card"><h1>${text.title}</h1><p>${words.confirmLead}</p>${entered(desk, going)}
<div class="box warning"><h2>${words.willHappen}</h2><ul>${text.effects.map((effect) => html`<li>${effect}</li>`)}</ul></div>${certificateList(desk, foreseen)}
<div class="row">${stepButton(input, { step: 'execute', label: words.execute, look: grave })}${stepButton(input, { step: 'edit', label: words.edit, look: '' })}<a class="button" href="${place}">${words.stop}</a></div></section>`
  return counterPage(desk, { title: text.title, body, place })
}

function nothingPage(desk: Desk, going: Going): CounterAnswer {
  const words = actWords[desk.language]
  const { title, nothing } = words.acts[going.input.act]
  const body = html`<section class="card"><h1>${title}</h1><div class="box" role="status"><h2>${words.nothingTitle}</h2><p>${nothing}</p></div>${entered(desk, going)}<p></p><p>${toSubject(desk, going)}</p></section>`
  return counterPage(desk, { title, body, place: going.place })
}

function resultPage(desk: Desk, going: Going, done: ActOutcome): CounterAnswer {
  if (!done.changes) return nothingPage(desk, going)
  const words = actWords[desk.language]
  const text = fillAll(words.acts[going.input.act], done.numbers)
  const cut = fillAll(words.connectionsCut, { connections: done.connectionsCut })
  const body = html`<section class="card"><h1>${text.title}</h1><div class="box success" role="status" tabindex="-1" autofocus><h2>${text.done}</h2><p>${cut}</p></div>
<h2>${words.customerNext}</h2><ol class="steps">${text.next.map((step) => html`<li>${step}</li>`)}</ol>
${entered(desk, going, true)}${certificateList(desk, done)}<p></p><p>${toSubject(desk, going)}</p></section>`
  return counterPage(desk, { title: text.done, body, place: going.place })
}

/** Who does what for whom, on which form; once it is done, also under which number it is on record. */
function entered(desk: Desk, { input, subject }: Going, done = false): Html {
  const { language, call } = desk
  const words = actWords[language]
  const { act, form, reason } = input
  const kind = act === 'revoke' ? kindOf(input.kind) : undefined
  return html`<div class="certificate"><dl><dt>${words.subject}</dt><dd>${subject}</dd><dt>${formLabel(language, act)}</dt><dd class="code">${form}</dd>${kind !== undefined && html`<dt>${words.kind}</dt><dd>${words.kinds[kind]}</dd>`}
<dt>${words.reason}</dt><dd><bdi>${reason}</bdi></dd><dt>${words.responsible}</dt><dd><bdi>${call.operator?.name}</bdi></dd>${done && html`<dt>${words.recordedAs}</dt><dd class="code">${call.requestId}</dd>`}</dl></div><p></p>`
}

function certificateList({ words }: Desk, { certificates }: ActOutcome): Html | false {
  if (certificates.length === 0) return false
  return html`<h2>${words.certificates}</h2><ul class="plain">${certificates.map(({ serial, issuer }) => html`<li>${words.serial} <strong class="code">${writeSerial(serial)}</strong> <span class="quiet">${words.issuer} ${issuer}</span></li>`)}</ul>`
}

function toSubject({ language }: Desk, { place }: Going): Html {
  return html`<a class="button primary" href="${place}">${actWords[language].toSubject}</a>`
}
