import { escapeHtml } from '../portal/escape-html.ts'

/** A mail in one language, filled in: all that the text and the HTML are drawn from. */
export type MailPart = {
  readonly language: 'ja' | 'en'
  readonly subject: string
  readonly institution: string
  readonly salutation: string
  readonly before: readonly string[]
  readonly tableTitle: string
  readonly rows: readonly MailRow[]
  readonly stepsTitle: string
  readonly steps: readonly string[]
  readonly after: readonly string[]
  readonly contact: readonly MailRow[]
  readonly footer: readonly string[]
}

export type MailRow = { readonly label: string; readonly value: string }

const ruleText = '-'.repeat(60)

/** The mail as plain text, one language after the other. */
export function drawText(parts: readonly MailPart[]): string {
  return `${parts.map(textOf).join(`\n\n${ruleText}\n\n`)}\n`
}

function textOf(part: MailPart): string {
  const mark = part.language === 'ja' ? '■ ' : '* '
  const between = betweenOf(part)
  const lines = (rows: readonly MailRow[]) => rows.map(({ label, value }) => `  ${label}${between}${value}`).join('\n')
  const steps = part.steps.map((step, index) => `  ${index + 1}. ${step}`).join('\n')
  return [
    part.salutation,
    ...part.before,
    `${mark}${part.tableTitle}\n${lines(part.rows)}`,
    ...(steps === '' ? [] : [`${mark}${part.stepsTitle}\n${steps}`]),
    ...part.after,
    lines(part.contact),
    part.footer.join('\n'),
    part.institution,
  ].join('\n\n')
}

function betweenOf({ language }: MailPart): string {
  return language === 'ja' ? '：' : ': '
}

const font = "font-family:'Hiragino Sans','Yu Gothic','Meiryo',Arial,sans-serif"
const styles = {
  body: `margin:0;padding:24px 12px;background:#f3f5f8;color:#1b2733;${font}`,
  card: 'max-width:600px;margin:0 auto 24px;background:#ffffff;border:1px solid #d4dbe3;border-top:4px solid #14406b',
  head: 'padding:16px 24px;border-bottom:1px solid #d4dbe3;font-size:16px;font-weight:bold;color:#14406b',
  main: 'padding:20px 24px;font-size:15px;line-height:1.7',
  title: 'margin:24px 0 8px;font-size:15px;font-weight:bold',
  table: 'width:100%;border-collapse:collapse;font-size:15px',
  label:
    'width:32%;padding:8px 10px;border:1px solid #d4dbe3;background:#f3f5f8;text-align:left;vertical-align:top;font-weight:normal',
  value: 'padding:8px 10px;border:1px solid #d4dbe3;text-align:left;vertical-align:top;word-break:break-all',
  foot: 'padding:16px 24px;border-top:1px solid #d4dbe3;font-size:13px;line-height:1.6;color:#4a5a6a',
} as const

/** The same as HTML: inline styles, no pictures, no links, every value escaped. */
export function drawHtml(parts: readonly MailPart[]): string {
  const [first] = parts
  const title = escapeHtml(parts.map(({ subject }) => subject).join(' / '))
  return [
    `<!DOCTYPE html><html lang="${first?.language ?? 'ja'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title></head>`,
    `<body style="${styles.body}">`,
    ...parts.map(cardOf),
    '</body></html>',
  ].join('\n')
}

function cardOf(part: MailPart): string {
  const paragraphs = (texts: readonly string[]) => texts.map((text) => `<p>${escapeHtml(text)}</p>`).join('\n')
  const rows = part.rows.map(({ label, value }) => {
    return `<tr><th scope="row" style="${styles.label}">${escapeHtml(label)}</th><td style="${styles.value}">${escapeHtml(value)}</td></tr>`
  })
  const steps = part.steps.map((step) => `<li>${escapeHtml(step)}</li>`)
  const contact = part.contact.map(
    ({ label, value }) => `<div>${escapeHtml(`${label}${betweenOf(part)}${value}`)}</div>`,
  )
  return [
    `<div lang="${part.language}" style="${styles.card}">`,
    `<div style="${styles.head}">${escapeHtml(part.institution)}</div>`,
    `<div style="${styles.main}"><p>${escapeHtml(part.salutation)}</p>`,
    paragraphs(part.before),
    `<div style="${styles.title}">${escapeHtml(part.tableTitle)}</div>`,
    `<table style="${styles.table}">${rows.join('')}</table>`,
    ...(steps.length === 0
      ? []
      : [`<div style="${styles.title}">${escapeHtml(part.stepsTitle)}</div>`, `<ol>${steps.join('')}</ol>`]),
    paragraphs(part.after),
    '</div>',
    `<div style="${styles.foot}">${contact.join('')}${paragraphs(part.footer)}</div>`,
    '</div>',
  ].join('\n')
}
