import { GatewayError } from '../../base/errors.ts'
import type { Actor, RevocationReason } from '../../control-path/ports.ts'
import type { PublishOutcome, RestoreResult, RevocationRequest } from '../../control-path/store-port.ts'
import { type CertificateKey, parseCertificateKey } from '../../x509/certificate-key.ts'
import { readOwner, readRecorded } from './certificate-records.ts'
import { open } from './directory-changes.ts'
import type { StoredCertificate } from './directory-records.ts'
import type { RedisClient } from './redis-client.ts'
import { unavailable } from './redis-errors.ts'
import { certificatesOfKey, keysOfIssuers, redisKeys, type TypedKey } from './redis-keys.ts'
import { jsonOf, scriptCall } from './redis-script.ts'
import { listOf } from './replies.ts'
import { type FoundRevocation, placesMax, readRevocation } from './revocation-history.ts'
import { restoreScript, revokeScript } from './revocation-scripts.ts'

/** How many certificates one run of a script takes: it holds up every other client of Redis for some milliseconds. */
const batchMax = 1_000

/** How often a restore is tried while others change what it depends on. */
const restoreAttemptsMax = 5

/** A certificate with what is to be recorded of its revocation. */
export type Revoking = RevocationRequest & { readonly lostVersion?: number }

export type RevokeOptions = {
  /** `publish`; `again`: a newer tombstone wins; `adopt`: only those that stand in a set without a record. */
  readonly how: 'publish' | 'again' | 'adopt'
  readonly actorName: string
  /** Versions given are above this one. */
  readonly above?: number
  readonly logEventsMax: number
}

/** Revokes certificates together, by one event at most. `undefined`: it was left as it is. */
export async function revokeTogether(
  client: RedisClient,
  requests: readonly Revoking[],
  { how, actorName, above, logEventsMax }: RevokeOptions,
): Promise<(PublishOutcome | undefined)[]> {
  if (requests.length > placesMax) {
    const message = `Cannot revoke more than ${placesMax} certificates together: current value is ${requests.length}`
    throw new GatewayError('admin_request_invalid', message)
  }
  const issuerIds = new Ordinals()
  const details = new Ordinals()
  const parts = requests.map(({ key, loginId, reason, comment, lostVersion }) => {
    const { issuerId, serial } = parseCertificateKey(key)
    const detail = details.of(jsonOf({ reason, comment }))
    return { issuer: issuerIds.of(issuerId), serial, loginId: loginId ?? false, detail, lostVersion }
  })
  const what = {
    how,
    above,
    actor: actorName,
    issuerIds: issuerIds.all,
    issuers: parts.map(({ issuer }) => issuer),
    serials: parts.map(({ serial }) => serial),
    loginIds: parts.map(({ loginId }) => loginId),
    details: parts.map(({ detail }) => detail),
    detailList: `[${details.all.join(',')}]`,
    detailCount: details.all.length,
    lostVersions: how === 'again' ? parts.map(({ lostVersion }) => lostVersion ?? 0) : undefined,
  }
  const { keys, input } = scriptCall(what, { logEventsMax, keys: keysOfIssuers(issuerIds.all) })
  const answers = listOf(await client.run(revokeScript, keys, input))
  return requests.map(({ key }, position) => {
    const answer = Number(answers[position] ?? 0)
    if (answer === 0) return undefined
    return { key, outcome: answer % 2 === 1 ? 'revoked' : 'already_revoked', version: Math.floor(answer / 2) }
  })
}

/** Many certificates that are alike, a batch at a time. Returns how many were revoked by it. */
export async function revokeInBatches(
  client: RedisClient,
  revocations: readonly { readonly key: CertificateKey; readonly version?: number }[],
  options: RevokeOptions & { readonly reason: RevocationReason; readonly comment: string },
): Promise<number> {
  let revoked = 0
  for (let first = 0; first < revocations.length; first += batchMax) {
    const batch = revocations.slice(first, first + batchMax).map(({ key, version }) => ({
      key,
      loginId: undefined,
      reason: options.reason,
      comment: options.comment,
      ...(version === undefined ? {} : { lostVersion: version }),
    }))
    const outcomes = await revokeTogether(client, batch, options)
    revoked += outcomes.filter((outcome) => outcome?.outcome === 'revoked').length
  }
  return revoked
}

