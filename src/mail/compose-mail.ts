import { hash } from 'node:crypto'
import type { SendMailOptions } from 'nodemailer'
import type { MailOutcome, OutgoingMail } from './mail-outlet.ts'

/**
 * Addresses that mails go to and come from (RFC 5321 4.1.2, without quoted local parts and without other than ASCII): nothing in them
 * can end a header or an SMTP command.
 */
const address = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,251}[A-Za-z0-9]$/

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** Why a mail must not be sent as it is: an address that is none, or a header that would hold another one. Undefined: it may. */
export function findFault(mail: OutgoingMail): MailOutcome | undefined {
  if (!isMailAddress(mail.to)) return { kind: 'address', error: 'the address is no mail address' }
  if (!isMailAddress(mail.from) || (mail.replyTo !== undefined && !isMailAddress(mail.replyTo))) {
    return { kind: 'mail', error: 'the sender is no mail address' }
  }
  if (controls.test(mail.sender) || controls.test(mail.subject)) {
    return { kind: 'mail', error: 'the subject or the name of the sender has control characters in it' }
  }
  return undefined
}

/** Whether a text can stand as the address of a mail. */
export function isMailAddress(text: string): boolean {
  return text.length <= 254 && address.test(text)
}

/** The message for nodemailer. `findFault` has found none. */
export function composeMail(mail: OutgoingMail): SendMailOptions {
  const { id, from, sender, replyTo, to, subject, text, html, dateMs } = mail
  const domain = from.slice(from.indexOf('@') + 1)
  return {
    from: { name: sender, address: from },
    // Addresses as objects are never parsed: a name or a comma in one does not make another recipient.
    to: { name: '', address: to },
    ...(replyTo === undefined ? {} : { replyTo: { name: '', address: replyTo } }),
    envelope: { from, to: [to] },
    subject,
    text,
    html,
    textEncoding: 'base64',
    date: new Date(dateMs),
    messageId: `<${hash('sha256', id, 'hex').slice(0, 32)}@${domain}>`,
    // RFC 3834: answering machines leave it alone.
    headers: { 'Auto-Submitted': 'auto-generated' },
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}
