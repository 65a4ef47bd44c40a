import type { z } from 'zod'
import { nearestName } from './nearest-name.ts'
import { type FieldPath, namesIn, type ProblemList, pathsNamed, rowOf, showPath } from './problem-list.ts'

type Issue = z.core.$ZodIssue

/** Turns what the schema objects to into problems, in the words of `explainConfig`. */
export function noteIssues(issues: readonly Issue[], problems: ProblemList): void {
  for (const issue of issues) {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
    if (issue.code === 'unrecognized_keys') {
      for (const name of issue.keys) problems.addUnknown([...path, name], unknownHint(path, name))
    } else {
      problems.add(path, { expected: rowOf(path)?.expected ?? 'a group of fields' })
    }
  }
}

function unknownHint(group: FieldPath, name: string): string {
  const siblings = namesIn(group)
  if (siblings.includes(name)) return 'it does not go with the other fields of this group'
  const nearest = nearestName(name, siblings)
  if (nearest !== undefined) return `the nearest name is ${nearest}`
  const elsewhere = pathsNamed(name)[0]
  if (elsewhere !== undefined) return `the field of that name is ${elsewhere}`
  return siblings.length === 0 ? 'nothing may stand there' : `${showPath(group)} may have ${siblings.join(', ')}`
}
