import { GatewayError } from '../base/errors.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { LoginMethod } from './directory-port.ts'
import type { Follower } from './follow.ts'
import type { Confirmation, GatewayReports } from './gateway-reports.ts'
import type { Actor } from './ports.ts'
import {
  type ChangeResult,
  type PublishOutcome,
  type RevocationRequest,
  type RuleRequest,
  ruleIdOf,
  type TrustStore,
} from './store-port.ts'

/** Revocations written in one transaction: short enough not to hold up other users of the store. */
const batchMax = 500

export type Published = {
  /** In the order of the requests; a certificate named twice is answered twice. */
  readonly outcomes: readonly PublishOutcome[]
  /** At this gateway. */
  readonly connectionsCut: number
  /** Replicas of the store that had all of it when it was answered; undefined: this store has none. */
  readonly replicas: number | undefined
  /** The highest version of the outcomes; 0 if there are none. */
  readonly version: number
}

export type AppliedChange = ChangeResult & { readonly connectionsCut: number }

/** Publishes changes of trust and answers when every worker of this gateway has applied them. */
export type Publisher = {
  publish(requests: readonly RevocationRequest[], actor: Actor): Promise<Published>
  publishRule(request: RuleRequest, actor: Actor): Promise<AppliedChange>
  /** Throws `admin_not_found`. */
  withdrawRule(ruleId: string, actor: Actor): Promise<AppliedChange>
  /** Throws `restore_refused`. */
  restore(key: CertificateKey, actor: Actor): Promise<{ outcome: 'restored' | 'not_revoked' }>
  /** Throws `admin_not_found`. */
  setSuspended(loginId: string, suspended: boolean): Promise<AppliedChange>
  /** Throws `admin_not_found`. */
  setLoginMethod(contractId: string, method: LoginMethod): Promise<AppliedChange>
  /** Throws `admin_not_found`. */
  supersede(key: CertificateKey): Promise<AppliedChange>
  /** Resolves once every gateway has applied this version, or after the time; says which have not. */
  confirmed(version: number, timeoutMs: number): Promise<Confirmation>
}

export type { Confirmation }

export type PublisherOptions = {
  readonly store: TrustStore
  readonly follower: Follower
  readonly reports: Pick<GatewayReports, 'confirmed'>
}

/**
 * Each call may throw `store_unavailable` (what the store has taken by then stays and is applied later) and `store_read_only`.
 *
 * Nothing is acknowledged that is not in force here. A store may lose between its answer and the next reading what it has just
 * taken: it is emptied, falls back to an older copy, or was a primary that had been deposed.
 */
export function createPublisher({ store, follower, reports }: PublisherOptions): Publisher {
  const { memory } = follower

  async function applied<T>(change: () => Promise<T>, versionsOf: (result: T) => readonly number[]) {
    const watch = follower.watch()
    try {
      const result = await change()
      await follower.caughtUp()
      const cuts = [...new Set(versionsOf(result))].map((version) => watch.cuts.get(version) ?? 0)
      return { result, connectionsCut: cuts.reduce((sum, count) => sum + count, 0) }
    } finally {
      watch.end()
    }
  }

  async function changed(change: () => Promise<ChangeResult>, isInForce: () => boolean): Promise<AppliedChange> {
    const { result, connectionsCut } = await applied(change, ({ version }) => [version])
    if (!isInForce()) throw lost()
    return { ...result, connectionsCut }
  }

  return {
    async publish(requests, actor) {
      const { result, connectionsCut } = await applied(
        () => publishInBatches(store, requests, actor),
        ({ outcomes }) => outcomes.filter(({ outcome }) => outcome === 'revoked').map(({ version }) => version),
      )
      await keepPublished(result.outcomes, { store, follower })
      const version = result.outcomes.reduce((highest, outcome) => Math.max(highest, outcome.version), 0)
      return { ...result, connectionsCut, version }
    },
    async restore(key, actor) {
      const { result } = await applied(
        () => store.restore(key, actor, follower.highestVersion),
        () => [],
      )
      if (result.outcome === 'restored' && memory.ledger.find(key)?.state === 'revoked') throw lost()
      return { outcome: result.outcome }
    },
    publishRule: (request, actor) =>
      changed(
        () => store.publishRule(request, actor),
        () => memory.rules.get(ruleIdOf(request.rule))?.value !== undefined,
      ),
    withdrawRule: (ruleId, actor) =>
      changed(
        () => store.withdrawRule(ruleId, actor, follower.highestVersion),
        () => memory.rules.get(ruleId)?.value === undefined,
      ),
    setSuspended: (loginId, suspended) =>
      changed(
        () => store.setSuspended(loginId, suspended),
        () => (memory.suspended.get(loginId)?.value ?? false) === suspended,
      ),
    setLoginMethod: (contractId, method) =>
      changed(
        () => store.setLoginMethod(contractId, method),
        () => (memory.loginMethods.get(contractId)?.value ?? 'certificate') === method,
      ),
    supersede: (key) =>
      changed(
        () => store.supersede(key),
        () => memory.ledger.find(key)?.superseded === true,
      ),
    confirmed: (version, timeoutMs) => reports.confirmed(version, timeoutMs),
  }
}

async function publishInBatches(store: TrustStore, requests: readonly RevocationRequest[], actor: Actor) {
  const outcomes: PublishOutcome[] = []
  let replicas: number | undefined
  for (let first = 0; first < requests.length; first += batchMax) {
    const batch = await store.publish(requests.slice(first, first + batchMax), actor)
    outcomes.push(...batch.outcomes)
    if (batch.replicas !== undefined) replicas = Math.min(replicas ?? batch.replicas, batch.replicas)
  }
  return { outcomes, replicas }
}

/** Puts what the store has lost in force here, and writes it again. */
async function keepPublished(
  outcomes: readonly PublishOutcome[],
  { store, follower }: Pick<PublisherOptions, 'store' | 'follower'>,
): Promise<void> {
  const missing = outcomes.filter(({ key, version }) => {
    const known = follower.memory.ledger.find(key)
    return known?.state !== 'revoked' && !(known?.state === 'restored' && known.version > version)
  })
  if (missing.length === 0) return
  const version = missing.reduce((highest, outcome) => Math.max(highest, outcome.version), 0)
  const keys = missing.map(({ key }) => key)
  await follower.revokeBeside(keys, version)
  const revocations = keys.map((key) => ({ key, version }))
  await store.publishAgain({ revocations, rules: [] }, follower.highestVersion)
  await follower.caughtUp()
}

function lost(): GatewayError {
  return new GatewayError(
    'store_unavailable',
    'Cannot confirm the change as the store has lost it meanwhile: repeat it',
  )
}
