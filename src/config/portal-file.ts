import { z } from 'zod'
import { flag, pemFile, text, whole } from './field.ts'
import { ownCertificate } from './own-certificate.ts'

const authority = (description: string) =>
  text(description, { expected: 'host:port, its host one of the door’s hostNames (an IPv6 address in brackets)' })

const bilingual = (description: string) =>
  z
    .strictObject({ ja: text(`${description}, in Japanese`), en: text(`${description}, in English`) })
    .optional()
    .describe(description)

const revocable = (description: string, fallback: ('own' | 'general' | 'master')[]) =>
  z
    .array(
      z
        .enum(['own', 'general', 'master'])
        .describe('own: their own; general: those of general users; master: the master’s'),
    )
    .default(fallback)
    .describe(description)

/** The gateway's own pages for users, as they are written. */
export const portalFile = z
  .strictObject({
    enabled: flag(true, 'Whether there are such pages; they need a public door, and a directory'),
    publicAuthority: authority(
      'Where users reach the public door; left out: its first host name, and its first port',
    ).optional(),
    certificateAuthority: authority(
      'Where users reach the certificate door; left out: the first one’s first host name and port',
    ).optional(),
    serviceName: bilingual('Name of the internet banking service on pages and in mails; left out: the institution’s'),
    environments: bilingual(
      'Supported systems and browsers, a line each; left out: Windows 11 and macOS with current Edge or Chrome',
    ),
    revocation: z
      .strictObject({
        master: revocable('Whose certificates a master user may revoke (R14, R15)', ['own', 'general']),
        general: revocable('Whose certificates a general user may revoke', []),
      })
      .describe('Who may revoke whose certificates on pages; within the contract only.')
      .prefault({}),
    passwordLoginPath: text('Path of the application’s login page for contracts in password mode, on the public door', {
      pattern: /^\/[^\s?#]*$/,
      expected: 'a path that starts with /',
    }).default('/login'),
    codeLifeSeconds: whole([30, 3_600], 600, 'How long a one-time code for the enrolment program counts'),
    sessionSeconds: whole([60, 3_600], 600, 'How long an issue page counts after its login'),
    requestsAtOnceMax: whole([1, 10_000], 256, 'Requests to these pages worked on at the same time; one more gets 503'),
    bodyBytesMax: whole([4_096, 1_048_576], 65_536, 'Largest body of a request to these pages'),
  })
  .describe('Pages for users below /.sekisho/ on the public and certificate doors, and EST.')

const verifier = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('directory').describe('Who knows the passwords') }),
    z.strictObject({
      kind: z.literal('http').describe('Who knows the passwords'),
      url: text('Where the banking application checks passwords; see `src/lifecycle/README.md` for what is said', {
        pattern: /^https?:\/\/[^\s/]+(\/\S*)?$/,
        expected: 'an http:// or https:// URL',
      }),
      ca: pemFile('PEM file of the CAs that issue its server certificate; required with https://').optional(),
      ...ownCertificate,
      timeoutMs: whole([50, 60_000], 3_000, 'Longest time for an answer'),
      requestsAtOnceMax: whole([1, 1_024], 32, 'Questions under way at the same time'),
    }),
  ])
  .describe('directory: hashes in the directory (argon2id), for small sites; http: the banking application is asked')

/** How login and confirmation passwords are checked, as it is written. */
export const passwordsFile = z
  .strictObject({
    verifier: verifier.prefault({ kind: 'directory' }),
    attemptsMax: whole([1, 100], 5, 'Wrong passwords of a login ID, one after the other, that lock it'),
    lockMinutes: whole([1, 10_080], 30, 'How long it stays locked; a master or a branch operator may unlock it before'),
    addressFailuresMax: whole(
      [1, 100_000],
      100,
      'Wrong passwords from one address within `addressWindowSeconds`; more get 429',
    ),
    addressWindowSeconds: whole([1, 86_400], 600, 'Time in which they are counted'),
    hashMemoryKib: whole([8_192, 1_048_576], 19_456, 'Memory of one argon2id computation; new hashes only'),
    hashPasses: whole([1, 16], 2, 'Passes of it; new hashes only'),
    hashesAtOnce: whole([1, 64], 2, 'Computations at the same time; others wait'),
    hashQueueMax: whole([0, 10_000], 200, 'How many may wait; one more gets 503'),
  })
  .describe('How login and confirmation passwords are checked.')
