import { z } from 'zod'

/** Login methods of a contract, as answers and bodies name them. */
export const loginMethods = ['certificate', 'password'] as const

const time = z.iso.datetime().describe('ISO 8601, UTC')
const nextCursor = z.string().optional().describe('Cursor of the next page; left out: that was all')

/** A contract. */
export const contractAnswer = z.object({
  contractId: z.string(),
  loginMethod: z.enum(loginMethods),
  certificateLimit: z.number(),
  name: z.string().optional(),
  noticeDays: z.array(z.number()).readonly().optional(),
})

/** Answer of `GET /v1/contracts`. */
export const contractList = z.object({ contracts: z.array(contractAnswer).readonly(), nextCursor })

/** A user, without credentials. */
export const userAnswer = z.object({
  loginId: z.string(),
  contractId: z.string(),
  role: z.enum(['master', 'general']),
  state: z.enum(['active', 'suspended']),
  name: z.string().optional(),
  email: z.string().optional(),
  language: z.enum(['ja', 'en', '']).optional(),
})

/** Answer of `GET /v1/users/{loginId}`. */
export const userDetail = userAnswer.extend({ lockedUntil: time.optional() })

/** Answer of `GET /v1/users`. */
export const userList = z.object({ users: z.array(userAnswer).readonly(), nextCursor })

const states = ['issued', 'current', 'superseded', 'revoked', 'expired'] as const

const heldCertificate = z.object({
  serial: z.string(),
  issuer: z.string(),
  notBefore: time,
  notAfter: time,
  state: z.enum(states),
  lastSeen: time.optional(),
})

/** A certificate of the directory. */
export const certificateAnswer = heldCertificate.extend({
  loginId: z.string(),
  issuerId: z.string(),
  firstSeen: time.optional(),
})

/** Answer of `GET /v1/users/{loginId}/certificates`. */
export const certificateList = z.object({ certificates: z.array(certificateAnswer).readonly() })

/** Answer of `GET /v1/contracts/{contractId}/users`. */
export const contractUserList = z.object({
  contractId: z.string(),
  users: z
    .array(
      z.object({
        loginId: z.string(),
        name: z.string().optional(),
        role: z.enum(['master', 'general']),
        state: z.enum(['active', 'suspended']),
        lockedUntil: time.optional(),
        certificate: heldCertificate.optional(),
        pending: heldCertificate.optional().describe('Issued and never used, beside one in use'),
      }),
    )
    .readonly(),
})

const shownValue = z.union([z.string(), z.number(), z.null()])
const outcome = z.enum(['added', 'changed', 'unchanged'])

const changes = z.array(z.object({ field: z.string(), from: shownValue, to: shownValue })).readonly()

/** Answer of the routes that set a contract or user. */
export const changeAnswer = z.object({
  dryRun: z.boolean(),
  id: z.string(),
  outcome: outcome.describe('What was done, or with `dryRun` would be'),
  changes,
})

/** Answer of `PUT /v1/contracts/{contractId}/login-method`. */
export const switchAnswer = z.object({
  dryRun: z.boolean(),
  contractId: z.string(),
  previousMethod: z.enum(loginMethods),
  method: z.enum(loginMethods),
  outcome: z.enum(['changed', 'unchanged', 'would_be_changed']),
  users: z.number(),
  certificateHolders: z.number(),
  connectionsCut: z.number(),
  version: z.number(),
})

/** Answer of `POST /v1/users/{loginId}/suspension`. */
export const suspensionAnswer = z.object({
  loginId: z.string(),
  changed: z.boolean(),
  connectionsCut: z.number(),
  version: z.number(),
})

/** Answer of `POST /v1/users/{loginId}/unlock`. */
export const unlockAnswer = z.object({ loginId: z.string(), wasLocked: z.boolean() })

/** Answer of the routes that tell a history, newest first. */
export const historyAnswer = z.object({
  entries: z
    .array(
      z.object({
        at: time,
        what: z.string(),
        who: z.string(),
        requestId: z.string(),
        detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      }),
    )
    .readonly(),
})

