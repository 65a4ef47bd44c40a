import { withRotations } from './log-files.ts'
import { type AccessLine, type AuditLine, type LogSearch, type Searched, searchLogs } from './search-logs.ts'

/** Where the logs are; undefined: there is none, or nobody knows. */
export type LogPlaces = {
  readonly accessLog: string | undefined
  readonly auditLog: string | undefined
  /** What `-` means as the access log. */
  readonly input: AsyncIterable<Uint8Array> | undefined
}

/** A refusal as `GET /v1/requests/{requestId}` has it. */
export type KnownRefusal = {
  readonly at: string
  readonly reason: string
  readonly loginId?: string
  readonly serial?: string
  readonly door: string
  readonly address: string
}

/** All that was found of a request. */
export type FoundRequest = {
  readonly requestId: string
  readonly access: AccessLine | undefined
  /** Under the same request id, in the order of the log. */
  readonly audit: readonly AuditLine[]
  /** What happened to the same login ID or certificate until then, the last of it. */
  readonly related: readonly AuditLine[]
  readonly refusal: KnownRefusal | undefined
  readonly searched: readonly Searched[]
}

/** Records of one request that are kept; a push of many certificates has many. */
const auditMax = 20
const relatedMax = 5
/** An act is put on record after it has cut connections, not before. Unit: milliseconds. */
const afterwardsMs = 10_000

/** Events that change who is let in. */
const changes: ReadonlySet<string> = new Set([
  'certificate_issued',
  'certificate_renewed',
  'certificate_restored',
  'certificate_revoked',
  'certificate_superseded',
  'certificates_revoked',
  'rule_published',
  'rule_withdrawn',
  'user_reinstated',
  'user_suspended',
])

/** Looks through both logs, rotated ones too. `refusal`: what the admin door had to say. Never throws. */
export async function findRequest(
  requestId: string,
  places: LogPlaces,
  refusal: KnownRefusal | undefined,
): Promise<FoundRequest> {
  const access = await searchAccess(requestId, places)
  const auditFiles = places.auditLog === undefined ? [] : await withRotations(places.auditLog)
  const isOf = (line: AuditLine) => line.requestId === requestId
  const audit = await searchLogs<AuditLine>({ files: auditFiles, texts: [requestId], wanted: isOf, keep: auditMax })
  const line = access.found[0]
  const known = subjectOf({ access: line, audit: audit.found, refusal })
  const isOfSomebody = isProven({ access: line, audit: audit.found, refusal })
  const related = isOfSomebody ? await searchRelated(auditFiles, known, isOf) : []
  return {
    requestId,
    access: line,
    audit: audit.found,
    related,
    refusal,
    searched: [...access.searched, ...audit.searched],
  }
}

async function searchAccess(requestId: string, { accessLog, input }: LogPlaces): Promise<LogSearch<AccessLine>> {
  if (accessLog === undefined) return { found: [], searched: [] }
  const wanted = (line: AccessLine) => line.requestId === requestId
  const search = { texts: [requestId], wanted, keep: 1 }
  if (accessLog !== '-') return await searchLogs({ ...search, files: await withRotations(accessLog) })
  if (input === undefined) return { found: [], searched: [] }
  return await searchLogs({ ...search, files: ['standard input'], open: () => input })
}

type Subject = {
  readonly loginId: string | undefined
  readonly serial: string | undefined
  readonly until: string | undefined
}

/** Whom the request was of, from whichever source knows. */
export function subjectOf({ access, audit, refusal }: Pick<FoundRequest, 'access' | 'audit' | 'refusal'>): Subject {
  const [first] = audit
  const audited = first?.detail?.loginId
  const target = first?.target
  return {
    loginId: access?.loginId ?? refusal?.loginId ?? (typeof audited === 'string' ? audited : undefined),
    serial: access?.certificateSerial ?? refusal?.serial ?? (target?.kind === 'certificate' ? target.name : undefined),
    until: access?.time ?? first?.time ?? refusal?.at,
  }
}

/** Refused before a trusted CA's signature was found: what the certificate says of itself is anybody's word. */
const unprovenReasons: ReadonlySet<string> = new Set(['certificate_unreadable', 'issuer_not_trusted'])

/** Whether whom the request was of is more than the word of a certificate that no CA vouches for. */
export function isProven({ access, audit, refusal }: Pick<FoundRequest, 'access' | 'audit' | 'refusal'>): boolean {
  const reason = access?.outcome ?? refusal?.reason ?? audit.find(({ event }) => event === 'login_refused')?.reason
  return reason === undefined || !unprovenReasons.has(reason)
}

async function searchRelated(
  files: readonly string[],
  { loginId, serial, until }: Subject,
  isOf: (line: AuditLine) => boolean,
): Promise<readonly AuditLine[]> {
  const texts = [loginId, serial].filter((text) => text !== undefined && text !== '') as string[]
  if (texts.length === 0 || until === undefined) return []
  const latestMs = Date.parse(until) + afterwardsMs
  const wanted = (line: AuditLine) => {
    if (!changes.has(line.event) || Date.parse(line.time) > latestMs || isOf(line)) return false
    const { actor, target, detail = {} } = line
    const said = [actor?.name ?? '', target?.name ?? '', ...Object.values(detail).map(String)].join(' ')
    return said.split(/[^\p{L}\p{N}._@-]+/u).some((word) => word === loginId || word === serial)
  }
  return (await searchLogs<AuditLine>({ files, texts, wanted, keep: relatedMax })).found
}
