/**
 * A text as PowerShell writes it literally: between single quotation marks nothing but such a mark means anything, and PowerShell takes
 * the typographic ones (U+2018 to U+201B) for the same. Line ends become blanks.
 */
export function powershellText(text: string): string {
  return `'${text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ').replace(/['\u2018-\u201b]/g, '$&$&')}'`
}

/**
 * Several lines, literally: a here-string, in which nothing is escaped and which ends with a line that begins with `'@`. Throws TypeError
 * for a text with such a line: what comes from outside never begins a line of ours.
 */
export function powershellLines(text: string): string {
  if (/^['\u2018-\u201b]@/m.test(text)) throw new TypeError('Cannot write a text with a line that ends a here-string')
  return `@'\r\n${text}\r\n'@`
}
