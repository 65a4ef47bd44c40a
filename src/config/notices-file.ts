import { z } from 'zod'
import { mailAddressPattern } from '../base/mail-address.ts'
import { pemFile, text, whole } from './field.ts'

/** Largest number of days before expiry at which a notice may go out; a contract's own larger ones are passed over. */
export const noticeDaysMax = 120

const address = (description: string) =>
  text(description, { pattern: mailAddressPattern, expected: 'a mail address such as noreply@bank.example' })

const smtp = z
  .strictObject({
    host: text('Where it answers', {
      expected: 'a host name such as smtp.bank.example, without port, or an IP address',
    }),
    port: whole([1, 65_535], 587, 'TCP port; usually 587 with starttls, 465 with tls, 25 with none'),
    security: z
      .enum(['starttls', 'tls', 'none'])
      .default('starttls')
      .describe(
        'starttls: TLS before anything is said, or nothing is sent; tls: from the first byte; none: only for a server on this machine or a network of your own',
      ),
    ca: pemFile(
      'PEM file of the CAs that issue the server’s certificate; left out: the public CAs that Node knows',
    ).optional(),
    username: text('Name to log in with; left out: none is given').optional(),
    password: text('Password for it', {
      expected: `a password, given as \${NAME} or file:PATH`,
      secret: true,
    }).optional(),
    timeoutMs: whole(
      [100, 300_000],
      20_000,
      'Longest silence of the server; a whole mail may take three times as long',
    ),
    connectionsMax: whole([1, 32], 2, 'Connections of one gateway to it at the same time'),
  })
  .optional()
  .describe('The mail server. Left out, without `outboxFolder`: no mails, notices on pages only')

/** Notices of expiry and of acts on certificates (R10), as they are written. */
export const noticesFile = z
  .strictObject({
    days: z
      .array(
        z.number().int().min(0).max(noticeDaysMax).describe('Days before expiry; 0 is the last day of the certificate'),
      )
      .min(1)
      .max(20)
      .default([40, 30, 10, 1])
      .describe(
        'At which a user is told: on pages from the largest on, by mail once at each; a contract may have its own',
      ),
    sendHour: whole([0, 23], 8, 'Hour of the day, in `timeZone`, from which that day’s mails go out'),
    checkMinutes: whole([1, 720], 60, 'How often a gateway looks whether that day’s mails have been written'),
    from: address('Sender of the mails; required with `smtp` or `outboxFolder`').optional(),
    replyTo: address('Where answers go; left out: to the sender').optional(),
    smtp,
    outboxFolder: text('Folder that gets each mail as a file (.eml), in place of a mail server; for trying out', {
      expected: 'the path of a folder',
    }).optional(),
    attemptsMax: whole([1, 100], 10, 'How often a mail is tried before it is given up and kept for an operator to see'),
    retryMinutes: whole([1, 1_440], 5, 'Pause after the first attempt that failed; it doubles with each further one'),
    retryMinutesMax: whole([1, 10_080], 240, 'Longest pause between two attempts'),
    keepDays: whole(
      [noticeDaysMax + 1, 3_650],
      400,
      'How long mails that were sent or given up are remembered, which also keeps them from going out twice',
    ),
  })
  .describe('Notices before a certificate expires, and of each issue, renewal and revocation (R10).')
