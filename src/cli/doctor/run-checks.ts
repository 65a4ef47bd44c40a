import { counted, printable } from '../text-table.ts'
import { bad, type Check, type Finding, type Group, groups, type Level, reasonOf } from './finding.ts'

/** What was found in one group, in the order of its checks. */
export type GroupFindings = { readonly group: Group; readonly findings: readonly Finding[] }

/**
 * Runs all checks at the same time; each has so long. Groups come in their fixed order, whatever ended first; a check that takes longer, or
 * throws, is a bad finding and never ends the others.
 */
export async function runChecks(
  checks: readonly Check[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<readonly GroupFindings[]> {
  const done = await Promise.all(
    checks.map(async (check) => ({ group: check.group, findings: await runOne(check, timeoutMs) })),
  )
  return groups.flatMap((group) => {
    const findings = done.filter((one) => one.group === group).flatMap((one) => one.findings)
    return findings.length === 0 ? [] : [{ group, findings }]
  })
}

async function runOne(check: Check, timeoutMs: number): Promise<readonly Finding[]> {
  const ending = new AbortController()
  const late = Promise.withResolvers<readonly Finding[]>()
  const timer = setTimeout(() => {
    const fix = `See whether it is overloaded or cut off, then look again with --timeout ${Math.ceil(timeoutMs / 250)}`
    late.resolve([bad(check.subject, `it has not answered within ${timeoutMs / 1_000} s`, fix)])
    ending.abort()
  }, timeoutMs)
  try {
    // In a turn of its own, so that a check that throws at once is like one that rejects.
    const work = Promise.resolve().then(() => check.run(ending.signal))
    return await Promise.race([work, late.promise])
  } catch (error) {
    return [bad(check.subject, `it could not be looked at: ${reasonOf(error)}`, 'Mend that, then look again')]
  } finally {
    clearTimeout(timer)
    ending.abort()
  }
}

/** How many findings there are of a level. */
export function countOf(found: readonly GroupFindings[], level: Level): number {
  return found.flatMap(({ findings }) => findings).filter((finding) => finding.level === level).length
}

/** The findings for people: a heading a group, a line a finding, and how to mend it below. */
export function findingsText(found: readonly GroupFindings[]): string {
  const blocks = found.map(({ group, findings }) => `${group}\n${findings.map(findingText).join('')}`)
  const [good, doubtful, wrong] = (['ok', 'warn', 'bad'] as const).map((level) => countOf(found, level))
  const sum = `${good} ok, ${counted(doubtful ?? 0, 'warning')}, ${wrong} bad.`
  const next = wrong === 0 ? '' : ' What is bad keeps users out, or in danger: mend it first.'
  return `${blocks.join('\n')}\n${sum}${next}\n`
}

function findingText({ level, subject, detail, fix }: Finding): string {
  const line = `  ${level.padEnd(4)}  ${printable(subject)}: ${printable(detail)}\n`
  return fix === undefined ? line : `${line}        -> ${printable(fix)}\n`
}
