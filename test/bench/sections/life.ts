import { systemClock } from '../../../src/base/clock.ts'
import type { LifeOptions, LifePart } from '../life-options.ts'
import type { LifePki } from '../life-pki.ts'
import { type Bar, buildSectionJson, formatBars, formatSection, isMet, type SectionJson } from '../report.ts'
import type { Ground } from '../session.ts'
import { measureDirectory } from './life-directory.ts'
import { LifeGround, type PartResult } from './life-ground.ts'
import { measureIssue } from './life-issue.ts'
import { measureLoad } from './life-load.ts'
import { measurePage } from './life-page.ts'

/** The numbers that the bars are made for, and what they count. */
const madeFor = {
  users: { number: 1_000_000, what: 'users' },
  rate: { number: 100, what: 'issues a second' },
  requests: { number: 1_000, what: 'requests a second' },
} as const

const parts: Readonly<Record<LifePart, (life: LifeGround) => Promise<PartResult>>> = {
  issue: measureIssue,
  load: measureLoad,
  page: measurePage,
  directory: measureDirectory,
}

/** What the section says in the last line of `--json`. */
export type LifeJson = {
  readonly users: number
  readonly issues: number
  readonly rate: number
  readonly parts: Partial<Record<LifePart, SectionJson>>
  readonly bars: Readonly<Record<string, { readonly value: number; readonly most: number; readonly met: boolean }>>
}

/** Runs the parts that were asked for, one after the other, and prints each when it has ended. */
export async function runLife(ground: Ground & { readonly pki: LifePki }, options: LifeOptions): Promise<LifeJson> {
  const life = new LifeGround(ground, options)
  const found: Partial<Record<LifePart, SectionJson>> = {}
  const reached: Bar[] = []
  try {
    for (const part of options.parts) {
      const startMs = systemClock.monotonicMs()
      const { section, notes = [], bars } = await parts[part](life)
      console.log(`\n${[formatSection(section), ...notes].join('\n\n')}`)
      life.tell(`${part} took ${Math.round((systemClock.monotonicMs() - startMs) / 1_000)} s`)
      found[part] = buildSectionJson(section)
      reached.push(...bars)
    }
  } finally {
    await life.end()
  }
  console.log(`\n${formatBars(`Bars${differsFromBars(options)}`, reached)}`)
  const { users, issues, rate } = options
  return {
    users,
    issues,
    rate,
    parts: found,
    bars: Object.fromEntries(
      reached.map((bar) => [bar.quantity, { value: bar.value, most: bar.most, met: isMet(bar) }]),
    ),
  }
}

/** Says in which numbers this run is not the one that the bars are made for. */
function differsFromBars(options: LifeOptions): string {
  const names = Object.keys(madeFor) as (keyof typeof madeFor)[]
  const other = names.filter((name) => options[name] !== madeFor[name].number)
  if (other.length === 0) return ''
  const list = other.map((name) => `${options[name]} ${madeFor[name].what} in place of ${madeFor[name].number}`)
  return `, which are made for other numbers: here ${list.join(', ')}`
}
