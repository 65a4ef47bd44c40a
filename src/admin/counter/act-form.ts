import { GatewayError } from '../../base/errors.ts'
import type { RevocationReason } from '../../lifecycle/ports.ts'
import { type Html, html } from '../../portal/html.ts'
import { fill } from '../../portal/portal-words.ts'
import { actWords } from './act-words.ts'
import type { CounterCall } from './counter-call.ts'
import type { Desk } from './desk.ts'
import { readForm } from './read-form.ts'

/** What is done at the counter. */
export type CounterAct = keyof (typeof actWords)['ja']['acts']

/** A form as it was filled in, right or wrong. */
export type ActInput = {
  readonly act: CounterAct
  /** Contract id for the switches, else login ID. */
  readonly subject: string
  /** Number of the application form (申込書) or receipt. */
  readonly form: string
  /** In the operator's own words. */
  readonly reason: string
  /** For `revoke` alone, as it was sent. */
  readonly kind: string
}

/** `edit`: the form again; `check`: what would happen; `execute`: does it. */
export type ActStep = 'edit' | 'check' | 'execute'

/** What is wrong with a form, a sentence for each field. */
export type ActFaults = { readonly [field in 'form' | 'reason' | 'kind']?: string }

const formCharactersMax = 64
const reasonCharactersMax = 200
const formPattern = /^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u
const reasonPattern = /^[^\p{C}\p{Zl}\p{Zp}]{1,200}$/u
const steps: readonly ActStep[] = ['edit', 'check', 'execute']

/** Reasons offered for a revocation, the usual one first. */
const kinds = Object.keys(actWords.ja.kinds) as readonly (RevocationReason & keyof (typeof actWords)['ja']['kinds'])[]

/** Reads what a counter form sent. Throws GatewayError `admin_request_invalid` for what none of them sends. */
export async function readAct(call: CounterCall): Promise<{ input: ActInput; step: ActStep }> {
  const fields = await readForm(call.request, ['act', 'step', 'subject', 'form', 'reason', 'kind'])
  const { subject, kind } = fields
  const act = readChoice('act', fields.act, Object.keys(actWords.ja.acts) as CounterAct[])
  const form = fields.form.trim()
  // Lines of a text area become one.
  const reason = fields.reason.replace(/\s+/gu, ' ').trim()
  return { input: { act, subject, form, reason, kind }, step: readChoice('step', fields.step, steps) }
}

function readChoice<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value)
  if (found !== undefined) return found
  const shown = JSON.stringify(value.slice(0, 60))
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use ${name} as one of ${known.join(', ')}: current value is ${shown}`,
    {
      path: name,
    },
  )
}

/** Nothing is wrong where the answer is empty. */
export function findFaults({ language }: Desk, { act, form, reason, kind }: ActInput): ActFaults {
  const words = actWords[language]
  return {
    ...(formPattern.test(form) ? {} : { form: fill(words.formWrong, { label: formLabel(language, act) }) }),
    ...(reasonPattern.test(reason) ? {} : { reason: words.reasonWrong }),
    ...(act !== 'revoke' || kindOf(kind) !== undefined ? {} : { kind: words.kindWrong }),
  }
}

/** The reason of a revocation as the store knows it; undefined: it is not one that is offered here. */
export function kindOf(kind: string): (typeof kinds)[number] | undefined {
  return kinds.find((known) => known === kind)
}

/** What the number is called for this act: switches and revocations come on a paper form. */
export function formLabel(language: Desk['language'], act: CounterAct): string {
  const { form, formOrReceipt } = actWords[language]
  return act === 'switchToCertificate' || act === 'switchToPassword' || act === 'revoke' ? form : formOrReceipt
}

/** An empty form that opens on the page of a contract or user. `general`: of a general user, whose master usually does it. */
export function actBlock(
  desk: Desk,
  { act, subject, general = false }: { act: CounterAct; subject: string; general?: boolean },
): Html {
  const words = actWords[desk.language]
  const grave = act === 'revoke' || act === 'suspend'
  const note = act === 'revoke' && general && html`<p>${words.acts.revoke.leadGeneral}</p>`
  const input = { act, subject, form: '', reason: '', kind: '' }
  return html`<details class="act${grave && ' grave'}"><summary>${words.acts[act].title}</summary><div><p>${words.acts[act].lead}</p>${note}${actForm(desk, input)}</div></details>`
}

/** The form of an act, filled with what was entered before. Its button leads to the confirmation and changes nothing. */
export function actForm(desk: Desk, input: ActInput, faults: ActFaults = {}): Html {
  const { act, form, reason } = input
  const words = actWords[desk.language]
  const field = (name: keyof ActFaults, label: string, control: (attributes: Html) => Html, hint?: string) => {
    const id = `${act}-${name}`
    const fault = faults[name]
    const described = [hint !== undefined && `${id}-hint`, fault !== undefined && `${id}-fault`].filter(
      (one) => one !== false,
    )
    const attributes = html`id="${id}" name="${name}"${described.length > 0 && html` aria-describedby="${described.join(' ')}"`}${fault !== undefined && html` aria-invalid="true"`}`
    return html`<div class="field"><label for="${id}">${label}</label>${control(attributes)}${hint !== undefined && html`<p class="hint" id="${id}-hint">${hint}</p>`}${fault !== undefined && html`<p class="fault" id="${id}-fault">${fault}</p>`}</div>`
  }
  return html`<form method="post" action="/counter/act"><input type="hidden" name="act" value="${act}"><input type="hidden" name="subject" value="${input.subject}">
${field('form', formLabel(desk.language, act), (attributes) => html`<input type="text" ${attributes} value="${form}" maxlength="${formCharactersMax}" autocomplete="off" spellcheck="false" required>`, words.formHint)}
${act === 'revoke' && field('kind', words.kind, (attributes) => kindSelect(desk, attributes, input))}
${field('reason', words.reason, (attributes) => html`<textarea ${attributes} maxlength="${reasonCharactersMax}" rows="2" required>${reason}</textarea>`, words.reasonHint)}
<button class="button primary" type="submit" name="step" value="check">${words.check}</button></form>`
}

function kindSelect({ language }: Desk, attributes: Html, { kind }: ActInput): Html {
  const words = actWords[language]
  const options = kinds.map(
    (one) => html`<option value="${one}"${one === kind && html` selected`}>${words.kinds[one]}</option>`,
  )
  return html`<select ${attributes} required>${kindOf(kind) === undefined && html`<option value="" selected></option>`}${options}</select>`
}

/** A button that sends a form again as it was filled in, for another step. */
export function stepButton(
  input: ActInput,
  { step, label, look }: { step: ActStep; label: string; look: string },
): Html {
  const fields = Object.entries(input).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )
  return html`<form method="post" action="/counter/act">${fields}<button class="button ${look}" type="submit" name="step" value="${step}">${label}</button></form>`
}
