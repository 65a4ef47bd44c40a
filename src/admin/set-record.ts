import type { z } from 'zod'
import { GatewayError } from '../base/errors.ts'
import type { DirectoryPlan } from '../lifecycle/directory-plan.ts'
import { writeDirectory } from '../lifecycle/directory-write.ts'
import { type AdminCall, type AdminServices, actorOf } from './admin-call.ts'
import type { changeAnswer } from './answer-schemas.ts'

/** Does what was planned for one contract or user, unless it is a dry run. Throws what was refused. */
export async function setRecord(
  [plan]: readonly (DirectoryPlan | GatewayError)[],
  dryRun: boolean,
  { call, services }: { readonly call: AdminCall; readonly services: AdminServices },
): Promise<z.infer<typeof changeAnswer>> {
  if (plan === undefined) throw new GatewayError('internal', 'Cannot plan the change')
  if (plan instanceof GatewayError) throw plan
  if (!dryRun) await writeDirectory(plan, { actor: actorOf(call), ports: services.lifecycle })
  const { id, outcome, changes } = plan
  return { dryRun, id, outcome, changes: [...changes] }
}
