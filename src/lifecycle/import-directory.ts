import { GatewayError } from '../base/errors.ts'
import { readContractInput, readUserInput, type WrittenFields } from './directory-input.ts'
import { type DirectoryPlan, type FieldChange, planContracts, planUsers } from './directory-plan.ts'
import { writeDirectory } from './directory-write.ts'
import { inParallel } from './in-parallel.ts'
import type { Actor, LifecyclePorts } from './ports.ts'

export type DirectoryKind = 'contracts' | 'users'

/** One line of a file: its fields, or why it cannot be read. Lines count from 1. */
export type ImportLine = { readonly line: number } & ({ readonly fields: WrittenFields } | { readonly fault: string })

export type ImportOptions = { readonly kind: DirectoryKind; readonly dryRun: boolean }

/** What a line does, or why it is refused; nothing is told of lines that change nothing. */
export type ImportItem =
  | {
      readonly line: number
      readonly id: string
      readonly outcome: 'added' | 'changed'
      readonly changes: readonly FieldChange[]
    }
  | {
      readonly line: number
      readonly outcome: 'refused'
      /** Empty: the line as a whole. */
      readonly field: string
      readonly problem: string
    }

export type ImportTotals = {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly refused: number
}

export type ImportResult = ImportTotals & {
  readonly dryRun: boolean
  /** Whether it was done: never with `dryRun`, nor where a line was refused. */
  readonly applied: boolean
}

/** Most lines of one file; more are sent as several files. What they say is held in memory until all are checked. */
export const importLinesMax = 200_000
/** Records that are written at the same time. */
const width = 16

/**
 * Imports contracts or users: the whole file is checked first, and one refused line keeps all of it from being applied, so that nothing is
 * done by halves. Yields what each line does. Repeating an import changes nothing more. Throws GatewayError `store_unavailable`,
 * `store_read_only` (some of it may be done by then: import the file again).
 */
export async function* importDirectory(
  lines: Iterable<ImportLine>,
  options: ImportOptions,
  { actor, ports }: { readonly actor: Actor; readonly ports: LifecyclePorts },
): AsyncGenerator<ImportItem, ImportResult> {
  const checked = await checkLines([...lines], options.kind, ports)
  const totals = { added: 0, changed: 0, unchanged: 0, refused: 0 }
  for (const one of checked) {
    if ('fault' in one) {
      totals.refused++
      yield { line: one.line, outcome: 'refused', field: one.fault.path ?? '', problem: one.fault.message }
      continue
    }
    const { id, outcome, changes } = one.plan
    totals[outcome]++
    if (outcome !== 'unchanged') yield { line: one.line, id, outcome, changes }
  }
  const applied = !options.dryRun && totals.refused === 0
  if (applied) {
    const plans = checked.flatMap((one) => ('plan' in one ? [one.plan] : []))
    // Whoever leads a contract no longer goes first, so that it never has two masters.
    const isStepping = ({ outcome, record }: DirectoryPlan) =>
      outcome === 'changed' && 'role' in record && record.role === 'general'
    const groups = [plans.filter(isStepping), plans.filter((plan) => !isStepping(plan))]
    for (const group of groups) await inParallel(group, (plan) => writeDirectory(plan, { actor, ports }), { width })
  }
  return { ...totals, dryRun: options.dryRun, applied }
}

type CheckedLine = { readonly line: number } & ({ readonly plan: DirectoryPlan } | { readonly fault: GatewayError })

async function checkLines(
  lines: readonly ImportLine[],
  kind: DirectoryKind,
  ports: LifecyclePorts,
): Promise<readonly CheckedLine[]> {
  const plan = kind === 'contracts' ? planLines(readContractInput, planContracts) : planLines(readUserInput, planUsers)
  return await plan(lines, ports)
}

function planLines<Input>(
  read: (fields: WrittenFields) => Input,
  plan: (inputs: readonly Input[], ports: LifecyclePorts) => Promise<readonly (DirectoryPlan | GatewayError)[]>,
) {
  return async (lines: readonly ImportLine[], ports: LifecyclePorts): Promise<readonly CheckedLine[]> => {
    const readable: { line: number; input: Input }[] = []
    const faulty: CheckedLine[] = []
    for (const one of lines) {
      const input = readLine(one, read)
      if (input instanceof GatewayError) faulty.push({ line: one.line, fault: input })
      else readable.push({ line: one.line, input })
    }
    const plans = await plan(
      readable.map(({ input }) => input),
      ports,
    )
    const planned = plans.map((one, position): CheckedLine => {
      const line = readable[position]?.line ?? 0
      return one instanceof GatewayError ? { line, fault: one } : { line, plan: one }
    })
    return [...faulty, ...planned].toSorted((left, right) => left.line - right.line)
  }
}

function readLine<Input>(line: ImportLine, read: (fields: WrittenFields) => Input): Input | GatewayError {
  if ('fault' in line) return new GatewayError('admin_request_invalid', `Cannot read the line: ${line.fault}`)
  try {
    return read(line.fields)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}
