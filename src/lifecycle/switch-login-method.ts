import { GatewayError } from '../base/errors.ts'
import { noteHistory } from './history.ts'
import { isAlive } from './issue-rules.ts'
import type { Actor, ContractHoldings, LifecyclePorts, LoginMethod } from './ports.ts'

export type LoginMethodSwitch = {
  readonly contractId: string
  readonly method: LoginMethod
  /** Number of the paper form (申込書), 1 to 64 characters (R23). */
  readonly form: string
  /** In the operator's own words. */
  readonly reason: string
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean
}

export type LoginMethodSwitched = {
  readonly dryRun: boolean
  readonly contractId: string
  readonly previousMethod: LoginMethod
  readonly method: LoginMethod
  readonly outcome: 'changed' | 'unchanged' | 'would_be_changed'
  /** Users of the contract, who log in the other way from then on. */
  readonly users: number
  /** Of these, who holds a certificate that counts: none of them can log in with it in password mode, and all again after. */
  readonly certificateHolders: number
  /** At this gateway; with `dryRun` 0. */
  readonly connectionsCut: number
  /** Version of the store with which it is in force; 0 with `dryRun`. */
  readonly version: number
}

const formPattern = /^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u

/**
 * Switches a contract from one login method to the other (R21 to R23), on record with who, when and which form, also where nothing
 * changes. In force at every gateway as any change of trust. Throws GatewayError `admin_request_invalid`, `admin_not_found`,
 * `store_unavailable` (it may be in force by then, and is on record as `unconfirmed`).
 */
export async function switchLoginMethod(
  request: LoginMethodSwitch,
  actor: Actor,
  ports: LifecyclePorts,
): Promise<LoginMethodSwitched> {
  const form = checkForm(request.form)
  const { contractId, method, dryRun } = request
  const holdings = await ports.store.contractHoldings(contractId, ports.nowMs())
  if (holdings === undefined) throw notFound(contractId)
  const { loginMethod: previousMethod } = holdings.contract
  const told = { dryRun, contractId, previousMethod, method, ...countPeople(holdings, ports.nowMs()) }
  if (dryRun) {
    const outcome = previousMethod === method ? 'unchanged' : 'would_be_changed'
    return { ...told, outcome, connectionsCut: 0, version: 0 }
  }
  const record = recorder({ ...request, form }, { previousMethod, actor, ports })
  try {
    const { changed, connectionsCut, version } = await ports.publisher.setLoginMethod(contractId, method)
    const outcome = changed ? 'changed' : 'unchanged'
    await record(outcome)
    return { ...told, outcome, connectionsCut, version }
  } catch (error) {
    await record('unconfirmed')
    throw error
  }
}

function recorder(
  { contractId, method, form, reason }: LoginMethodSwitch,
  { previousMethod, actor, ports }: { previousMethod: LoginMethod; actor: Actor; ports: LifecyclePorts },
) {
  return async (outcome: string): Promise<void> => {
    const detail = { method, previousMethod, form, outcome }
    const { name: who, requestId } = actor
    ports.audit({
      event: 'login_method_changed',
      actor: { kind: 'operator', name: who },
      target: { kind: 'contract', name: contractId },
      reason,
      requestId,
      detail: { ...detail, role: actor.role },
    })
    const entry = { what: 'login_method_changed', who, requestId, detail: { ...detail, reason } } as const
    await noteHistory(`contract:${contractId}`, entry, ports)
  }
}

function countPeople({ users }: ContractHoldings, nowMs: number) {
  const holders = users.filter(({ certificates }) => certificates.some((certificate) => isAlive(certificate, nowMs)))
  return { users: users.length, certificateHolders: holders.length }
}

function checkForm(form: string): string {
  const trimmed = form.trim()
  if (formPattern.test(trimmed)) return trimmed
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot switch the login method as form must be the number of the application form, 1 to 64 characters: current value is ${JSON.stringify(form.slice(0, 100))}`,
    { path: 'form' },
  )
}

function notFound(contractId: string): GatewayError {
  const shown = JSON.stringify(contractId.slice(0, 100))
  return new GatewayError('admin_not_found', `Cannot find the contract: current value is ${shown}`, {
    path: 'contractId',
  })
}
