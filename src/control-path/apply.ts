import type { CutReason } from '../trust/denial.ts'
import { fingerprintOf } from '../trust/fingerprint.ts'
import type { CertificateKey, CutSelector, DataWorkers, RecheckScope, RevocationRule, TrustEvent } from './ports.ts'
import type { TrustMemory } from './trust-memory.ts'

/** What the workers must still be told after the index has taken an event. */
export type FollowUp = { readonly version: number } & (
  | { readonly kind: 'cut'; readonly selector: CutSelector; readonly reason: CutReason }
  | { readonly kind: 'recheck'; readonly scope: RecheckScope }
  | { readonly kind: 'directory'; readonly loginId: string }
)

/** Follow-ups told to the workers at the same time: enough to hide the round trip, few enough to bound memory. */
const followUpsAtOnce = 64

type EventOf<Kind extends TrustEvent['kind']> = TrustEvent & { readonly kind: Kind }

/**
 * Takes one event into index and memory; both can do it twice, and in another order, without harm. What takes trust back counts
 * only with a newer version than what gave it; ties and lost tombstones mean revoked (invariant 6).
 */
export function takeEvent(event: TrustEvent, memory: TrustMemory): FollowUp | undefined {
  switch (event.kind) {
    case 'revoked':
      return takeRevoked(event, memory)
    case 'restored':
      takeRestored(event, memory)
      return undefined
    case 'rule':
      return takeRule(event, memory)
    case 'rule_withdrawn':
      takeWithdrawal(event, memory)
      return undefined
    case 'superseded':
      return takeSuperseded(event, memory)
    case 'suspended':
      return takeSuspended(event, memory)
    case 'login_method':
      return takeLoginMethod(event, memory)
    case 'directory':
      return event.loginId === undefined
        ? undefined
        : { version: event.version, kind: 'directory', loginId: event.loginId }
  }
}

/** Who was revoked before has no connections left, or is on the list of those to be cut: only the others are told. */
function takeRevoked({ version, keys }: EventOf<'revoked'>, memory: TrustMemory): FollowUp | undefined {
  const { index, ledger, restored } = memory
  const added: CertificateKey[] = []
  for (const key of keys) {
    const outcome = ledger.revoke(key, version)
    if (outcome === 'outdated') continue
    const entry = fingerprintOf('revoked', key)
    index.add(entry)
    if (restored.delete(key)) index.removeExemption(entry)
    if (outcome === 'added') added.push(key)
  }
  if (added.length === 0) return undefined
  return { version, kind: 'cut', selector: { by: 'certificates', keys: added }, reason: 'certificate_revoked' }
}

function takeRestored({ version, key }: EventOf<'restored'>, { index, ledger, restored }: TrustMemory): void {
  if (ledger.restore(key, version) === 'outdated') return
  const entry = fingerprintOf('revoked', key)
  const newest = Math.max(version, restored.get(key) ?? 0)
  restored.set(key, newest)
  index.setExemption(entry, newest)
  index.remove(entry)
}

function takeRule({ version, ruleId, rule }: EventOf<'rule'>, memory: TrustMemory): FollowUp | undefined {
  const known = memory.rules.get(ruleId)
  if (known?.value === undefined && known !== undefined && version < known.version) return undefined
  const taken = known?.value === undefined ? rule : later(rule, known.value)
  const newest = Math.max(version, known?.version ?? 0)
  memory.useRule(ruleId, taken, newest)
  const scope = rule.by === 'loginId' ? { loginId: rule.loginId } : { issuerId: rule.issuerId }
  return { version, kind: 'recheck', scope }
}

/** The bound of a rule on a login ID only rises. */
function later(rule: RevocationRule, known: RevocationRule): RevocationRule {
  return known.notBeforeMaxMs > rule.notBeforeMaxMs ? known : rule
}

function takeWithdrawal({ version, ruleId }: EventOf<'rule_withdrawn'>, { index, rules }: TrustMemory): void {
  const known = rules.get(ruleId)
  if (known !== undefined && version <= known.version) return
  rules.set(ruleId, { version, value: undefined })
  index.removeRule(ruleId)
}

function takeSuperseded({ version, key }: EventOf<'superseded'>, { index, ledger }: TrustMemory): FollowUp | undefined {
  const isNew = ledger.supersede(key)
  index.add(fingerprintOf('superseded', key))
  if (!isNew) return undefined
  return { version, kind: 'cut', selector: { by: 'certificate', key }, reason: 'certificate_superseded' }
}

function takeSuspended(event: EventOf<'suspended'>, { index, suspended }: TrustMemory): FollowUp | undefined {
  const { version, loginId } = event
  const known = suspended.get(loginId)
  if (known !== undefined && (version < known.version || (version === known.version && known.value))) return undefined
  suspended.set(loginId, { version, value: event.suspended })
  const entry = fingerprintOf('suspended', loginId)
  if (!event.suspended) {
    index.remove(entry)
    return undefined
  }
  index.add(entry)
  return { version, kind: 'cut', selector: { by: 'loginId', loginId }, reason: 'user_suspended' }
}

function takeLoginMethod(event: EventOf<'login_method'>, { index, loginMethods }: TrustMemory): FollowUp | undefined {
  const { version, contractId, method } = event
  const known = loginMethods.get(contractId)
  const isSettled = known?.version === version && known.value === 'password'
  if (known !== undefined && (version < known.version || isSettled)) return undefined
  loginMethods.set(contractId, { version, value: method })
  const entry = fingerprintOf('password_mode', contractId)
  if (method === 'certificate') {
    index.remove(entry)
    // Nobody of it was let in with a password if it was not in password mode.
    if (known?.value !== 'password') return undefined
    return { version, kind: 'cut', selector: { by: 'passwordContract', contractId }, reason: 'login_method_mismatch' }
  }
  index.add(entry)
  const selector: CutSelector = { by: 'contract', contractId }
  return { version, kind: 'cut', selector, reason: 'contract_not_in_certificate_mode' }
}

/**
 * Tells the workers, and takes each follow-up off the list once all of them have done it; what is left when this rejects
 * is to be tried again. `cut` is called with the version of the event and the number of connections cut.
 */
export async function finishFollowUps(
  pending: Set<FollowUp>,
  workers: Pick<DataWorkers, 'cut' | 'directoryChanged' | 'recheck'>,
  cut: (version: number, connections: number) => void,
): Promise<void> {
  const queue = [...pending]
  for (let first = 0; first < queue.length; first += followUpsAtOnce) {
    await Promise.all(
      queue.slice(first, first + followUpsAtOnce).map(async (followUp) => {
        if (followUp.kind === 'cut') cut(followUp.version, await workers.cut(followUp.selector, followUp.reason))
        else if (followUp.kind === 'recheck') cut(followUp.version, await workers.recheck(followUp.scope))
        else await workers.directoryChanged(followUp.loginId)
        pending.delete(followUp)
      }),
    )
  }
}
