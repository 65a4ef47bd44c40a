import { assert } from '../base/assert.ts'
import { type FaultCode, faults } from '../base/errors.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import type { DenialPageInput, FaultPageInput, Page, Pages } from '../data-path/ports.ts'
import { type Denial, type DenialReason, denialReasons, denialStatus } from '../trust/denial.ts'
import { choosePageLanguage, prefersProblem } from './accept.ts'
import { escapeHtml } from './escape-html.ts'
import { createDayFormat, type DayFormat } from './page-day.ts'
import {
  type PageActions,
  type PageHalf,
  renderCertificate,
  renderCertificateLogin,
  renderChooseAnother,
  renderShell,
  renderSuccessor,
} from './page-shell.ts'
import { createTemplate, type PageTemplate } from './page-template.ts'
import {
  type FaultPage,
  faultPageCodes,
  faultPages,
  faultStatuses,
  type Language,
  type PageText,
  type PortalTexts,
} from './portal-texts.ts'
import { writeSerial } from './serial-text.ts'
import { textsEn } from './texts-en.ts'
import { textsJa } from './texts-ja.ts'

type Institution = GatewayConfig['institution']
type Template = { readonly [language in Language]: PageTemplate }
type Texts = { readonly [language in Language]: PortalTexts }

/** What each denial page offers to press. `issue` shows only where an issue page is configured. */
const denialActions: { readonly [reason in DenialReason]: PageActions } = {
  certificate_missing: { main: 'chooseAnother', also: ['issue'] },
  certificate_unreadable: { main: 'chooseAnother' },
  issuer_not_trusted: { main: 'chooseAnother' },
  key_too_weak: { main: 'chooseAnother' },
  usage_not_allowed: { main: 'chooseAnother' },
  certificate_not_yet_valid: { main: 'retry', also: ['chooseAnother'] },
  certificate_expired: { main: 'issue', also: ['chooseAnother'] },
  certificate_revoked: { main: 'issue', also: ['chooseAnother'] },
  login_id_missing: { main: 'chooseAnother' },
  login_id_unknown: { also: ['chooseAnother'] },
  certificate_not_registered: { main: 'chooseAnother', also: ['issue'] },
  certificate_superseded: { main: 'chooseAnother' },
  user_suspended: { also: ['chooseAnother'] },
  contract_not_in_certificate_mode: { also: ['chooseAnother'] },
  trust_data_stale: { main: 'retry' },
}

/** What the page of a fault offers to press; the others: to try again. */
const faultActions: { readonly [page in FaultPage]?: PageActions } = {
  login_method_mismatch: { main: 'certificateLogin', also: ['issue', 'retry'] },
}

// Names in a certificate are bounded to 64 characters by X.520, but nobody makes a stranger's certificate keep to that.
const nameCharactersMax = 64

/**
 * The gateway's own answers: a page for each denial and each fault, in Japanese and English, or problem details
 * (RFC 9457) for clients that prefer JSON. Everything but the request id, the certificate and the links to other
 * authorities is put together here, once. Send them with `pageHeaders`.
 * @throws RangeError when `timeZone` is not an IANA time zone.
 */
export function createPages(institution: Institution, options: { readonly timeZone: string }): Pages {
  const texts: Texts = { ja: fillIn(textsJa, institution, 'ja'), en: fillIn(textsEn, institution, 'en') }
  const denialTemplates = createTemplates(denialReasons, (language, reason) => {
    const { words, denial } = texts[language]
    return half(institution, {
      language,
      words,
      text: denial[reason],
      status: reason === 'trust_data_stale' ? words.failed : words.denied,
      actions: denialActions[reason],
    })
  })
  const faultTemplates = createTemplates(faultPages, (language, page) => {
    const { words, fault } = texts[language]
    const actions = faultActions[page] ?? { main: 'retry' }
    const status = page === 'login_method_mismatch' ? words.denied : words.failed
    return half(institution, { language, words, text: fault[page], status, actions })
  })
  const formatDay = createDayFormat(options.timeZone)
  return {
    denial: (input) => makeDenialPage(input, { texts, templates: denialTemplates, formatDay }),
    fault: (input) => makeFaultPage(input, { texts, templates: faultTemplates }),
  }
}

/** The page a fault is shown with: its own, else its status's, else that of 400 or 500. */
export function faultPageOf(code: FaultCode): FaultPage {
  const { status } = faults[code]
  const own = faultPageCodes.find((known) => known === code) ?? faultStatuses.find((known) => known === status)
  return own ?? (status < 500 ? 400 : 500)
}

