/** A mail ready to leave. */
export type OutgoingMail = {
  /** Of the outbox; the Message-ID is made from it, so that a mail that had to be sent twice is one to the reader’s program. */
  readonly id: string
  readonly from: string
  readonly sender: string
  readonly replyTo: string | undefined
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  /** Unit: milliseconds since the epoch. */
  readonly dateMs: number
}

/**
 * What became of an attempt. `address`: the recipient’s address is refused for good. `mail`: this mail is refused for good. `later`: it
 * may be taken another time. `server`: the server cannot be used now, whatever the mail. `error` holds no secret.
 */
export type MailOutcome =
  | { readonly kind: 'sent' }
  | { readonly kind: 'address' | 'mail' | 'later' | 'server'; readonly error: string }

/** Where mails leave the gateway. */
export type MailOutlet = {
  /** Never rejects, and always ends within `attemptMsMax`. */
  send(mail: OutgoingMail): Promise<MailOutcome>
  /** Longest time of one `send`. Unit: milliseconds. */
  readonly attemptMsMax: number
  /** Mails that may be under way at the same time. */
  readonly width: number
  /** Ends what is under way, abruptly if `force`. */
  close(force: boolean): void
}
