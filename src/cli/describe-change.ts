import type { changeAnswer, switchAnswer } from '../admin/answer-schemas.ts'
import { dryRunHint } from './certificate-selection.ts'
import { printable } from './text-table.ts'

/** Answer of a route that sets a contract or user. */
export type ChangeAnswer = (typeof changeAnswer)['_output']
/** Answer of a switch of the login method. */
export type SwitchAnswer = (typeof switchAnswer)['_output']

/** `name: - -> Sample` */
export function describeFields(changes: ChangeAnswer['changes']): string {
  return changes.map(({ field, from, to }) => `${field}: ${from ?? '-'} -> ${to ?? '-'}`).join('; ')
}

/** What setting a contract or user did, or would do. */
export function describeChange(what: string, { dryRun, id, outcome, changes }: ChangeAnswer): string {
  const name = `${what} ${printable(id)}`
  if (outcome === 'unchanged') return `The ${name} is so already.\n`
  const fields = `${printable(describeFields(changes))}\n`
  const verb = outcome === 'added' ? 'add' : 'change'
  if (dryRun) return `Would ${verb} the ${name}: ${fields}${dryRunHint}`
  return `${outcome === 'added' ? 'Added' : 'Changed'} the ${name}: ${fields}`
}
