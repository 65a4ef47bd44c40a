import { resolve } from 'node:path'
import type { ConfigFile } from './config-file.ts'
import type { MailDeliveryConfig, NoticesConfig } from './gateway-config.ts'
import { isLoopback, normaliseHost } from './host-name.ts'
import { readClientTls } from './read-client-tls.ts'
import type { PemContext } from './read-pems.ts'

type Written = ConfigFile['notices']
const section = ['notices']

/**
 * The notices, largest number of days first, and how their mails leave. Notes days named twice, two ways out or none for a sender, a
 * host that is none, a password that would cross the network in the clear, and mails where nobody is known to write to.
 */
export function readNotices(
  written: Written,
  directory: ConfigFile['directory'] | undefined,
  context: PemContext,
): NoticesConfig {
  const { problems } = context
  const { smtp, outboxFolder, from, ...rest } = written
  const delivers = smtp !== undefined || outboxFolder !== undefined
  if (smtp !== undefined && outboxFolder !== undefined) {
    problems.add([...section, 'outboxFolder'], { expected: 'a field without smtp beside it' })
  }
  if (delivers && from === undefined) problems.add([...section, 'from'], { reason: 'mails need a sender' })
  if (delivers && directory === 'none') {
    const reason = 'directory is none, so that no user’s address is known'
    problems.add([...section, smtp === undefined ? 'outboxFolder' : 'smtp'], {
      expected: 'a field that is left out',
      reason,
    })
  }
  for (const [index, day] of written.days.entries()) {
    if (written.days.indexOf(day) !== index) {
      problems.add([...section, 'days', index], { expected: 'a number named once' })
    }
  }
  if (written.retryMinutesMax < written.retryMinutes) {
    const expected = `at least notices.retryMinutes, which is ${written.retryMinutes}`
    problems.add([...section, 'retryMinutesMax'], { expected })
  }
  return {
    ...rest,
    days: written.days.toSorted((a, b) => b - a),
    from: from ?? '',
    delivery: readDelivery(written, context),
  }
}

function readDelivery(written: Written, context: PemContext): MailDeliveryConfig | undefined {
  const { smtp, outboxFolder } = written
  if (smtp !== undefined) return readSmtp(smtp, context)
  return outboxFolder === undefined ? undefined : { kind: 'folder', folder: resolve(context.folder, outboxFolder) }
}

function readSmtp(written: NonNullable<Written['smtp']>, context: PemContext): MailDeliveryConfig {
  const { problems } = context
  const path = [...section, 'smtp']
  const { ca, host: text, username, password, ...rest } = written
  const host = normaliseHost(text)
  if (host === undefined) problems.add([...path, 'host'], {})
  if ((username === undefined) !== (password === undefined)) {
    problems.add([...path, username === undefined ? 'username' : 'password'], {
      reason: 'one stands there without the other',
    })
  }
  if (written.security === 'none') {
    if (ca !== undefined) {
      problems.add([...path, 'ca'], { expected: 'a field that is left out', reason: 'security is none' })
    }
    if (host !== undefined && !isLoopback(host)) {
      if (password !== undefined) {
        problems.add([...path, 'security'], {
          expected: 'starttls or tls',
          reason: 'the password would cross the network in the clear',
        })
      }
      problems.warn('notices.smtp.security is none: mails cross the network in the clear')
    }
  } else if (ca === undefined) {
    problems.warn('notices.smtp.ca is not given: any public CA that Node knows may vouch for the mail server')
  }
  const { caPem } = readClientTls({ ca }, path, context)
  return { kind: 'smtp', ...rest, host: host ?? text, caPem, username, password }
}
