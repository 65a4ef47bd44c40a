import { GatewayError } from '../base/errors.ts'
import { type CertificateName, nameCertificate, resolveCertificate } from './issuer-names.ts'
import type { Actor, CertificateKey, LifecyclePorts, RevocationReason, RevocationRequest } from './ports.ts'
import { publishLoginRules } from './publish-rule.ts'
import { tellRevoked } from './tell-revoked.ts'

export type RevokeRequest = {
  /** Certificates by issuer and serial number, known here or not. */
  readonly certificates: readonly CertificateName[]
  /**
   * Every unexpired certificate of these login IDs is revoked (R17), and a rule refuses whatever they had until now, so that
   * certificates which nobody has seen are covered too.
   */
  readonly loginIds: readonly string[]
  readonly reason: RevocationReason
  readonly comment: string
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean
}

export type RevokedCertificate = CertificateName & {
  readonly issuerId: string
  readonly loginId: string | undefined
  readonly outcome: 'revoked' | 'already_revoked' | 'would_be_revoked'
}

export type RevokeResult = {
  readonly dryRun: boolean
  /** Revoked now, or with `dryRun` those that would be. */
  readonly revoked: number
  readonly alreadyRevoked: number
  /** With `dryRun` always 0. */
  readonly connectionsCut: number
  /** Replicas of the store that have the certificates; missing where it has none, and with `dryRun`. */
  readonly replicas?: number
  /** Version of the store with which all of it is in force; 0 with `dryRun`. */
  readonly version: number
  readonly certificates: readonly RevokedCertificate[]
  /** What the operator should know, one sentence each. */
  readonly notes: readonly string[]
}

const suggestionsMax = 5
/** How often certificates are looked for that are reserved while a login ID is being revoked. */
const reservedRoundsMax = 5

type Published = Awaited<ReturnType<LifecyclePorts['publisher']['publish']>>

/**
 * Revokes certificates, and answers when all workers of this gateway have applied it. Repeating it changes nothing.
 * Throws `admin_request_invalid` and `serial_invalid` (see `resolveCertificate`), `admin_not_found` for a login ID that the
 * directory does not know and that has no live connection, `store_unavailable`.
 */
export async function revoke(request: RevokeRequest, actor: Actor, ports: LifecyclePorts): Promise<RevokeResult> {
  const { targets, notes } = await findTargets(request, ports)
  if (request.dryRun) return await foresee(targets, notes, ports)

  const { reason, comment } = request
  const named = [...targets].map(([key, loginId]) => ({ key, loginId, reason, comment }))
  const first = await publishOnRecord(named, actor, ports)
  const rules = await publishLoginRules(unique(request.loginIds), actor, { reason, comment, ports })
  const late = await revokeReserved(targets, actor, { request, ports })
  const { outcomes, connectionsCut, replicas, version } = together([first, ...late])
  const certificates = outcomes.map(({ key, outcome }) => ({
    ...nameCertificate(key, ports.issuers),
    loginId: targets.get(key),
    outcome,
  }))
  await tellRevoked(outcomes, targets, { request, actor, ports })
  return {
    dryRun: false,
    revoked: certificates.filter(({ outcome }) => outcome === 'revoked').length,
    alreadyRevoked: certificates.filter(({ outcome }) => outcome === 'already_revoked').length,
    connectionsCut: connectionsCut + rules.connectionsCut,
    ...(replicas === undefined ? {} : { replicas }),
    version: Math.max(version, rules.version),
    certificates,
    notes,
  }
}

/**
 * Revokes what was reserved for the login IDs while they were being revoked (R17), and adds it to the targets. What is reserved after this
 * has looked is refused by whoever issues it, who looks after reserving.
 */
async function revokeReserved(
  targets: Targets,
  actor: Actor,
  { request, ports }: { request: RevokeRequest; ports: LifecyclePorts },
): Promise<readonly Published[]> {
  const { reason, comment } = request
  const published: Published[] = []
  for (let round = 0; round < reservedRoundsMax; round++) {
    const requests: RevocationRequest[] = []
    for (const loginId of unique(request.loginIds)) {
      for (const { key, revoked } of await ports.store.certificatesOf(loginId, ports.nowMs())) {
        if (revoked || targets.has(key)) continue
        targets.set(key, loginId)
        requests.push({ key, loginId, reason, comment })
      }
    }
    if (requests.length === 0) break
    published.push(await publishOnRecord(requests, actor, ports))
  }
  return published
}

function together(parts: readonly Published[]): Published {
  const counts = parts.flatMap(({ replicas }) => replicas ?? [])
  return {
    outcomes: parts.flatMap(({ outcomes }) => outcomes),
    connectionsCut: parts.reduce((sum, part) => sum + part.connectionsCut, 0),
    replicas: counts.length === 0 ? undefined : Math.min(...counts),
    version: Math.max(...parts.map(({ version }) => version)),
  }
}

