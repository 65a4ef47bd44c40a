import type { DirectoryPlan, PlannedContract, PlannedUser } from './directory-plan.ts'
import { noteHistory } from './history.ts'
import { hashPassword } from './password-hash.ts'
import type { Actor, LifecyclePorts } from './ports.ts'
import { reinstateUser, suspendUser } from './suspend-user.ts'

type Writer = { readonly actor: Actor; readonly ports: LifecyclePorts }

/**
 * Does what was planned for one contract or user, on record with who and which fields (R25), never with passwords. Repeating it changes
 * nothing more. Throws GatewayError `store_unavailable` (it may be done by then, and is on record as `unconfirmed`), `admin_not_found` for
 * a contract that went away.
 */
export async function writeDirectory(plan: DirectoryPlan, writer: Writer): Promise<void> {
  if (plan.outcome === 'unchanged') return
  if (plan.kind === 'contract') await onRecord(plan, writer, () => writer.ports.store.upsertContract(plan.record))
  else await writeUser(plan, writer)
}

async function writeUser(plan: PlannedUser, writer: Writer): Promise<void> {
  const { actor, ports } = writer
  const { state, ...record } = plan.record
  const isOther = plan.outcome === 'added' || plan.changes.some(({ field }) => field !== 'state')
  if (isOther) {
    const credentials = await hashCredentials(plan, ports)
    await onRecord(plan, writer, () => ports.store.upsertUser({ ...record, credentials }))
  }
  if (!plan.changes.some(({ field }) => field === 'state')) return
  // A new user is active until they are suspended, which is told to every gateway by itself.
  if (state === 'active' && plan.outcome === 'added') return
  const act = state === 'suspended' ? suspendUser : reinstateUser
  await act({ loginId: plan.id, reason: 'directory changed' }, actor, ports)
}

async function hashCredentials({ credentials }: PlannedUser, ports: LifecyclePorts) {
  const { hashMemoryKib: memoryKib, hashPasses: passes } = ports.passwords()
  const entries: [string, string][] = []
  for (const [kind, written] of Object.entries(credentials)) {
    entries.push([
      kind,
      written.kind === 'hash' ? written.text : await hashPassword(written.text, { memoryKib, passes }),
    ])
  }
  return Object.fromEntries(entries)
}

async function onRecord(
  plan: PlannedContract | PlannedUser,
  { actor, ports }: Writer,
  write: () => Promise<void>,
): Promise<void> {
  const { id, outcome, kind } = plan
  const fields = plan.changes.map(({ field }) => field).join(' ')
  const { name: who, requestId, role } = actor
  const record = (result: string) => {
    ports.audit({
      event: 'directory_changed',
      actor: { kind: 'operator', name: who },
      target: { kind: kind === 'contract' ? 'contract' : 'login_id', name: id },
      requestId,
      detail: { outcome: result, fields, role },
    })
  }
  try {
    await write()
  } catch (error) {
    record('unconfirmed')
    throw error
  }
  record(outcome)
  const subject = kind === 'contract' ? (`contract:${id}` as const) : (`login:${id}` as const)
  const what = outcome === 'added' ? 'created' : 'changed'
  await noteHistory(subject, { what, who, requestId, detail: { fields } }, ports)
}