/** Takes a revocation back; see `TrustStore.restore`. */
export async function restoreCertificate(
  client: RedisClient,
  key: CertificateKey,
  { actor, above, logEventsMax }: { actor: Actor; above: number; logEventsMax: number },
): Promise<RestoreResult> {
  const { issuerId, serial } = parseCertificateKey(key)
  for (let attempt = 1; attempt <= restoreAttemptsMax; attempt++) {
    const found = await readRevocation(client, key)
    if (found === undefined) return { outcome: 'not_revoked', version: 0 }
    if (found.state === 'restored') return { outcome: 'not_revoked', version: found.version }
    const { obstacle, loginId, siblings } = await lookForObstacle(client, key, found)
    if (obstacle !== undefined) throw new GatewayError('restore_refused', `Cannot restore ${key}: ${obstacle}`)
    const { reason, comment } = found.revocation
    const what = {
      issuerId,
      serial,
      expected: found.recordedVersion,
      loginId: loginId ?? false,
      siblings,
      above,
      // Closed by the script, which knows the time and the version.
      event: open({ kind: 'restored', key, actor: actor.name }),
      tombstone: open({ actor: actor.name, loginId, reason, comment }),
    }
    const more: TypedKey[] = [{ name: redisKeys.revisions, type: 'hash' }]
    if (loginId !== undefined) more.push({ name: certificatesOfKey(loginId), type: 'set' })
    const { keys, input } = scriptCall(what, { logEventsMax, keys: [...keysOfIssuers([issuerId]), ...more] })
    const [outcome, version] = listOf(await client.run(restoreScript, keys, input)).map(Number)
    if (outcome !== 2) return { outcome: outcome === 1 ? 'restored' : 'not_revoked', version: version ?? 0 }
  }
  throw unavailable(client.server, `others kept changing what is known of ${key} while it was to be restored`)
}

/** Why a restore would be refused; undefined if it would not, or if there is nothing to restore. */
export async function readObstacle(client: RedisClient, key: CertificateKey): Promise<string | undefined> {
  const found = await readRevocation(client, key)
  return found && (await lookForObstacle(client, key, found)).obstacle
}

type Obstacle = {
  readonly obstacle: string | undefined
  readonly loginId: string | undefined
  /** Certificates of the login ID that were looked at: there is never one less. */
  readonly siblings: number
}

/**
 * A newer certificate is one that is valid from later, or from the same second and was recorded later, or that was recorded after
 * the revocation. Whether it has been revoked in turn does not matter: the older one must not come back to life behind it.
 */
async function lookForObstacle(client: RedisClient, key: CertificateKey, found: FoundRevocation): Promise<Obstacle> {
  const loginId = found.revocation.loginId ?? (await readOwner(client, key))
  if (loginId === undefined) return { obstacle: undefined, loginId, siblings: 0 }
  const { certificates, listed } = await readRecorded(client, loginId)
  const own = certificates.find((other) => other.key === key)?.stored
  const newer = certificates
    .filter(
      ({ key: other, stored }) =>
        other !== key && (stored.recorded > found.since || (own !== undefined && isNewer(stored, own))),
    )
    .toSorted((left, right) => (isNewer(left.stored, right.stored) ? -1 : 1))[0]
  const serial = newer && parseCertificateKey(newer.key).serial
  const obstacle = newer && `its login ID ${loginId} has a newer certificate, serial ${serial}`
  return { obstacle, loginId, siblings: listed }
}

function isNewer(one: StoredCertificate, other: StoredCertificate): boolean {
  if (one.notBeforeMs !== other.notBeforeMs) return one.notBeforeMs > other.notBeforeMs
  return one.recorded > other.recorded
}

/** Gives each text a number, from 1, as Lua counts. */
class Ordinals {
  readonly #numbers = new Map<string, number>()

  get all(): readonly string[] {
    return [...this.#numbers.keys()]
  }

  of(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#numbers.set(text, this.#numbers.size + 1)
    return this.#numbers.size
  }
}
