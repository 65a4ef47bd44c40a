import { GatewayError } from '../base/errors.ts'
import type { ContractInput, UserInput, WrittenPassword } from './directory-input.ts'
import { inParallel } from './in-parallel.ts'
import { isAlive } from './issue-rules.ts'
import type { Contract, LifecyclePorts, User } from './ports.ts'

/** One field that is another one afterwards; of passwords only that they are set. */
export type FieldChange = { readonly field: string; readonly from: ShownValue; readonly to: ShownValue }
type ShownValue = string | number | null

/** What becomes of one contract or user. */
export type DirectoryPlan = PlannedContract | PlannedUser

export type PlannedContract = Planned & { readonly kind: 'contract'; readonly record: Contract }
export type PlannedUser = Planned & {
  readonly kind: 'user'
  /** Without its credentials. */
  readonly record: Omit<User, 'credentials'>
  readonly credentials: NonNullable<UserInput['credentials']>
}

type Planned = {
  /** Contract id or login ID. */
  readonly id: string
  readonly outcome: 'added' | 'changed' | 'unchanged'
  readonly changes: readonly FieldChange[]
}

const certificateLimitDefault = 100
/** Questions to the store at the same time. */
const width = 16

/**
 * What becomes of each contract, in the order given; an error where it is refused: one that is named twice, a new one without a login
 * method, another login method (R23). Throws GatewayError `store_unavailable`.
 */
export async function planContracts(
  inputs: readonly ContractInput[],
  { store }: Pick<LifecyclePorts, 'store'>,
): Promise<readonly (PlannedContract | GatewayError)[]> {
  const existing = await inParallel(inputs, ({ contractId }) => store.contract(contractId), { width })
  const seen = new Set<string>()
  return inputs.map((input, position) =>
    settle(() => {
      refuseTwice(seen, input.contractId, 'contractId')
      return planContract(input, existing[position])
    }),
  )
}

function planContract(input: ContractInput, existing: Contract | undefined): PlannedContract {
  const { contractId, loginMethod } = input
  if (existing !== undefined && loginMethod !== undefined && loginMethod !== existing.loginMethod) {
    throw refused(
      'loginMethod',
      `Cannot change the login method here, as a switch takes an application form: current value is ${existing.loginMethod}`,
    )
  }
  const method = existing?.loginMethod ?? loginMethod
  if (method === undefined) throw refused('loginMethod', 'Cannot add a contract without loginMethod')
  const record = { certificateLimit: certificateLimitDefault, ...existing, ...input, contractId, loginMethod: method }
  const changes = changesOf(['loginMethod', 'certificateLimit', 'name', 'noticeDays'], existing, record)
  return { kind: 'contract', id: contractId, record, ...outcomeOf(existing, changes) }
}

/**
 * What becomes of each user, in the order given; an error where it is refused: one that is named twice, a contract that is not there, a
 * second master (R3), a move to another contract of somebody who holds a certificate, passwords where the application knows them. Throws
 * GatewayError `store_unavailable`.
 */
export async function planUsers(
  inputs: readonly UserInput[],
  ports: Pick<LifecyclePorts, 'store' | 'passwords' | 'nowMs'>,
): Promise<readonly (PlannedUser | GatewayError)[]> {
  const facts = await UserFacts.gather(inputs, ports)
  const seen = new Set<string>()
  const plans = inputs.map((input, position) =>
    settle(() => {
      refuseTwice(seen, input.loginId, 'loginId')
      if (input.credentials !== undefined && ports.passwords().verifier.kind !== 'directory') {
        throw refused('loginPassword', 'Cannot keep passwords here as the banking application checks them')
      }
      return planUser(input, facts.existing[position], facts)
    }),
  )
  return facts.refuseSecondMasters(plans)
}

function planUser(input: UserInput, existing: User | undefined, facts: UserFacts): PlannedUser {
  const { credentials = {}, ...fields } = input
  const { loginId } = input
  const contractId = input.contractId ?? existing?.contractId
  const role = input.role ?? existing?.role
  if (contractId === undefined) throw refused('contractId', 'Cannot add a user without contractId')
  if (role === undefined) throw refused('role', 'Cannot add a user without role (master or general)')
  if (!facts.contractIds.has(contractId)) {
    throw refused('contractId', `Cannot find the contract: current value is ${JSON.stringify(contractId)}`)
  }
  if (existing !== undefined && existing.contractId !== contractId && facts.holders.has(loginId)) {
    throw refused(
      'contractId',
      `Cannot move the user to another contract while a certificate counts: revoke it first; current value is ${existing.contractId}`,
    )
  }
  const { credentials: known, ...before } = existing ?? { credentials: undefined }
  const record = { state: 'active' as const, ...before, ...fields, loginId, contractId, role }
  const changes = [
    ...changesOf(['contractId', 'role', 'state', 'name', 'email', 'language'], existing, record),
    ...passwordChange('loginPassword', credentials.login, known?.login),
    ...passwordChange('confirmationPassword', credentials.confirmation, known?.confirmation),
  ]
  return { kind: 'user', id: loginId, record, credentials, ...outcomeOf(existing, changes) }
}

