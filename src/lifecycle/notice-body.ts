/** What a mail is about; all that is needed to write it, kept in the outbox as JSON. Holds no secret. */
export type NoticeBody = ExpiryBody | ActBody

/** A certificate ends soon (R10). */
export type ExpiryBody = Recipient & {
  readonly kind: 'expiry'
  readonly loginId: string
  /** Identity of the certificate, to look again whether it is still in use when the mail is sent. */
  readonly key: string
  readonly serial: string
  /** Unit: milliseconds since the epoch. */
  readonly notAfterMs: number
  readonly step: number
}

/** A certificate was issued, renewed or revoked (R10). */
export type ActBody = Recipient & {
  readonly kind: ActKind
  /** Whose certificate it is. */
  readonly loginId: string
  /** `user`: written to that user; `master`: to the master of the contract. */
  readonly to: 'user' | 'master'
  readonly serial?: string
  readonly notAfterMs?: number
  /** When it was done. Unit: milliseconds since the epoch. */
  readonly atMs: number
  /** Who did it: the user themselves, another user of the contract by login ID, or the institution. */
  readonly by: { readonly kind: 'self' | 'institution' } | { readonly kind: 'user'; readonly loginId: string }
}

/** To whom it is written. */
export type Recipient = {
  /** Language of the mail; empty: both. */
  readonly language: 'ja' | 'en' | ''
  /** Of the person; empty where it is not known. */
  readonly name: string
}

/** Acts on certificates of which people are told by mail. */
export const actKinds = ['issued', 'renewed', 'revoked'] as const
export type ActKind = (typeof actKinds)[number]

/** The text for the outbox. */
export function writeBody(body: NoticeBody): string {
  return JSON.stringify(body)
}

/** What `writeBody` wrote; undefined for anything else, for example of a newer program. */
export function readBody(text: string): NoticeBody | undefined {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof read !== 'object' || read === null) return undefined
  const body = read as Partial<Record<string, unknown>>
  if (!isText(body.loginId) || !isText(body.name) || !['ja', 'en', ''].includes(String(body.language))) return undefined
  if (body.kind === 'expiry') {
    const whole = isText(body.key) && isText(body.serial) && isTime(body.notAfterMs) && Number.isInteger(body.step)
    return whole ? (read as ExpiryBody) : undefined
  }
  if (!actKinds.includes(body.kind as ActKind)) return undefined
  const whole =
    (body.to === 'user' || body.to === 'master') &&
    isTime(body.atMs) &&
    (body.serial === undefined || isText(body.serial)) &&
    (body.notAfterMs === undefined || isTime(body.notAfterMs)) &&
    isDoer(body.by)
  return whole ? (read as ActBody) : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15
}

function isDoer(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { kind, loginId } = value as { kind?: unknown; loginId?: unknown }
  return kind === 'self' || kind === 'institution' || (kind === 'user' && isText(loginId))
}
