import { lockState, unlockUser } from '../../lifecycle/lock.ts'
import type { Actor } from '../../lifecycle/ports.ts'
import { type RevokedCertificate, revoke } from '../../lifecycle/revoke.ts'
import { reinstateUser, suspendUser } from '../../lifecycle/suspend-user.ts'
import { switchLoginMethod } from '../../lifecycle/switch-login-method.ts'
import { type ActInput, type CounterAct, kindOf } from './act-form.ts'
import type { CounterServices } from './counter-call.ts'

/** What an act would do, or has done. */
export type ActOutcome = {
  /** False: it is so already, and nothing would change or has changed. */
  readonly changes: boolean
  /** What stands for `{users}`, `{holders}` and `{count}` in the words of the act. */
  readonly numbers: Readonly<Record<string, number>>
  /** Of a revocation: what is revoked. */
  readonly certificates: readonly RevokedCertificate[]
  /** At this gateway; 0 before it is done. */
  readonly connectionsCut: number
}

type Act = {
  foresee(input: ActInput, actor: Actor, services: CounterServices): Promise<ActOutcome>
  perform(input: ActInput, actor: Actor, call: ActCall): Promise<ActOutcome>
}

type ActCall = { readonly services: CounterServices; readonly clientAddress: string }

const nothingKnown = { numbers: {}, certificates: [], connectionsCut: 0 } as const

/**
 * Everything done at the counter. `foresee` changes nothing and puts nothing on record; `perform` puts it on record with operator, form
 * number and reason. Both throw GatewayError `admin_not_found`, `store_unavailable`; `perform` also `store_read_only`.
 */
export const counterActs: { readonly [act in CounterAct]: Act } = {
  switchToCertificate: switchTo('certificate'),
  switchToPassword: switchTo('password'),
  revoke: {
    foresee: (input, actor, services) => revokeAll(input, actor, { services, dryRun: true }),
    perform: (input, actor, { services }) => revokeAll(input, actor, { services, dryRun: false }),
  },
  unlock: {
    foresee: async ({ subject }, _actor, { lifecycle }) => ({
      ...nothingKnown,
      changes: (await lockState(subject, lifecycle)).locked,
    }),
    perform: async (input, actor, { services, clientAddress }) => {
      const { subject: loginId } = input
      const caller = { requestId: actor.requestId, clientAddress }
      const by = { kind: 'operator', actor, reason: reasonOf(input) } as const
      const { wasLocked } = await unlockUser({ loginId, by }, caller, services.lifecycle)
      return { ...nothingKnown, changes: wasLocked }
    },
  },
  suspend: setSuspended(true),
  reinstate: setSuspended(false),
}

function switchTo(method: 'certificate' | 'password'): Act {
  const run = async (
    input: ActInput,
    actor: Actor,
    { services, dryRun }: { services: CounterServices; dryRun: boolean },
  ) => {
    const { subject: contractId, form, reason } = input
    const request = { contractId, method, form, reason, dryRun }
    const { outcome, users, certificateHolders, connectionsCut } = await switchLoginMethod(
      request,
      actor,
      services.lifecycle,
    )
    const numbers = { users, holders: certificateHolders }
    return { changes: outcome !== 'unchanged', numbers, certificates: [], connectionsCut }
  }
  return {
    foresee: (input, actor, services) => run(input, actor, { services, dryRun: true }),
    perform: (input, actor, { services }) => run(input, actor, { services, dryRun: false }),
  }
}

async function revokeAll(
  input: ActInput,
  actor: Actor,
  { services, dryRun }: { services: CounterServices; dryRun: boolean },
): Promise<ActOutcome> {
  const { subject, kind } = input
  const reason = kindOf(kind) ?? 'unspecified'
  const request = { certificates: [], loginIds: [subject], reason, comment: reasonOf(input), dryRun }
  const { revoked, certificates, connectionsCut } = await revoke(request, actor, services.lifecycle)
  const touched = certificates.filter(({ outcome }) => outcome !== 'already_revoked')
  return { changes: revoked > 0, numbers: { count: revoked }, certificates: touched, connectionsCut }
}

function setSuspended(suspended: boolean): Act {
  return {
    foresee: async ({ subject }, _actor, { lifecycle }) => {
      const isSuspended = (await lifecycle.store.user(subject))?.state === 'suspended'
      return { ...nothingKnown, changes: isSuspended !== suspended }
    },
    perform: async (input, actor, { services }) => {
      const request = { loginId: input.subject, reason: reasonOf(input) }
      const act = suspended ? suspendUser : reinstateUser
      const { changed, connectionsCut } = await act(request, actor, services.lifecycle)
      return { ...nothingKnown, changes: changed, connectionsCut }
    },
  }
}

/** The form number first, because long texts are shortened at their end. */
function reasonOf({ form, reason }: ActInput): string {
  return `form ${form}: ${reason}`
}
