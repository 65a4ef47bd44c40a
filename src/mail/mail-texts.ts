/**
 * Every word of the mails in one language. In them stand `{name}`, `{self}` and `{service}` for the institution, how it speaks of itself
 * (当行, 当金庫, 当組合) and its service; `{days}` for the days left; `{reader}` for whom it is written to. Never a link (R10).
 */
export type MailTexts = {
  readonly words: {
    /** Salutation of a person whose name is known, and of one whose is not. */
    readonly dear: string
    readonly dearUnknown: string
    readonly certificate: string
    readonly loginId: string
    readonly serial: string
    readonly expiry: string
    readonly done: string
    readonly doneBy: string
    readonly bySelf: string
    readonly byInstitution: string
    readonly daysLeft: string
    readonly oneDayLeft: string
    readonly lastDay: string
    readonly steps: string
    readonly contact: string
    readonly hours: string
    /** Under every mail. */
    readonly footer: readonly string[]
  }
  readonly mail: { readonly [kind in MailKind]: MailText }
}

/** Mails there are: before expiry, once it is past, and each act to the user and to the master. */
export const mailKinds = [
  'expiry',
  'expired',
  'issued_user',
  'issued_master',
  'renewed_user',
  'renewed_master',
  'revoked_user',
  'revoked_master',
] as const
export type MailKind = (typeof mailKinds)[number]

export type MailText = {
  readonly subject: string
  /** Before the table with the certificate, a paragraph each. */
  readonly before: readonly string[]
  /** What the reader does next, in order; may be none. */
  readonly steps: readonly string[]
  /** After it, a paragraph each. */
  readonly after: readonly string[]
}
