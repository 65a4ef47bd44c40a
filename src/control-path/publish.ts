import type { CertificateKey } from '../x509/certificate-key.ts'
import type { Follower } from './follow.ts'
import type { Actor } from './ports.ts'
import type { ChangeResult, LoginMethod, PublishOutcome, RevocationRequest, TrustStore } from './store-port.ts'

/** Revocations written in one transaction: short enough not to hold up other users of the store. */
const batchMax = 500

/** Publishes changes of trust and answers when every worker of this gateway has applied them. */
export type Publisher = {
  /** In the order of the requests; a certificate named twice is answered twice. */
  publish(
    requests: readonly RevocationRequest[],
    actor: Actor,
  ): Promise<{ outcomes: readonly PublishOutcome[]; connectionsCut: number }>
  /** Throws `restore_refused`. */
  restore(key: CertificateKey, actor: Actor): Promise<{ outcome: 'restored' | 'not_revoked' }>
  /** Throws `admin_not_found`. */
  setSuspended(loginId: string, suspended: boolean): Promise<AppliedChange>
  /** Throws `admin_not_found`. */
  setLoginMethod(contractId: string, method: LoginMethod): Promise<AppliedChange>
  /** Throws `admin_not_found`. */
  supersede(key: CertificateKey): Promise<AppliedChange>
}

export type AppliedChange = { readonly changed: boolean; readonly connectionsCut: number }

/** Each call may throw `store_unavailable`; what the store has taken by then stays and is applied later. */
export function createPublisher(options: { store: TrustStore; follower: Follower }): Publisher {
  const { store, follower } = options

  async function applied<T>(change: () => Promise<T>, versionsOf: (result: T) => readonly number[]) {
    const watch = follower.watch()
    try {
      const result = await change()
      await follower.caughtUp()
      const cuts = versionsOf(result).map((version) => watch.cuts.get(version) ?? 0)
      return { result, connectionsCut: cuts.reduce((sum, count) => sum + count, 0) }
    } finally {
      watch.end()
    }
  }

  async function changed(change: () => Promise<ChangeResult>): Promise<AppliedChange> {
    const { result, connectionsCut } = await applied(change, ({ version }) => [version])
    return { changed: result.changed, connectionsCut }
  }

  async function publishAll(requests: readonly RevocationRequest[], actor: Actor): Promise<PublishOutcome[]> {
    const outcomes: PublishOutcome[] = []
    for (let first = 0; first < requests.length; first += batchMax) {
      const batch = await store.publish(requests.slice(first, first + batchMax), actor)
      outcomes.push(...batch.outcomes)
    }
    return outcomes
  }

  return {
    async publish(requests, actor) {
      const { result, connectionsCut } = await applied(
        () => publishAll(requests, actor),
        (outcomes) => outcomes.filter(({ outcome }) => outcome === 'revoked').map(({ version }) => version),
      )
      return { outcomes: result, connectionsCut }
    },
    async restore(key, actor) {
      const { result } = await applied(
        () => store.restore(key, actor),
        () => [],
      )
      return { outcome: result.outcome }
    },
    setSuspended: (loginId, suspended) => changed(() => store.setSuspended(loginId, suspended)),
    setLoginMethod: (contractId, method) => changed(() => store.setLoginMethod(contractId, method)),
    supersede: (key) => changed(() => store.supersede(key)),
  }
}
