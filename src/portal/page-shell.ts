import { escapeHtml } from './escape-html.ts'
import { pageStyle } from './page-style.ts'
import { type Hole, hole } from './page-template.ts'
import type { Language, PageText, PortalWords } from './portal-texts.ts'

/** The institution in one language, as its customers know it. */
export type InstitutionWords = {
  readonly name: string
  readonly contact: string
  readonly hours: string
  readonly helpUrl: string | undefined
  readonly issueUrl: string | undefined
}

/** Something a page offers the user to press. */
export type PageAction = 'chooseAnother' | 'certificateLogin' | 'issue' | 'retry'

/** The way out that helps most users, as a filled button, if there is one; below it the others. */
export type PageActions = { readonly main?: PageAction; readonly also?: readonly PageAction[] }

/** One language's half of a page. */
export type PageHalf = {
  readonly language: Language
  readonly words: PortalWords
  readonly institution: InstitutionWords
  readonly text: PageText
  /** The line above the heading. */
  readonly status: string
  readonly actions: PageActions
}

const certificateHole = { ja: 'certificateJa', en: 'certificateEn' } as const satisfies Record<Language, Hole>
const chooseAnotherHole = { ja: 'chooseAnotherJa', en: 'chooseAnotherEn' } as const satisfies Record<Language, Hole>

/**
 * A whole page in both languages: the first one is shown, the other one when its link is followed, by style alone.
 * Where styles are not applied both stand one below the other. Has the holes of `page-template.ts`.
 */
export function renderShell(first: PageHalf, other: PageHalf): string {
  return [
    `<!doctype html>\n<html lang="${first.language}"><head><meta charset="utf-8">`,
    `<title>${escapeHtml(first.text.title)} | ${escapeHtml(first.institution.name)}</title>`,
    '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex,nofollow">',
    '<meta name="color-scheme" content="light"><meta name="format-detection" content="telephone=no">',
    `<style>${pageStyle}</style></head><body>`,
    renderHalf(first, { className: 'first', otherLanguage: other }),
    renderHalf(other, { className: 'other', otherLanguage: first }),
    '</body></html>\n',
  ].join('')
}

