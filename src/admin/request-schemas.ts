import { z } from 'zod'
import { revocationReasons } from '../control-path/ports.ts'

const certificatesMax = 10_000
const loginIdsMax = 1_000

const loginId = z.string().min(1).max(256)
const flag = z.enum(['true', 'false']).default('false')

/** Body of `POST /v1/revocations`. */
export const revocationBody = z
  .strictObject({
    certificates: z
      .array(z.strictObject({ issuer: z.string().min(1).max(128), serial: z.string().min(1).max(128) }))
      .max(certificatesMax)
      .default([]),
    loginIds: z.array(loginId).max(loginIdsMax).default([]),
    reason: z.enum(revocationReasons).default('unspecified'),
    comment: z.string().max(1_000).default(''),
    dryRun: z.boolean().default(false),
  })
  .refine(({ certificates, loginIds }) => certificates.length + loginIds.length > 0, {
    error: 'certificates or loginIds must name at least one',
  })

/** Query of `GET /v1/revocations`. */
export const revocationQuery = z.strictObject({
  issuer: z.string().min(1).max(128).optional(),
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

/** Query of `GET /v1/connections`. */
export const connectionQuery = z.strictObject({ loginId: loginId.optional() })

/** Where no query is taken. */
export const emptyQuery = z.strictObject({})
