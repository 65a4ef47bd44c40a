import { html } from './html.ts'
import { loginWords } from './login-words.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { portalPage, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { shellWords } from './shell-words.ts'

/** `/.sekisho/login`: the three ways in, with supported environments and fees (R27, Q5, 4-3). */
export async function showLogin(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const words = wordsOf(call, services, loginWords)
  const { certificate } = services.authorities()
  const way = (title: string, text: string, link: { label: string; href: string; className: string; id: string }) =>
    html`<section class="way" aria-labelledby="${link.id}"><h2 id="${link.id}">${title}</h2><p>${text}</p><a class="button ${link.className}" href="${link.href}" aria-describedby="${link.id}">${link.label}</a></section>`
  const password = publicUrl(services.passwordLoginPath, call, services)
  const body = html`<section class="card"><h1>${words.title}</h1><p>${words.lead}</p><div class="ways">
${way(words.certificateTitle, words.certificateText, { label: words.login, href: `https://${certificate}/`, className: 'primary', id: 'certificate' })}
${way(words.passwordTitle, words.passwordText, { label: words.login, href: password, className: '', id: 'password' })}
<section class="way across" aria-labelledby="issue"><h2 id="issue">${words.issueTitle}</h2><p>${words.issueText}</p><a class="button" href="${publicUrl('/.sekisho/issue', call, services)}">${words.issue}</a></section>
</div></section>
<section class="card"><h2>${words.environments}</h2><p>${words.environmentsNote}</p>${environments(call, services)}
<h2>${words.fees}</h2><p>${words.feesText}</p><p class="help"><a href="/.sekisho/help">${words.help}</a></p></section>`
  return portalPage(call, services, { title: words.title, body })
}

/** A page of the public door, from wherever the call came in. */
export function publicUrl(path: string, call: PortalCall, services: PortalServices): string {
  return call.visitor === undefined ? path : `https://${services.authorities().public}${path}`
}

/** Supported systems and browsers, as a list (Q5). */
export function environments(call: PortalCall, services: PortalServices) {
  const configured = services.lifecycle.portal()?.environments?.[call.language]
  const text = configured ?? wordsOf(call, services, shellWords).defaultEnvironments
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return html`<ul class="plain">${lines.map((line) => html`<li>${line}</li>`)}</ul>`
}
