import { fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { ResponseHead } from './http1/response-head.ts'

/** What the gateway adds to every final answer. */
export type ResponseRules = {
  /** Strict-Transport-Security value, or undefined to leave the application's own. */
  readonly hsts: string | undefined
  /** Current date in IMF-fixdate, for an answer without a Date (RFC 9110 6.6.1). */
  readonly date: () => string
}

/**
 * The end-to-end fields of an answer in their order: without hop-by-hop, framing and Connection-nominated ones, and
 * without fields that only the gateway may set. Content-Length is left to whoever frames the body for the client.
 * `sealSetCookie` seals a Set-Cookie value if it sets one of the configured cookies; undefined when none are configured.
 * `rules` are undefined for an interim answer, to which nothing is added.
 */
export function clientResponseFields(
  head: Pick<ResponseHead, 'fields' | 'classes' | 'connectionNominated'>,
  sealSetCookie: ((value: string) => string) | undefined,
  rules: ResponseRules | undefined,
): FieldList {
  const { fields, classes, connectionNominated } = head
  const kept: FieldList = []
  let dated = false
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    let value = fields[at + 1] as string
    if (connectionNominated.length > 0 && connectionNominated.includes(name.toLowerCase())) continue
    switch (classes[at >> 1]) {
      case fieldClass.contentLength:
      case fieldClass.transferEncoding:
      case fieldClass.connection:
      case fieldClass.upgrade:
      case fieldClass.hopByHop:
      case fieldClass.reserved:
        continue
      case fieldClass.date:
        dated = true
        break
      case fieldClass.setCookie:
        if (sealSetCookie !== undefined) value = sealSetCookie(value)
        break
    }
    if (rules?.hsts !== undefined && name.length === 25 && name.toLowerCase() === 'strict-transport-security') continue
    kept.push(name, value)
  }
  if (rules === undefined) return kept
  if (!dated) kept.push('Date', rules.date())
  if (rules.hsts !== undefined) kept.push('Strict-Transport-Security', rules.hsts)
  return kept
}

/** Content-Length of an answer without a body (HEAD, 304): a statement about the resource, passed on as it is. */
export function statedLength(head: ResponseHead, requestMethod: string): string | undefined {
  // A 204 has none, whatever the application says (RFC 9110 8.6).
  if (head.framing.kind !== 'none' || head.status === 204 || (requestMethod !== 'HEAD' && head.status !== 304))
    return undefined
  const at = head.classes.indexOf(fieldClass.contentLength)
  return at === -1 ? undefined : head.fields[at * 2 + 1]
}

/** A function that gives the current date in IMF-fixdate, formatted at most once a second. */
export function createDateField(nowMs: () => number): () => string {
  let second = -1
  let text = ''
  return () => {
    const now = nowMs()
    const nowSecond = Math.floor(now / 1_000)
    if (nowSecond !== second) {
      second = nowSecond
      text = new Date(now).toUTCString()
    }
    return text
  }
}