type UserPorts = Pick<LifecyclePorts, 'store' | 'nowMs'>

/** What must be known of the directory to decide about users. */
class UserFacts {
  readonly existing: readonly (User | undefined)[]
  /** Contracts that there are, of those that are named. */
  readonly contractIds: ReadonlySet<string>
  /** Of those who would move: login IDs that hold a certificate that counts. */
  readonly holders: ReadonlySet<string>
  /** Masters that there are in contracts that would get one. */
  readonly #masters: ReadonlyMap<string, readonly string[]>

  private constructor(parts: {
    existing: UserFacts['existing']
    contractIds: UserFacts['contractIds']
    holders: UserFacts['holders']
    masters: ReadonlyMap<string, readonly string[]>
  }) {
    this.existing = parts.existing
    this.contractIds = parts.contractIds
    this.holders = parts.holders
    this.#masters = parts.masters
  }

  static async gather(inputs: readonly UserInput[], ports: UserPorts): Promise<UserFacts> {
    const { store } = ports
    const existing = await inParallel(inputs, ({ loginId }) => store.user(loginId), { width })
    const rows = inputs.map((input, position) => ({
      loginId: input.loginId,
      before: existing[position],
      contractId: input.contractId ?? existing[position]?.contractId,
      isMaster: (input.role ?? existing[position]?.role) === 'master',
    }))
    const named = [...new Set(rows.flatMap(({ contractId }) => contractId ?? []))]
    const found = await inParallel(named, (contractId) => store.contract(contractId), { width })
    const movers = rows.filter(({ before, contractId }) => before !== undefined && before.contractId !== contractId)
    const held = await inParallel(movers, ({ loginId }) => store.certificatesOf(loginId, ports.nowMs()), { width })
    const led = [...new Set(rows.flatMap(({ isMaster, contractId }) => (isMaster ? (contractId ?? []) : [])))]
    // Beyond the end of time: the users alone, without certificates.
    const holdings = await inParallel(led, (id) => store.contractHoldings(id, Number.MAX_SAFE_INTEGER), { width: 4 })
    const isHeld = (position: number) => held[position]?.some((certificate) => isAlive(certificate, ports.nowMs()))
    return new UserFacts({
      existing,
      contractIds: new Set(named.filter((_, position) => found[position] !== undefined)),
      holders: new Set(movers.flatMap(({ loginId }, position) => (isHeld(position) ? [loginId] : []))),
      masters: new Map(
        led.map((id, position) => [
          id,
          (holdings[position]?.users ?? []).flatMap(({ user }) => (user.role === 'master' ? [user.loginId] : [])),
        ]),
      ),
    })
  }

  /** R3: one master in a contract. Whoever stays or becomes one in the file comes before whoever is named later. */
  refuseSecondMasters(plans: readonly (PlannedUser | GatewayError)[]): readonly (PlannedUser | GatewayError)[] {
    const planned = new Set(plans.flatMap((plan) => (plan instanceof GatewayError ? [] : [plan.id])))
    const taken = new Map<string, string>()
    for (const [contractId, masters] of this.#masters) {
      const staying = masters.find((loginId) => !planned.has(loginId))
      if (staying !== undefined) taken.set(contractId, staying)
    }
    return plans.map((plan) => {
      if (plan instanceof GatewayError || plan.record.role !== 'master') return plan
      const { contractId } = plan.record
      const other = taken.get(contractId)
      if (other !== undefined && other !== plan.id) {
        return refused('role', `Cannot have two masters in the contract ${contractId}: its master is ${other}`)
      }
      taken.set(contractId, plan.id)
      return plan
    })
  }
}

function settle<T>(plan: () => T): T | GatewayError {
  try {
    return plan()
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

function refuseTwice(seen: Set<string>, id: string, field: string): void {
  if (seen.has(id)) throw refused(field, `Cannot use ${field}, which stands in an earlier line: current value is ${id}`)
  seen.add(id)
}

function outcomeOf(existing: object | undefined, changes: readonly FieldChange[]) {
  if (existing === undefined) return { outcome: 'added', changes } as const
  return { outcome: changes.length === 0 ? 'unchanged' : 'changed', changes } as const
}

function changesOf<T extends object>(
  fields: readonly (keyof T & string)[],
  before: Partial<T> | undefined,
  after: Partial<T>,
): FieldChange[] {
  return fields.flatMap((field) => {
    const from = shown(before?.[field])
    const to = shown(after[field])
    return from === to ? [] : [{ field, from, to }]
  })
}

function shown(value: unknown): ShownValue {
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return null
  return Array.isArray(value) ? value.join(' ') : (value as string | number)
}

function passwordChange(field: string, written: WrittenPassword | undefined, known: string | undefined): FieldChange[] {
  if (written === undefined || (written.kind === 'hash' && written.text === known)) return []
  return [{ field, from: known === undefined ? null : 'set', to: 'set' }]
}

function refused(field: string, message: string): GatewayError {
  return new GatewayError('admin_request_invalid', message, { path: field })
}