function makeDenialPage(
  input: DenialPageInput,
  made: { texts: Texts; templates: Map<DenialReason, Template>; formatDay: DayFormat },
): Page {
  const { reason } = input.denial
  const status = denialStatus(reason)
  const language = choosePageLanguage(input.acceptLanguage)
  if (prefersProblem(input.accept)) {
    const text = made.texts[language].denial[reason]
    return makeProblem({ kind: 'denial', text, status, reason, requestId: input.requestId })
  }
  const others = otherAuthorities(input)
  const primary = denialActions[reason].main === 'chooseAnother'
  const hasChosen = reason !== 'certificate_missing'
  const chooseAnother = (words: PortalTexts['words']) =>
    renderChooseAnother(words, { authorities: others, primary, hasChosen })
  const body = templateOf(made.templates, reason)[language]({
    requestId: escapeHtml(input.requestId),
    certificateJa: describeCertificates(input.denial, { language: 'ja', ...made }),
    certificateEn: describeCertificates(input.denial, { language: 'en', ...made }),
    chooseAnotherJa: chooseAnother(made.texts.ja.words),
    chooseAnotherEn: chooseAnother(made.texts.en.words),
  })
  return { status, contentType: 'text/html; charset=utf-8', body }
}

function makeFaultPage(input: FaultPageInput, made: { texts: Texts; templates: Map<FaultPage, Template> }): Page {
  const { status } = faults[input.code]
  const shown = faultPageOf(input.code)
  const language = choosePageLanguage(input.acceptLanguage)
  if (prefersProblem(input.accept)) {
    const text = made.texts[language].fault[shown]
    return makeProblem({ kind: 'fault', text, status, reason: input.code, requestId: input.requestId })
  }
  const [authority] = input.certificateAuthorities ?? []
  const body = templateOf(made.templates, shown)[language]({
    requestId: escapeHtml(input.requestId),
    certificateJa: '',
    certificateEn: '',
    chooseAnotherJa: renderCertificateLogin(made.texts.ja.words, authority),
    chooseAnotherEn: renderCertificateLogin(made.texts.en.words, authority),
  })
  return { status, contentType: 'text/html; charset=utf-8', body }
}

function makeProblem(problem: {
  kind: 'denial' | 'fault'
  text: PageText
  status: number
  reason: DenialReason | FaultCode
  requestId: string
}): Page {
  const { kind, text, status, reason, requestId } = problem
  const detail = text.happened.join(' ')
  const body = { type: `urn:sekisho:${kind}:${reason}`, title: text.title, status, detail, reason, requestId }
  return { status, contentType: 'application/problem+json', body: `${JSON.stringify(body)}\n` }
}

function describeCertificates(
  { certificate, successor }: Denial,
  { language, texts, formatDay }: { language: Language; texts: Texts; formatDay: DayFormat },
): string {
  if (certificate === undefined) return ''
  const { words } = texts[language]
  const instead =
    successor === undefined
      ? ''
      : renderSuccessor(words, {
          serial: writeSerial(successor.serial),
          expiry: formatDay(successor.notAfterMs, language),
        })
  return `${renderCertificate(words, {
    subject: shorten(certificate.subjectCommonName),
    issuer: shorten(certificate.issuerCommonName),
    serial: writeSerial(certificate.serial),
    expiry: formatDay(certificate.notAfterMs, language),
  })}${instead}`
}

function shorten(name: string | undefined): string | undefined {
  return name !== undefined && name.length > nameCharactersMax ? `${name.slice(0, nameCharactersMax)}…` : name
}

function otherAuthorities(input: DenialPageInput): string[] {
  const current = plainAuthority(input.authority)
  return input.alternateAuthorities.filter((authority) => plainAuthority(authority) !== current)
}

/** An authority as browsers key their choice of certificate: case, default port and trailing dot make no difference. */
function plainAuthority(authority: string): string {
  return authority
    .toLowerCase()
    .replace(/:443$/, '')
    .replace(/\.(?=:\d+$|$)/, '')
}

function half(institution: Institution, rest: Omit<PageHalf, 'institution'>): PageHalf {
  const { name, contact, hours, helpUrl, issueUrl } = institution
  const { language } = rest
  const words = { name: name[language], contact: contact[language], hours: hours[language], helpUrl, issueUrl }
  return { ...rest, institution: words }
}

function createTemplates<Key>(
  keys: readonly Key[],
  halfOf: (language: Language, key: Key) => PageHalf,
): Map<Key, Template> {
  const templates = new Map<Key, Template>()
  for (const key of keys) {
    const ja = halfOf('ja', key)
    const en = halfOf('en', key)
    templates.set(key, { ja: createTemplate(renderShell(ja, en)), en: createTemplate(renderShell(en, ja)) })
  }
  return templates
}

function templateOf<Key>(templates: Map<Key, Template>, key: Key): Template {
  const template = templates.get(key)
  assert(template !== undefined, `a page for ${String(key)}`)
  return template
}

/** The texts with the institution's names put in. */
function fillIn(texts: PortalTexts, institution: Institution, language: Language): PortalTexts {
  const name = institution.name[language]
  const self = institution.selfReference[language]
  return JSON.parse(JSON.stringify(texts), (_key, value: unknown) =>
    typeof value === 'string' ? value.replace(/\{(name|self)\}/g, (_, word) => (word === 'name' ? name : self)) : value,
  ) as PortalTexts
}
