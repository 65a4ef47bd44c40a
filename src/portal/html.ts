import { escapeHtml } from './escape-html.ts'

/** Markup that is known to be safe: made by `html`, which escapes whatever is put in. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What may be put into markup. False and undefined are left out. */
export type HtmlValue = string | number | Html | false | undefined | readonly HtmlValue[]

/** Markup; values are escaped as text or quoted attribute values, unless they are markup themselves. */
export function html(pieces: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(pieces.map((piece, at) => (at === 0 ? piece : `${textOf(values[at - 1])}${piece}`)).join(''))
}

function textOf(value: HtmlValue): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'string' || typeof value === 'number') return escapeHtml(String(value))
  return value.map(textOf).join('')
}
