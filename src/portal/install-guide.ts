import { type Html, html } from './html.ts'
import { installWords } from './install-words.ts'
import type { PortalCall } from './portal-call.ts'
import { wordsOf } from './portal-page.ts'
import type { PortalServices } from './portal-services.ts'

/** How a .p12 file becomes a certificate of each system and browser. */
export function installGuide(call: PortalCall, services: PortalServices): Html {
  const { places } = wordsOf(call, services, installWords)
  return html`${places.map(
    ({ title, steps }) =>
      html`<details><summary>${title}</summary><div><ol class="plain">${steps.map((step) => html`<li>${step}</li>`)}</ol></div></details>`,
  )}`
}
