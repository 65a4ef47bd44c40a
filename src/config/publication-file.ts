import { z } from 'zod'
import { text, whole } from './field.ts'

const crl = z
  .strictObject({
    validitySeconds: whole(
      [60, 31_536_000],
      86_400,
      'From thisUpdate to nextUpdate; a new one is signed at half of it',
    ),
    deltaBaseSeconds: whole(
      [60, 31_536_000],
      3_600,
      'How old the complete list may be to which the delta list tells the difference',
    ),
    settleMs: whole([0, 60_000], 200, 'How long changes are gathered before a list is signed'),
    maxAgeSeconds: whole([0, 86_400], 30, 'How long caches may keep a list without asking'),
  })
  .describe('The CRL of the issuing CA.')
  .prefault({})

const ocsp = z
  .strictObject({
    validitySeconds: whole([10, 604_800], 300, 'From thisUpdate to nextUpdate: so long may others rely on an answer'),
    maxAgeSeconds: whole([0, 604_800], 30, 'How long caches may keep an answer without asking'),
    responderDays: whole(
      [1, 90],
      7,
      'How long the certificate is valid with which answers are signed; a new one is made at half of it',
    ),
    certificatesMax: whole([1, 1_000], 20, 'Certificates that one request may ask about'),
    requestBytesMax: whole([512, 1_048_576], 16_384, 'Largest request'),
    cacheEntriesMax: whole([100, 10_000_000], 100_000, 'Signed answers that are kept'),
    lookUpsMax: whole(
      [1, 10_000],
      64,
      'Certificates looked up in the directory at the same time; one more gets tryLater',
    ),
  })
  .describe('The OCSP responder of the issuing CA.')
  .prefault({})

/** What the issuing CA tells relying parties, as it is written. */
export const publicationFile = z
  .strictObject({
    baseUrl: text(
      'Where relying parties reach /pki and /ocsp, for the certificates that are issued; left out: the public door',
      { pattern: /^https?:\/\/[^\s/?#]+$/, expected: 'http:// or https:// and a host, without a path' },
    ).optional(),
    crl,
    ocsp,
    requestsAtOnceMax: whole([1, 100_000], 1_024, 'Requests worked on at the same time; one more gets 503'),
  })
  .optional()
  .describe(
    'CRL, OCSP and CA certificate of the issuing CA, below /pki and /ocsp on the public door. Left out: nothing is published.',
  )