/**
 * Every revocation is put on record (R25), with the outcome `unconfirmed` when the publisher failed: the store may have taken
 * some or all of them by then, and what it took is applied later.
 */
async function publishOnRecord(requests: readonly RevocationRequest[], actor: Actor, ports: LifecyclePorts) {
  try {
    const published = await ports.publisher.publish(requests, actor)
    for (const [position, { outcome }] of published.outcomes.entries()) record(requests[position], outcome)
    return published
  } catch (error) {
    for (const request of requests) record(request, 'unconfirmed')
    throw error
  }

  function record(request: RevocationRequest | undefined, outcome: string): void {
    if (request === undefined) return
    const { issuer, serial } = nameCertificate(request.key, ports.issuers)
    ports.audit({
      event: 'certificate_revoked',
      actor: { kind: actor.kind ?? 'operator', name: actor.name },
      target: { kind: 'certificate', name: `${issuer} ${serial}` },
      reason: request.reason,
      requestId: actor.requestId,
      detail: { loginId: request.loginId, outcome, comment: request.comment, role: actor.role },
    })
  }
}

type Targets = Map<CertificateKey, string | undefined>

async function findTargets(request: RevokeRequest, ports: LifecyclePorts) {
  const targets: Targets = new Map()
  const notes: string[] = []
  for (const [position, certificate] of request.certificates.entries()) {
    const key = resolveCertificate(certificate, { issuers: ports.issuers, path: `certificates[${position}]` })
    targets.set(key, undefined)
  }
  for (const [position, loginId] of request.loginIds.entries()) {
    const keys = await keysOf(loginId, ports)
    if (keys.length === 0) await checkLoginId(loginId, { path: `loginIds[${position}]`, ports })
    for (const key of keys) targets.set(key, loginId)
    notes.push(describeRule(loginId, { known: keys.length, dryRun: request.dryRun }))
  }
  return { targets, notes }
}

function describeRule(loginId: string, { known, dryRun }: { known: number; dryRun: boolean }): string {
  const unknown = known > 0 ? '' : 'no unexpired certificate is known here and none is connected; '
  const refused = dryRun ? 'would be refused too' : 'is refused too'
  return `${loginId}: ${unknown}any other certificate of it that became valid before this moment ${refused}, seen here or not`
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)]
}

/**
 * What is recorded for the login ID, and what its live connections present: a certificate made elsewhere is in no record
 * (`certificates.mustBeRegistered: false`). Keys of CAs that are not configured pass no door anyway.
 */
async function keysOf(loginId: string, ports: LifecyclePorts): Promise<CertificateKey[]> {
  const recorded = await ports.store.certificatesOf(loginId, ports.nowMs())
  const live = await ports.workers.connectionsOf(loginId)
  const keys = new Set(recorded.map(({ key }) => key))
  for (const { certificateKey } of live) {
    const trusted = ports.issuers.some(({ issuerId }) => certificateKey?.startsWith(`${issuerId}:`) === true)
    if (certificateKey !== undefined && trusted) keys.add(certificateKey)
  }
  return [...keys]
}

/** Throws `admin_not_found`, with the path, for a login ID that the directory does not know; names those spelled alike. */
export async function checkLoginId(
  loginId: string,
  { path, ports }: { path: string; ports: LifecyclePorts },
): Promise<void> {
  if (ports.directory === 'none' || (await ports.store.user(loginId)) !== undefined) return
  const shown = JSON.stringify(loginId.slice(0, 100))
  const alike = await findAlike(loginId, ports)
  const hint = alike.length === 0 ? '' : ` (alike: ${alike.join(', ')})`
  throw new GatewayError(
    'admin_not_found',
    `Cannot find the login ID in the directory${hint}: current value is ${shown}`,
    { path },
  )
}

/** Login IDs that share the longest beginning with the one that was not found. */
async function findAlike(loginId: string, ports: LifecyclePorts): Promise<readonly string[]> {
  for (let length = loginId.length; length > loginId.length / 2; length--) {
    const alike = await ports.store.loginIds(loginId.slice(0, length), suggestionsMax)
    if (alike.length > 0) return alike
  }
  return []
}

async function foresee(targets: Targets, notes: readonly string[], ports: LifecyclePorts): Promise<RevokeResult> {
  const certificates: RevokedCertificate[] = []
  for (const [key, loginId] of targets) {
    const record = await ports.store.revocation(key)
    const outcome = record?.state === 'revoked' ? 'already_revoked' : 'would_be_revoked'
    certificates.push({
      ...nameCertificate(key, ports.issuers),
      loginId: loginId ?? record?.revocation.loginId,
      outcome,
    })
  }
  const alreadyRevoked = certificates.filter(({ outcome }) => outcome === 'already_revoked').length
  const revoked = certificates.length - alreadyRevoked
  return { dryRun: true, revoked, alreadyRevoked, connectionsCut: 0, version: 0, certificates, notes }
}
