/**
 * Mails on their way, shared by all gateways: each is sent once, whoever sends it. A mail is known by its id for good (at least until
 * `forgetMails`), so that adding it again changes nothing.
 */
export type Outbox = {
  /** Adds those whose id is new; answers for each whether it was. */
  addMails(mails: readonly NewMail[]): Promise<readonly boolean[]>
  /**
   * Takes at most `limit` mails that are due, oldest first, for `leaseMs`: nobody else gets them meanwhile; afterwards they are due
   * again. Their `attempts` count this one.
   */
  leaseMails(nowMs: number, leaseMs: number, limit: number): Promise<readonly Mail[]>
  /**
   * Says what became of a mail that was leased. One that was sent stays as it is, and one that was given up can only turn out to have been
   * sent: after a lease has ended two may tell. An id that is not there is passed over.
   */
  settleMail(id: string, result: MailResult): Promise<void>
  /** At most `limit` mails of a state, by `changedMs` and id, newest first, after the one named; none after one that is not there. */
  mails(filter: { state: MailState; after?: string; limit: number }): Promise<readonly Mail[]>
  /** How many there are of each state. */
  mailCounts(): Promise<Readonly<Record<MailState, number>>>
  /** Makes a dead mail due at once, with no attempts counted; false: there is no such dead mail. */
  reviveMail(id: string): Promise<boolean>
  /** Forgets mails that were sent, dropped or died before that time. Answers how many. */
  forgetMails(beforeMs: number): Promise<number>
}

/** `waiting`: to be sent at `dueMs`. `sent`. `dead`: given up, for an operator to look at. */
export type MailState = 'waiting' | 'sent' | 'dead'

export type NewMail = {
  /** Says what the mail is about, for example `expiry:<certificate key>:30:user`: the same matter, the same id. */
  readonly id: string
  readonly loginId: string
  readonly to: string
  /** All that is needed to write it, as JSON. Holds no secret. */
  readonly body: string
  /** Unit: milliseconds since the epoch. */
  readonly dueMs: number
}

export type Mail = NewMail & {
  readonly state: MailState
  readonly attempts: number
  /** Why the last attempt failed; empty if none did. */
  readonly lastError: string
  /** When it was added or its state changed last. Unit: milliseconds since the epoch. */
  readonly changedMs: number
}

/** `waiting`: the attempt failed, and the next one is due at `dueMs`. `atMs`: when it became so. */
export type MailResult =
  | { readonly state: 'sent'; readonly atMs: number }
  | { readonly state: 'waiting'; readonly dueMs: number; readonly error: string; readonly atMs: number }
  | { readonly state: 'dead'; readonly error: string; readonly atMs: number }
