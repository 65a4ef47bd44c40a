import type { GatewayConfig } from '../config/gateway-config.ts'
import type { NoticeBody } from '../lifecycle/notice-body.ts'
import { hasExpired, noticeFor } from '../lifecycle/notice-step.ts'
import { writeDay } from './mail-day.ts'
import { drawHtml, drawText, type MailPart } from './mail-parts.ts'
import type { MailKind, MailTexts } from './mail-texts.ts'
import { plainValue } from './plain-value.ts'
import { mailTextsEn } from './texts-en.ts'
import { mailTextsJa } from './texts-ja.ts'

/** What mails say beside what they are about. */
export type MailSetting = {
  /** When it is written. Unit: milliseconds since the epoch. */
  readonly nowMs: number
  /** IANA name. */
  readonly timeZone: string
  readonly institution: GatewayConfig['institution']
  /** Name of the service; left out: the institution’s. */
  readonly serviceName?: { readonly ja: string; readonly en: string } | undefined
}

/** A mail as it is read. No part of it holds a link (R10). */
export type WrittenMail = {
  readonly subject: string
  /** How the sender is called. */
  readonly sender: string
  readonly text: string
  readonly html: string
}

type Language = 'ja' | 'en'

/**
 * Writes the mail in the reader's language, or in both, Japanese first. Days left are counted when it is written; a certificate that has
 * expired by then gets the mail that says so.
 */
export function writeMail(body: NoticeBody, setting: MailSetting): WrittenMail {
  const languages: readonly Language[] = body.language === '' ? ['ja', 'en'] : [body.language]
  const parts = languages.map((language) => partOf(body, language, setting))
  const { name } = setting.institution
  return {
    subject: parts.map(({ subject }) => subject).join(' / '),
    sender: plainValue(name[languages[0] ?? 'ja']),
    text: drawText(parts),
    html: drawHtml(parts),
  }
}

function partOf(body: NoticeBody, language: Language, setting: MailSetting): MailPart {
  const { words, mail }: MailTexts = language === 'ja' ? mailTextsJa : mailTextsEn
  const { institution, nowMs, timeZone } = setting
  const left = body.kind === 'expiry' ? daysLeft(body.notAfterMs, words, setting) : ''
  const values = {
    name: institution.name[language],
    self: institution.selfReference[language],
    service: setting.serviceName?.[language] ?? institution.name[language],
    reader: body.name,
    daysLeft: left,
  }
  const fillIn = (text: string) => fill(text, values)
  const { subject, before, steps, after } = mail[kindOf(body, nowMs)]
  const day = (timeMs: number, withTime = false) => writeDay(timeMs, { language, timeZone, withTime })
  const rows: [string, string][] = [[words.loginId, body.loginId]]
  if (body.serial !== undefined) rows.push([words.serial, body.serial])
  if (body.notAfterMs !== undefined) {
    const withDays = language === 'ja' ? `（${left}）` : ` (${left})`
    rows.push([words.expiry, `${day(body.notAfterMs)}${left === '' ? '' : withDays}`])
  }
  if (body.kind !== 'expiry') {
    rows.push([words.done, day(body.atMs, true)])
    const { by } = body
    rows.push([
      words.doneBy,
      by.kind === 'user' ? by.loginId : fillIn(by.kind === 'self' ? words.bySelf : words.byInstitution),
    ])
  }
  return {
    language,
    subject: fillIn(subject),
    institution: plainValue(institution.name[language]),
    salutation: fillIn(body.name === '' ? words.dearUnknown : words.dear),
    before: before.map(fillIn),
    tableTitle: words.certificate,
    rows: rows.map(([label, value]) => ({ label, value: plainValue(value) })),
    stepsTitle: words.steps,
    steps: steps.map(fillIn),
    after: after.map(fillIn),
    contact: [
      { label: words.contact, value: plainValue(institution.contact[language]) },
      { label: words.hours, value: plainValue(institution.hours[language]) },
    ],
    footer: words.footer.map(fillIn),
  }
}

function kindOf(body: NoticeBody, nowMs: number): MailKind {
  if (body.kind === 'expiry') return hasExpired(body.notAfterMs, nowMs) ? 'expired' : 'expiry'
  return `${body.kind}_${body.to}`
}

/** Empty once it has expired. */
function daysLeft(notAfterMs: number, words: MailTexts['words'], { nowMs, timeZone }: MailSetting): string {
  if (hasExpired(notAfterMs, nowMs)) return ''
  const { daysLeft: days } = noticeFor({ notAfterMs }, { nowMs, timeZone, days: [0] })
  if (days === 0) return words.lastDay
  return days === 1 ? words.oneDayLeft : fill(words.daysLeft, { days: String(days) })
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (written, name: string) => {
    return Object.hasOwn(values, name) ? plainValue(values[name] ?? '') : written
  })
}
