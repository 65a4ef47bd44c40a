import { systemClock } from '../../../src/base/clock.ts'
import { type Bar, buildSectionJson, formatBars, formatSection, isMet, type SectionJson } from '../report.ts'
import type { RevocationOptions, RevocationPart } from '../revocation-options.ts'
import type { RevocationPki } from '../revocation-pki.ts'
import type { Ground } from '../session.ts'
import { measureBulk } from './revocation-bulk.ts'
import { measureCost } from './revocation-cost.ts'
import { measureFleet } from './revocation-fleet.ts'
import { type PartResult, RevocationGround, TooLong } from './revocation-ground.ts'
import { measureLoading } from './revocation-loading.ts'
import { measureMemory } from './revocation-memory.ts'

/** The numbers that the bars are made for, and what they count. */
const madeFor = {
  entries: { number: 1_000_000, what: 'entries' },
  fleet: { number: 8, what: 'gateways' },
  connections: { number: 1_000, what: 'connections' },
  pushes: { number: 300, what: 'pushes' },
} as const

const parts: Readonly<Record<RevocationPart, (revocation: RevocationGround) => Promise<PartResult>>> = {
  memory: measureMemory,
  loading: measureLoading,
  cost: measureCost,
  fleet: measureFleet,
  bulk: measureBulk,
}

/** What the section says in the last line of `--json`. */
export type RevocationJson = {
  readonly entries: number
  readonly fleet: number
  readonly connections: number
  readonly pushes: number
  readonly parts: Partial<Record<RevocationPart, SectionJson>>
  readonly bars: Readonly<Record<string, { readonly value: number; readonly most: number; readonly met: boolean }>>
}

/** Runs the parts that were asked for, one after the other, and prints each when it has ended. */
export async function runRevocation(
  ground: Ground & { readonly pki: RevocationPki },
  options: RevocationOptions,
): Promise<RevocationJson> {
  const revocation = new RevocationGround(ground, options)
  const found: Partial<Record<RevocationPart, SectionJson>> = {}
  const reached: Bar[] = []
  for (const part of options.parts) {
    const startMs = systemClock.monotonicMs()
    const result = await parts[part](revocation).catch(noteTooLong)
    const seconds = Math.round((systemClock.monotonicMs() - startMs) / 1_000)
    if (result === undefined) continue
    console.log(`\n${[formatSection(result.section), ...(result.notes ?? [])].join('\n\n')}`)
    revocation.tell(`${part} took ${seconds} s`)
    found[part] = buildSectionJson(result.section)
    reached.push(...result.bars)
  }
  console.log(`\n${formatBars(`Bars${differsFromBars(options)}`, reached)}`)
  return {
    entries: options.entries,
    fleet: options.fleet,
    connections: options.connections,
    pushes: options.pushes,
    parts: found,
    bars: Object.fromEntries(
      reached.map((bar) => [bar.quantity, { value: bar.value, most: bar.most, met: isMet(bar) }]),
    ),
  }
}

/** Prints why a part is left out; any other fault ends the run. */
function noteTooLong(fault: unknown): undefined {
  if (!(fault instanceof TooLong)) throw fault
  console.log(`\nNot measured: ${fault.message}`)
}

/** Says in which numbers this run is not the one that the bars are made for. */
function differsFromBars(options: RevocationOptions): string {
  const names = Object.keys(madeFor) as (keyof typeof madeFor)[]
  const other = names.filter((name) => options[name] !== madeFor[name].number)
  if (other.length === 0) return ''
  const list = other.map((name) => `${options[name]} ${madeFor[name].what} in place of ${madeFor[name].number}`)
  return `, which are made for other numbers: here ${list.join(', ')}`
}