function renderHalf(half: PageHalf, place: { className: string; otherLanguage: PageHalf }): string {
  const { language, words, text, institution } = half
  const other = place.otherLanguage
  return [
    `<div class="${place.className}" id="${language}" lang="${language}">`,
    `<header><div><p class="name">${escapeHtml(institution.name)}</p>`,
    `<a class="language" href="#${other.language}" lang="${other.language}" hreflang="${other.language}">${escapeHtml(other.words.thisLanguage)}</a></div></header>`,
    `<main><section class="card"><p class="status">${escapeHtml(half.status)}</p><h1>${escapeHtml(text.title)}</h1>`,
    ...text.happened.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`),
    hole(certificateHole[language]),
    `<h2>${escapeHtml(words.nextSteps)}</h2>`,
    renderSteps(text.steps),
    half.actions.main === undefined ? '' : renderAction(half, { action: half.actions.main, primary: true }),
    ...(half.actions.also ?? []).map((action) => renderAction(half, { action, primary: false })),
    '</section>',
    renderCauses(half),
    renderContact(half),
    '</main></div>',
  ].join('')
}

function renderSteps(steps: readonly string[]): string {
  return `<ol class="steps">${steps.map((step) => `<li>${escapeHtml(step)}</li>`).join('')}</ol>`
}

function renderAction(half: PageHalf, { action, primary }: { action: PageAction; primary: boolean }): string {
  const { words, institution } = half
  // Where those lead depends on the door.
  if (action === 'chooseAnother' || action === 'certificateLogin') return hole(chooseAnotherHole[half.language])
  if (action === 'issue') {
    if (institution.issueUrl === undefined) return ''
    return renderButton({ href: institution.issueUrl, label: words.issue, note: words.issueNote, primary })
  }
  return renderButton({ href: '/', label: words.retry, note: words.retryNote, primary })
}

function renderButton(button: { href: string; label: string; note: string; primary: boolean }): string {
  return `<div class="action">${renderLink(button)}<p>${escapeHtml(button.note)}</p></div>`
}

function renderLink(link: { href: string; label: string; primary: boolean }): string {
  const className = link.primary ? 'button primary' : 'button'
  return `<a class="${className}" href="${escapeHtml(link.href)}">${escapeHtml(link.label)}</a>`
}

function renderCauses({ words, text }: PageHalf): string {
  if (text.causes === undefined) return ''
  const items = text.causes.map(
    (cause) => `<li><strong>${escapeHtml(cause.title)}</strong><span>${escapeHtml(cause.remedy)}</span></li>`,
  )
  return `<section class="card"><h2>${escapeHtml(words.causes)}</h2><ul class="causes">${items.join('')}</ul></section>`
}

function renderContact({ words, institution }: PageHalf): string {
  const help =
    institution.helpUrl === undefined
      ? ''
      : `<p class="help"><a href="${escapeHtml(institution.helpUrl)}">${escapeHtml(words.help)}</a></p>`
  return [
    `<section class="card"><h2>${escapeHtml(words.contact)}</h2><dl>`,
    `<dt>${escapeHtml(words.contactPoint)}</dt><dd>${escapeHtml(institution.contact)}</dd>`,
    `<dt>${escapeHtml(words.hours)}</dt><dd>${escapeHtml(institution.hours)}</dd>`,
    `<dt>${escapeHtml(words.requestId)}</dt><dd><span class="code">${hole('requestId')}</span>`,
    `<span class="note">${escapeHtml(words.requestIdNote)}</span></dd></dl>${help}</section>`,
  ].join('')
}

/** The part that names the certificate to choose instead. Values are escaped here. */
export function renderSuccessor(
  words: PortalWords,
  rows: { readonly serial: string; readonly expiry: string },
): string {
  return [
    `<div class="certificate"><h2>${escapeHtml(words.successor)}</h2><dl>`,
    `<dt>${words.serial}</dt><dd class="code"><bdi>${escapeHtml(rows.serial)}</bdi></dd>`,
    `<dt>${words.expiry}</dt><dd><bdi>${escapeHtml(rows.expiry)}</bdi></dd></dl></div>`,
  ].join('')
}

/** The part that names the presented certificate. Values are escaped here; a row without a value is left out. */
export function renderCertificate(
  words: PortalWords,
  rows: { readonly [row in 'subject' | 'issuer' | 'serial' | 'expiry']: string | undefined },
): string {
  const row = (label: string, value: string | undefined, className = '') =>
    value ? `<dt>${label}</dt><dd${className}><bdi>${escapeHtml(value)}</bdi></dd>` : ''
  return [
    `<div class="certificate"><h2>${escapeHtml(words.certificate)}</h2><dl>`,
    row(words.subject, rows.subject),
    row(words.issuer, rows.issuer),
    row(words.serial, rows.serial, ' class="code"'),
    row(words.expiry, rows.expiry),
    '</dl></div>',
  ].join('')
}

/**
 * The part that leads to other authorities of the door (R13); without any, it tells the user to close all windows. The words differ
 * for who has chosen none yet, also because the public door does not ask.
 */
export function renderChooseAnother(
  words: PortalWords,
  { authorities, primary, hasChosen }: { authorities: readonly string[]; primary: boolean; hasChosen: boolean },
): string {
  if (authorities.length === 0) {
    return `<div class="action"><p class="lead">${escapeHtml(words.closeBrowsers)}</p><p>${escapeHtml(words.closeBrowsersNote)}</p></div>`
  }
  const label = hasChosen ? words.chooseAnother : words.chooseOne
  const note = hasChosen ? words.chooseAnotherNote : words.chooseOneNote
  const links = authorities.map((authority, index) =>
    renderLink({
      href: `https://${authority}/`,
      label: index === 0 ? label : `${label} (${index + 1})`,
      primary: primary && index === 0,
    }),
  )
  return `<div class="action">${links.join('')}<p>${escapeHtml(note)}</p></div>`
}

/** The part that leads to the certificate door: host:port, or undefined where there is none to lead to. */
export function renderCertificateLogin(words: PortalWords, authority: string | undefined): string {
  if (authority === undefined) return ''
  const { certificateLogin: label, certificateLoginNote: note } = words
  return renderButton({ href: `https://${authority}/`, label, note, primary: true })
}