/** Answer of `POST /v1/certificates`. */
export const issueAnswer = z.object({
  dryRun: z.boolean(),
  loginId: z.string(),
  outcome: z.enum(['issued', 'given_again', 'would_be_issued', 'would_be_given_again']),
  issuer: z.string().optional(),
  serial: z.string().optional(),
  notBefore: time.optional(),
  notAfter: time.optional(),
  certificate: z.string().optional().describe('PEM'),
  chain: z.string().optional().describe('PEM: the issuing CA and those above it but for the root'),
})

/** Answer of `GET /v1/requests/{requestId}`. */
export const refusedRequestAnswer = z.object({
  requestId: z.string(),
  at: time,
  reason: z.string(),
  loginId: z.string().optional(),
  serial: z.string().optional(),
  door: z.string(),
  address: z.string(),
})

/** Answer of `GET /v1/notices`. */
export const noticeList = z.object({
  notices: z
    .array(
      z.object({
        id: z.string(),
        kind: z.string(),
        loginId: z.string(),
        to: z.string(),
        state: z.enum(['waiting', 'sent', 'dead']),
        attempts: z.number(),
        error: z.string(),
        bounced: z.boolean(),
        withdrawn: z.boolean(),
        changed: time,
        due: time,
      }),
    )
    .readonly(),
  counts: z.object({ waiting: z.number(), sent: z.number(), dead: z.number() }),
  nextCursor,
})

/** Answer of `POST /v1/notices/{id}/revive`. */
export const reviveAnswer = z.object({ id: z.string(), revived: z.literal(true) })

/** Answer of `GET /v1/notices/foresee`. */
export const foreseeAnswer = z.object({
  date: z.string(),
  notices: z
    .array(
      z.object({
        loginId: z.string(),
        contractId: z.string(),
        email: z.string().describe('Empty: there is none, so nothing goes out'),
        expires: time,
        step: z.number(),
        daysLeft: z.number(),
        alreadySent: z.boolean(),
      }),
    )
    .readonly(),
  total: z.number(),
})

/** Answer of `GET /v1/notices/bounced`. */
export const bouncedAnswer = z.object({
  addresses: z
    .array(
      z.object({
        loginId: z.string(),
        contractId: z.string(),
        address: z.string(),
        error: z.string(),
        since: time,
      }),
    )
    .readonly(),
})

/** Answer of `GET /v1/crls` and of `POST /v1/crls/look`; what is not known is left out. */
export const crlList = z.object({
  crls: z
    .array(
      z.object({
        issuer: z.string(),
        list: z.string().describe('Name of the list, with +delta for its delta list'),
        place: z.string().optional().describe('Where it came from: URL or path'),
        number: z.string().optional().describe('Decimal'),
        thisUpdate: time.optional(),
        nextUpdate: time.optional(),
        entries: z.number().optional(),
        lookedAt: time.optional().describe('When a look last ended well, by any gateway'),
        result: z
          .enum(['applied', 'unchanged', 'expired', 'rolled_back', 'refused', 'unreadable', 'unreachable', 'failed'])
          .optional()
          .describe('How the last look of this gateway ended'),
        fault: z.string().optional().describe('What was wrong then'),
      }),
    )
    .readonly(),
})

/** Answer of `POST /v1/crls/import`. */
export const crlImportAnswer = z.object({
  issuer: z.string(),
  dryRun: z.boolean(),
  number: z.string().optional().describe('Decimal'),
  thisUpdate: time,
  nextUpdate: time.optional(),
  isDelta: z.boolean(),
  entries: z.number(),
  revoked: z.number().describe('Entries that were not revoked; with `dryRun` those that would be'),
  alreadyRevoked: z.number(),
  connectionsCut: z.number(),
  warnings: z.array(z.string()).readonly(),
})

/** One object of the answer of `POST /v1/directory/import`: what a line does; the last one has `done`. */
export const importAnswer = z.union([
  z.object({ line: z.number(), id: z.string(), outcome: z.enum(['added', 'changed']), changes }),
  z.object({ line: z.number(), outcome: z.literal('refused'), field: z.string(), problem: z.string() }),
  z.object({
    done: z.literal(true),
    dryRun: z.boolean(),
    applied: z.boolean(),
    added: z.number(),
    changed: z.number(),
    unchanged: z.number(),
    refused: z.number(),
  }),
  z.object({ done: z.literal(false), problem: z.object({}) }),
])
