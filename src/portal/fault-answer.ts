import { type FaultCode, GatewayError } from '../base/errors.ts'
import { prefersProblem } from './accept.ts'
import { type FaultText, faultWords, portalFaultCodes } from './fault-words.ts'
import { type Html, html } from './html.ts'
import { faultPageOf } from './pages.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { institutionNames, jsonAnswer, languageOf, portalPage, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { fillAll } from './portal-words.ts'
import { shellWords } from './shell-words.ts'
import { textsEn } from './texts-en.ts'
import { textsJa } from './texts-ja.ts'

/**
 * The answer to whatever a page throws: a page in the language of the call, problem details (RFC 9457) with the next steps for who
 * prefers JSON, or a line of text for programs that speak EST. Of what nobody expected it says nothing. For `PortalServerOptions`.
 */
export function portalFaultAnswer(services: PortalServices) {
  return (error: unknown, call: PortalCall | undefined): PortalAnswer => {
    const code = error instanceof GatewayError ? error.code : 'internal'
    const status = error instanceof GatewayError ? error.status : 500
    const text = faultText(code, call, services)
    if (call?.path.startsWith('/.well-known/') === true) return plainAnswer(status, code)
    const requestId = call?.requestId ?? ''
    if (prefersProblem(call?.header('accept'))) {
      const detail = text.happened.join(' ')
      const { title, steps } = text
      return jsonAnswer(status, {
        type: `urn:sekisho:fault:${code}`,
        title,
        status,
        detail,
        steps,
        reason: code,
        requestId,
      })
    }
    const words = wordsOf(call, services, shellWords)
    const body = html`<section class="card"><h1>${text.title}</h1>${text.happened.map((paragraph) => html`<p>${paragraph}</p>`)}
<h2>${words.nextSteps}</h2><ol class="steps">${text.steps.map((step) => html`<li>${step}</li>`)}</ol>
<div class="action"><a class="button" href="/.sekisho/login">${words.login}</a></div></section>`
    return portalPage(call, services, { title: text.title, body, status, ...placeAfter(call) })
  }
}

/** The words of a fault: its own, else those of its status. */
export function faultText(code: FaultCode, call: PortalCall | undefined, services: PortalServices): FaultText {
  const language = languageOf(call)
  const own = portalFaultCodes.find((known) => known === code)
  const texts = language === 'ja' ? textsJa : textsEn
  const text: FaultText = own === undefined ? texts.fault[faultPageOf(code)] : faultWords[language][own]
  const { title, happened, steps } = fillAll(text, institutionNames(services, language))
  return { title, happened, steps }
}

/** What went wrong with a form and what to do, above it; it is read out and has the focus when the page opens. */
export function problemBox(call: PortalCall, services: PortalServices, text: FaultText): Html {
  const words = wordsOf(call, services, shellWords)
  return html`<div class="box error" role="alert" tabindex="-1" autofocus aria-label="${words.errorHeading}"><p><strong>${text.title}</strong></p>${
    text.happened.length > 0 && text.happened.map((paragraph) => html`<p>${paragraph}</p>`)
  }${text.steps.length > 0 && html`<ul>${text.steps.map((step) => html`<li>${step}</li>`)}</ul>`}</div>`
}

function plainAnswer(status: number, code: FaultCode): PortalAnswer {
  return {
    status,
    contentType: 'text/plain; charset=utf-8',
    headers: [
      ['Cache-Control', 'no-store'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    body: `${code}\n`,
  }
}

/** What was sent by POST is not there for GET. */
function placeAfter(call: PortalCall | undefined): { place?: string } {
  return call?.method === 'POST' ? { place: '/.sekisho/login' } : {}
}
