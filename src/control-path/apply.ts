import type { DenialReason } from '../trust/denial.ts'
import { fingerprintOf } from '../trust/fingerprint.ts'
import type { CutSelector } from '../trust/live-connections.ts'
import type { RevocationIndexWriter } from '../trust/revocation-index.ts'
import type { KnownRevocations } from './known-revocations.ts'
import type { DataWorkers, TrustEvent } from './ports.ts'

/** What the workers must still be told after the index has taken an event. */
export type FollowUp = {
  readonly version: number
  /** Whether the event put an entry into the index that was not there. */
  readonly added: boolean
} & (
  | { readonly kind: 'cut'; readonly selector: CutSelector; readonly reason: DenialReason }
  | { readonly kind: 'directory'; readonly loginId: string }
)

export type ApplyTarget = {
  readonly index: RevocationIndexWriter
  readonly known: KnownRevocations
  readonly workers: DataWorkers
}

/** Follow-ups told to the workers at the same time: enough to hide the round trip, few enough to bound memory. */
const followUpsAtOnce = 64

/**
 * Takes one event into the index. A restore counts only with a newer version than the revocation it takes back
 * (invariant 6): ties and lost tombstones mean revoked.
 */
export function takeEvent(event: TrustEvent, target: Pick<ApplyTarget, 'index' | 'known'>): FollowUp | undefined {
  const { index, known } = target
  const { version } = event
  switch (event.kind) {
    case 'revoked': {
      const { key } = event.revocation
      known.add(key, version)
      const added = index.add(fingerprintOf('revoked', key))
      return { version, added, kind: 'cut', selector: { by: 'certificate', key }, reason: 'certificate_revoked' }
    }
    case 'restored':
      if (known.forget(event.key, version)) index.remove(fingerprintOf('revoked', event.key))
      return undefined
    case 'superseded': {
      const added = index.add(fingerprintOf('superseded', event.key))
      const selector: CutSelector = { by: 'certificate', key: event.key }
      return { version, added, kind: 'cut', selector, reason: 'certificate_superseded' }
    }
    case 'suspended': {
      const { loginId } = event
      const entry = fingerprintOf('suspended', loginId)
      if (!event.suspended) {
        index.remove(entry)
        return undefined
      }
      return {
        version,
        added: index.add(entry),
        kind: 'cut',
        selector: { by: 'loginId', loginId },
        reason: 'user_suspended',
      }
    }
    case 'login_method': {
      const { contractId } = event
      const entry = fingerprintOf('password_mode', contractId)
      if (event.method === 'certificate') {
        index.remove(entry)
        return undefined
      }
      const selector: CutSelector = { by: 'contract', contractId }
      return { version, added: index.add(entry), kind: 'cut', selector, reason: 'contract_not_in_certificate_mode' }
    }
    case 'directory':
      return { version, added: false, kind: 'directory', loginId: event.loginId }
  }
}

/**
 * Tells the workers, and takes each follow-up off the list once all of them have done it; what is left when this rejects
 * is to be tried again. `cut` is called with the version of the event and the number of connections cut.
 */
export async function finishFollowUps(
  pending: Set<FollowUp>,
  workers: DataWorkers,
  cut: (version: number, connections: number) => void,
): Promise<void> {
  const queue = [...pending]
  for (let first = 0; first < queue.length; first += followUpsAtOnce) {
    await Promise.all(
      queue.slice(first, first + followUpsAtOnce).map(async (followUp) => {
        if (followUp.kind === 'cut') cut(followUp.version, await workers.cut(followUp.selector, followUp.reason))
        else await workers.directoryChanged(followUp.loginId)
        pending.delete(followUp)
      }),
    )
  }
}
