import { type NoticeBody, readBody } from './notice-body.ts'
import type { LifecyclePorts, Mail, MailState } from './ports.ts'

/** What operators need of the outbox. */
export type NoticeDeskStore = Pick<LifecyclePorts['store'], 'mailCounts' | 'mails' | 'readNote' | 'reviveMail' | 'user'>

/** How `lastError` of a mail begins whose address was refused for good. */
export const bouncedMark = 'bounced: '
/** How it begins for one that was not sent because it was no longer true. */
export const withdrawnMark = 'withdrawn: '

/** One mail for people to look at, without its text. */
export type ListedMail = {
  readonly id: string
  readonly kind: NoticeBody['kind'] | 'unknown'
  readonly loginId: string
  readonly to: string
  readonly state: MailState
  readonly attempts: number
  /** Why the last attempt failed; empty if none did. */
  readonly error: string
  /** The address was refused for good. */
  readonly bounced: boolean
  /** It was given up because it was no longer true: the certificate is not in use any more. */
  readonly withdrawn: boolean
  /** When it was added or its state changed last. Unit: milliseconds since the epoch. */
  readonly changedMs: number
  /** When it is tried next. Unit: milliseconds since the epoch. */
  readonly dueMs: number
}

/** A user whose mail address refuses mails. */
export type BouncedAddress = {
  readonly loginId: string
  readonly contractId: string
  readonly address: string
  readonly error: string
  /** Unit: milliseconds since the epoch. */
  readonly sinceMs: number
}

/** Most mails that one list holds. */
export const mailsListedMax = 1_000

/** Mails of a state, newest first, a page after the other: `after` is the last id of the page before. */
export async function listMails(
  filter: { readonly state: MailState; readonly after?: string; readonly limit: number },
  store: Pick<NoticeDeskStore, 'mails'>,
): Promise<ListedMail[]> {
  const mails = await store.mails({ ...filter, limit: Math.min(filter.limit, mailsListedMax) })
  return mails.map(listed)
}

/** Makes a mail that was given up due at once, with no attempts counted; false: there is no such mail. */
export async function reviveMail(id: string, store: Pick<NoticeDeskStore, 'reviveMail'>): Promise<boolean> {
  return await store.reviveMail(id)
}

/**
 * Users whose present address refused a mail for good, newest first, each once, out of the newest `limit` mails that were given up. One
 * that has another address by now, or took a later mail, is not listed.
 */
export async function bouncedAddresses(
  limit: number,
  store: Pick<NoticeDeskStore, 'mails' | 'readNote' | 'user'>,
): Promise<BouncedAddress[]> {
  const found = new Map<string, BouncedAddress>()
  for (let after: string | undefined, seen = 0; seen < limit; ) {
    const pageMax = Math.min(mailsListedMax, limit - seen)
    const page = await store.mails({ state: 'dead', limit: pageMax, ...(after === undefined ? {} : { after }) })
    for (const mail of page) {
      if (!mail.lastError.startsWith(bouncedMark) || found.has(mail.loginId)) continue
      const user = await store.user(mail.loginId)
      if (user?.email !== mail.to || (await store.readNote(bounceNote(mail.loginId))) !== mail.to) continue
      const { loginId, contractId } = user
      const error = mail.lastError.slice(bouncedMark.length)
      found.set(loginId, { loginId, contractId, address: mail.to, error, sinceMs: mail.changedMs })
    }
    after = page.at(-1)?.id
    seen += page.length
    if (page.length < pageMax) break
  }
  return [...found.values()]
}

/** Name of the shared note that says which address of the login ID refuses mails; pages for operators may read it too. */
export function bounceNote(loginId: string): string {
  return `mail:bounced:${loginId}`
}

function listed(mail: Mail): ListedMail {
  const { id, loginId, to, state, attempts, lastError, changedMs, dueMs } = mail
  return {
    id,
    kind: readBody(mail.body)?.kind ?? 'unknown',
    loginId,
    to,
    state,
    attempts,
    error: lastError,
    bounced: lastError.startsWith(bouncedMark),
    withdrawn: lastError.startsWith(withdrawnMark),
    changedMs,
    dueMs,
  }
}
