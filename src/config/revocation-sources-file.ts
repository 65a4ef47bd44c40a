import { z } from 'zod'
import { flag, labelName, pemFile, text, whole } from './field.ts'

const place = (description: string) =>
  text(description, {
    pattern: /^(https?:\/\/[^\s/]+(\/\S*)?|(?!https?:)\S.*)$/,
    expected: 'an http:// or https:// URL, or the path of a file',
  })

const list = z.strictObject({
  name: labelName('Name in metrics, logs and CLI; each of the issuer’s lists has its own', 'a list').default('crl'),
  from: z
    .array(place('One place'))
    .min(1)
    .describe('Where the complete list is: URLs and files (DER or PEM), the first that gives a usable list counts'),
  delta: z
    .array(place('One place'))
    .default([])
    .describe('Where its delta list is, in the same way; empty: there is none'),
  ca: pemFile(
    'PEM file of the CAs that issue the server certificate of https:// places; no other is trusted',
  ).optional(),
  pollSeconds: whole([5, 604_800], 300, 'How often it is looked for a new list; also right after its nextUpdate'),
  restoreRemovedHolds: flag(
    false,
    'Whether removeFromCRL in a delta list restores a certificate, if it was revoked by this CA’s certificateHold and by nobody else since',
  ),
})

/** CRLs that another CA publishes, of one issuer. */
export const crlsFile = z
  .array(list)
  .default([])
  .describe('CRLs of this issuer that are taken; empty: none, which is no error')

/** Questions to an issuer's OCSP responder. */
export const ocspFile = z
  .strictObject({
    url: text('OCSP responder of the issuer', {
      pattern: /^https?:\/\/[^\s/]+(\/\S*)?$/,
      expected: 'an http:// or https:// URL',
    }),
    ca: pemFile('PEM file of the CAs that issue its server certificate; required with https://').optional(),
    policy: z
      .enum(['revokedOnly', 'mustBeGood'])
      .default('revokedOnly')
      .describe(
        'revokedOnly: refused once the responder has said revoked; mustBeGood: refused unless it has said good, and no longer than it vouches for that',
      ),
    waitMs: whole([0, 10_000], 1_000, 'mustBeGood: how long a login waits for the first answer on its certificate'),
    timeoutMs: whole([100, 60_000], 5_000, 'Longest time for an answer'),
    retrySeconds: whole([1, 3_600], 30, 'After a failure, how long the same certificate is not asked about'),
    validitySeconds: whole([10, 604_800], 3_600, 'How long an answer without nextUpdate counts, and any at most'),
    requestsAtOnceMax: whole([1, 256], 8, 'Questions under way at the same time'),
    queueMax: whole(
      [1, 1_000_000],
      10_000,
      'Certificates that may wait for a question; beyond, they wait for the next round',
    ),
    nonce: flag(true, 'Whether questions carry a nonce; an answer with another nonce is refused, one without is taken'),
  })
  .optional()
  .describe('Questions to the issuer’s OCSP responder, in the background; left out: none')

/** Limits of all CRLs that are taken. */
export const crlFetchFile = z
  .strictObject({
    bytesMax: whole([1_024, 1_073_741_824], 104_857_600, 'Largest list, as it is transferred'),
    entriesMax: whole([1, 20_000_000], 2_000_000, 'Most entries of a list'),
    timeoutMs: whole([1_000, 3_600_000], 120_000, 'Longest time for one transfer'),
    idleTimeoutMs: whole([100, 600_000], 10_000, 'Longest time without a byte'),
    redirectsMax: whole([0, 10], 3, 'Redirects that are followed'),
    retrySeconds: whole([1, 3_600], 30, 'Pause after a failure, doubled up to the list’s `pollSeconds`'),
    clockSkewSeconds: whole([0, 86_400], 300, 'How far clocks of CAs and responders may be off'),
  })
  .describe('Limits on CRLs that are taken from other CAs, and on clocks of OCSP responders.')
