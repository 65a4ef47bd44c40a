import { createTransport, type NodemailerError } from 'nodemailer'
import type { MailDeliveryConfig } from '../config/gateway-config.ts'
import { composeMail, findFault } from './compose-mail.ts'
import type { MailOutcome, MailOutlet } from './mail-outlet.ts'

type SmtpConfig = Extract<MailDeliveryConfig, { kind: 'smtp' }>

/** A mail may take so many times the longest silence: connection, TLS, log-in and delivery. */
const attemptFactor = 3
const errorLengthMax = 300

/**
 * Sends mails through a mail server (RFC 5321), over connections that are kept for a while. With `starttls` nothing is said before TLS
 * stands (RFC 3207), and the server is known by the configured CAs alone. A server that is slow is left after `timeoutMs` of silence.
 */
export function createSmtpOutlet(config: SmtpConfig): MailOutlet {
  const { host, port, security, caPem, username, password, timeoutMs, connectionsMax } = config
  const transport = createTransport({
    pool: true,
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(username === undefined || password === undefined ? {} : { auth: { user: username, pass: password } }),
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(caPem === undefined ? {} : { ca: caPem }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    maxConnections: connectionsMax,
    // A connection that the server closed while it was idle shows when it is used; then once more, on a new one.
    maxRequeues: 1,
    idleTimeout: timeoutMs,
    logger: false,
  })
  // Failures of idle connections; those of mails come with the mail.
  transport.on('error', () => {})
  const attemptMsMax = attemptFactor * timeoutMs
  return {
    width: connectionsMax,
    attemptMsMax,
    async send(mail) {
      const fault = findFault(mail)
      if (fault !== undefined) return fault
      try {
        await transport.sendMail({ ...composeMail(mail), signal: AbortSignal.timeout(attemptMsMax) })
        return { kind: 'sent' }
      } catch (error) {
        return outcomeOf(error as NodemailerError, password)
      }
    },
    close: (force) => transport.close({ force }),
  }
}

/**
 * What the server meant. Refusing the recipient for good (5yz to RCPT) is a bounce, unless the reason is policy (5.7.z, RFC 3463 3.8) or
 * that somebody must log in (530): then the server is set up wrongly or in a mood, and the address may be fine.
 */
export function outcomeOf(error: NodemailerError, secret?: string): MailOutcome {
  const { code, command, responseCode = 0, response = '' } = error
  const text = describe(error, secret)
  const isFinal = responseCode >= 500 && responseCode < 600 && responseCode !== 503
  if (command === 'RCPT TO' || (code === 'EENVELOPE' && command === 'API')) {
    if (command === 'API') return { kind: 'address', error: text }
    if (responseCode === 421) return { kind: 'server', error: text }
    const policy = responseCode === 530 || /^\d{3}[ -]5\.7\.\d/.test(response)
    return { kind: isFinal && !policy ? 'address' : 'later', error: text }
  }
  if (command === 'DATA' && responseCode !== 0 && responseCode !== 421) {
    return { kind: isFinal ? 'mail' : 'later', error: text }
  }
  return { kind: 'server', error: text }
}

/** One short line without control characters, and without the password, whatever the server said. */
function describe({ code, command, message }: NodemailerError, secret: string | undefined): string {
  const safe = secret === undefined || secret === '' ? message : message.replaceAll(secret, '(not shown)')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a server may send any
  const line = safe.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
  const place = [code, command].filter((part) => part !== undefined).join(' ')
  return `${place}: ${line}`.slice(0, errorLengthMax)
}
