import { helpWords } from './help-words.ts'
import { type Html, html } from './html.ts'
import { installGuide } from './install-guide.ts'
import { installWords } from './install-words.ts'
import { environments } from './login-page.ts'
import type { PortalAnswer, PortalCall } from './portal-call.ts'
import { portalPage, wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'
import { fillAll } from './portal-words.ts'
import { textsEn } from './texts-en.ts'
import { textsJa } from './texts-ja.ts'

const usualValidityDays = 365

/** `/.sekisho/help`: why a login fails (R9), renewal, another PC, deletion and disposal (R13), environments, fees, the kept key (R8). */
export async function showHelp(call: PortalCall, services: PortalServices): Promise<PortalAnswer> {
  const { lifecycle } = services
  const days = lifecycle.issuing()?.config.validityDays ?? usualValidityDays
  const minutes = Math.floor((lifecycle.portal()?.sessionSeconds ?? 600) / 60)
  const words = fillAll(wordsOf(call, services, helpWords), { days, minutes })
  const list = (items: readonly string[]) => html`<ul class="plain">${items.map((item) => html`<li>${item}</li>`)}</ul>`
  const sections: readonly (readonly [id: string, title: string, content: Html])[] = [
    ['login', words.cannotLogin, causes(call, services)],
    ['choose', words.choose, list(words.chooseText)],
    ['renewal', words.renewal, list(words.renewalText)],
    ['change', words.change, list(words.changeText)],
    ['remove', words.remove, html`<p>${words.removeText}</p>${removals(call, services)}`],
    ['install', words.install, installGuide(call, services)],
    ['key', words.key, list(words.keyText)],
    ['share', words.share, html`<p>${words.shareText}</p>`],
    ['network', words.network, html`<p>${words.networkText}</p>`],
    ['environments', words.environments, environments(call, services)],
    ['fees', words.fees, html`<p>${words.feesText}</p>`],
  ]
  const body = html`<section class="card"><h1>${words.title}</h1><nav aria-label="${words.contents}"><ul class="plain">${sections.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav></section>
<div class="card">${sections.map(([id, title, content]) => html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${content}</section>`)}</div>`
  return portalPage(call, services, { title: words.title, body })
}

const causeTexts = {
  ja: textsJa.denial.certificate_missing.causes ?? [],
  en: textsEn.denial.certificate_missing.causes ?? [],
}

/** The same causes as on the page for a missing certificate. */
function causes(call: PortalCall, services: PortalServices): Html {
  const words = wordsOf(call, services, causeTexts)
  return html`<ul class="causes">${words.map(({ title, remedy }) => html`<li><strong>${title}</strong><span>${remedy}</span></li>`)}</ul>`
}

function removals(call: PortalCall, services: PortalServices): Html {
  return html`${wordsOf(call, services, installWords).removals.map(
    ({ title, steps }) =>
      html`<details><summary>${title}</summary><div><ol class="plain">${steps.map((step) => html`<li>${step}</li>`)}</ol></div></details>`,
  )}`
}
