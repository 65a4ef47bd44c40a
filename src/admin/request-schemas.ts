import { z } from 'zod'
import { revocationReasons } from '../control-path/ports.ts'
import type { BulkEntry } from '../lifecycle/bulk-entry.ts'
import { lineBytesMax } from './body-lines.ts'

const certificatesMax = 10_000
const loginIdsMax = 1_000

const loginId = z.string().min(1).max(256)
const issuer = z.string().min(1).max(128)
const serial = z.string().min(1).max(128)
const reason = z.enum(revocationReasons)
const comment = z.string().max(1_000)
const waitSecondsMax = 120
const waitSecondsDefault = 30
const flag = z.enum(['true', 'false']).default('false')

/** What every body that revokes may say beside what it revokes. */
const changeFields = {
  reason: reason.default('unspecified'),
  comment: comment.default(''),
  dryRun: z.boolean().default(false),
  wait: z.boolean().default(false),
  waitSeconds: z.number().int().min(1).max(waitSecondsMax).default(waitSecondsDefault),
}

/** Body of `POST /v1/revocations`. */
export const revocationBody = z
  .strictObject({
    certificates: z.array(z.strictObject({ issuer, serial })).max(certificatesMax).default([]),
    loginIds: z.array(loginId).max(loginIdsMax).default([]),
    ...changeFields,
  })
  .refine(({ certificates, loginIds }) => certificates.length + loginIds.length > 0, {
    error: 'certificates or loginIds must name at least one',
  })

/** Query of `POST /v1/revocations/bulk`. */
export const bulkQuery = z.strictObject({
  dryRun: flag,
  onInvalid: z.enum(['stop', 'skip']).default('stop'),
  reason: changeFields.reason,
  comment: changeFields.comment,
  wait: flag,
  waitSeconds: z.coerce.number().int().min(1).max(waitSecondsMax).default(waitSecondsDefault),
})

/** One line of `POST /v1/revocations/bulk`. */
export const bulkEntry = z
  .strictObject({
    issuer: issuer.optional(),
    serial: serial.optional(),
    loginId: loginId.optional(),
    certificate: z.string().min(1).max(lineBytesMax).optional(),
    reason: reason.optional(),
    comment: comment.optional(),
  })
  .transform(({ issuer, serial, loginId, certificate, ...why }, context): BulkEntry => {
    if (loginId === undefined && certificate === undefined && issuer !== undefined && serial !== undefined) {
      return { issuer, serial, ...definedOnly(why) }
    }
    if (issuer === undefined && serial === undefined) {
      if (loginId !== undefined && certificate === undefined) return { loginId, ...definedOnly(why) }
      if (certificate !== undefined && loginId === undefined) return { certificate, ...definedOnly(why) }
    }
    context.addIssue('it must name issuer and serial, or loginId, or certificate')
    return z.NEVER
  })

/** An ISO 8601 time with its offset from UTC, as milliseconds since the epoch. */
const instant = z.iso
  .datetime({ offset: true, error: 'it must be a time in ISO 8601 with an offset, such as 2027-03-01T09:00:00+09:00' })
  .transform((text) => Date.parse(text))

/** Body of `POST /v1/revocation-rules`. */
export const ruleBody = z.strictObject({ issuer, notBeforeFrom: instant, notBeforeTo: instant, ...changeFields })

/** Query of `GET /v1/revocation-rules`. */
export const ruleQuery = z.strictObject({
  issuer: issuer.optional(),
  loginId: loginId.optional(),
  cursor: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})

/** Query of `DELETE /v1/revocation-rules/{ruleId}`. */
export const withdrawQuery = z.strictObject({
  dryRun: flag,
  reason: z.string().max(200).default(''),
  comment: changeFields.comment,
})

/** Query of `GET /v1/revocations`. */
export const revocationQuery = z.strictObject({
  issuer: issuer.optional(),
  loginId: loginId.optional(),
  cursor: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
})

/** Query of `DELETE /v1/revocations/{issuer}/{serial}`. */
export const restoreQuery = z.strictObject({
  dryRun: flag,
  reason: z.string().max(200).default(''),
  comment: z.string().max(1_000).default(''),
})

/** Body of `POST /v1/crls/look`. */
export const crlLookBody = z.strictObject({ issuer: issuer.optional().describe('Left out: of every issuer') })

/** Query of `POST /v1/crls/import`. */
export const crlImportQuery = z.strictObject({ issuer, dryRun: flag })

/** Query of `GET /v1/connections`. */
export const connectionQuery = z.strictObject({ loginId: loginId.optional() })

/** Where no query is taken. */
export const emptyQuery = z.strictObject({})

function definedOnly({ reason, comment }: { reason?: BulkEntry['reason'] | undefined; comment?: string | undefined }) {
  return { ...(reason === undefined ? {} : { reason }), ...(comment === undefined ? {} : { comment }) }
}
