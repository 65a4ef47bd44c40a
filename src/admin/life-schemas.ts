import { z } from 'zod'
import { loginMethods } from './answer-schemas.ts'

const reason = z.string().max(200).describe('In the operator’s own words, for the audit log')
const idText = z.string().min(1).max(256)
const pageLimit = z.coerce.number().int().min(1).max(1_000).default(100).describe('Most entries in one answer')
const flag = (fallback: 'true' | 'false') => z.enum(['true', 'false']).default(fallback)
const dryRunField = z.boolean().default(false).describe('Says what would happen and changes nothing')

/** Query of lists of ids. */
export const idQuery = z.strictObject({
  prefix: z.string().max(64).default('').describe('How the ids begin'),
  cursor: z.string().min(1).max(64).optional().describe('`nextCursor` of the page before'),
  limit: pageLimit,
})

/** Query where only the number of entries is said. */
export const limitQuery = z.strictObject({ limit: pageLimit })

/** Body of `PUT /v1/contracts/{contractId}`; what is left out stays, an empty name or list is taken away. */
export const contractBody = z.strictObject({
  loginMethod: z
    .enum(loginMethods)
    .optional()
    .describe('Of a new contract; afterwards it changes by its own route alone'),
  certificateLimit: z.number().int().optional().describe('How many login IDs may hold a certificate; default 100'),
  name: z.string().max(200).optional(),
  noticeDays: z.array(z.number().int()).max(100).optional().describe('Days before expiry; empty: as configured'),
  dryRun: dryRunField,
})

/** Body of `PUT /v1/contracts/{contractId}/login-method`. */
export const loginMethodBody = z.strictObject({
  method: z.enum(loginMethods),
  form: z.string().max(200).describe('Number of the paper form, 1 to 64 characters'),
  reason,
  dryRun: dryRunField,
})

/** Body of `PUT /v1/users/{loginId}`; what is left out stays, an empty text is taken away. */
export const userBody = z.strictObject({
  contractId: idText.optional().describe('A new user needs one'),
  role: z.enum(['master', 'general']).optional().describe('A new user needs one'),
  name: z.string().max(200).optional(),
  email: z.string().max(320).optional(),
  language: z.enum(['ja', 'en', '']).optional().describe('Of mails; empty: both'),
  dryRun: dryRunField,
})

/** Body of `POST /v1/users/{loginId}/suspension`. */
export const suspensionBody = z.strictObject({ suspended: z.boolean(), reason })

/** Body of `POST /v1/certificates`. */
export const issueBody = z.strictObject({
  loginId: idText,
  signingRequest: z.string().min(1).max(16_384).describe('PKCS #10 in PEM'),
  reason: reason.min(1),
  dryRun: dryRunField,
})

/** Query of `GET /v1/notices`. */
export const noticeQuery = z.strictObject({
  state: z.enum(['waiting', 'sent', 'dead']).default('dead'),
  cursor: z.string().min(1).max(512).optional().describe('`nextCursor` of the page before'),
  limit: pageLimit,
})

/** Query of `GET /v1/notices/foresee`. */
export const foreseeQuery = z.strictObject({
  date: z.string().min(1).max(40).describe('YYYY-MM-DD, in the time zone of the gateway'),
})

const directoryKind = z.enum(['contracts', 'users'])

/** Query of `POST /v1/directory/import`. */
export const importQuery = z.strictObject({ kind: directoryKind, dryRun: flag('true') })

/** Query of `GET /v1/directory/export`. */
export const exportQuery = z.strictObject({ kind: directoryKind, format: z.enum(['csv', 'ndjson']).default('csv') })
