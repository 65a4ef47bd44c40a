import type { FaultSpan, Push } from './history.ts'
import type { Findings, LostPush, WrongAdmission } from './oracle.ts'
import type { Recorder } from './recorder.ts'
import { describeFault, type Step } from './schedule.ts'

export type ChaosReport = {
  readonly seed: number
  /** Where the logs of all processes are. */
  readonly folder: string
  readonly seconds: number
  readonly recorder: Pick<
    Recorder,
    'visits' | 'pushes' | 'handAdditions' | 'failedPushes' | 'cuts' | 'outcomes' | 'faultsDuring'
  >
  readonly findings: Findings
  /** What else is not as it must be: what did not heal, or is not admitted any more. */
  readonly complaints: readonly string[]
  /** Those that could be made. */
  readonly faults: readonly Step[]
  readonly longestNotReadyMs: readonly number[]
  readonly refusals: ReadonlyMap<string, number>
  readonly serialOf: (certificate: number) => string
}

/** Findings printed one by one; the others are counted. */
const shownMax = 20
/** A fault that ended so long before may still show. Unit: milliseconds. */
const aboutMs = 3_000

/** Whether everything was as it must be. */
export function isClean({ findings, complaints }: Pick<ChaosReport, 'findings' | 'complaints'>): boolean {
  const { wronglyAdmitted, lostPushes, wronglyRefused } = findings
  return wronglyAdmitted.length + lostPushes.length + wronglyRefused.length + complaints.length === 0
}

/** The line that says whether it was right. */
export function verdictLine({ seed, findings }: Pick<ChaosReport, 'seed' | 'findings'>): string {
  return `seed ${seed}: wrongly admitted ${findings.wronglyAdmitted.length}, lost pushes ${findings.lostPushes.length}`
}

/** What happened, in numbers. */
export function summaryLines(report: ChaosReport): readonly string[] {
  const { recorder, faults, longestNotReadyMs, findings } = report
  const acknowledged = new Set(recorder.pushes.map(({ certificate }) => certificate)).size
  const kinds = countBy(faults.map(({ fault }) => fault.kind))
  const lines = [
    `${report.seconds.toFixed(0)} s, ${faults.length} faults: ${listOf(kinds)}`,
    `revocations: ${acknowledged} acknowledged, ${recorder.handAdditions.length} added by hand, ${recorder.failedPushes} tries failed${
      report.refusals.size === 0 ? '' : ` (${listOf(report.refusals)})`
    }`,
    `requests: ${listOf(recorder.outcomes)}; ${recorder.cuts} connections ended between requests`,
    `longest time not ready: ${longestNotReadyMs.map((ms, number) => `gateway ${number} ${seconds(ms)}`).join(', ')}`,
  ]
  const { excused } = findings
  if (excused.length > 0) {
    const lateMs = excused.map(({ visit, push }) => visit.startedMs - push.acknowledgedMs)
    lines.push(
      `${excused.length} admissions came late because the store had lost the revocation or had two masters, ` +
        `the last ${seconds(Math.max(...lateMs))} after the acknowledgement`,
    )
  }
  return lines
}

/** What was not as it must be, with what is needed to find the reason. */
export function problemLines(report: ChaosReport): readonly string[] {
  const { findings, complaints, recorder, serialOf } = report
  const { wronglyAdmitted, lostPushes, wronglyRefused } = findings
  return [
    ...complaints.map((complaint) => `complaint: ${complaint}`),
    ...shown(grouped(wronglyAdmitted), (group) => describeAdmissions(group, { recorder, serialOf })),
    ...shown(lostPushes, (lost) => describeLost(lost, { recorder, serialOf })),
    ...shown(
      wronglyRefused,
      ({ certificate, gateway, startedMs }) =>
        `wrongly refused: certificate ${certificate} (${serialOf(certificate)}) at gateway ${gateway} at ${startedMs.toFixed(0)}`,
    ),
  ]
}

type Context = { readonly recorder: ChaosReport['recorder']; readonly serialOf: (certificate: number) => string }

/** Of each certificate at each gateway, in the order of time. */
function grouped(admissions: readonly WrongAdmission[]): readonly (readonly WrongAdmission[])[] {
  const groups = new Map<string, WrongAdmission[]>()
  for (const admission of admissions.toSorted((a, b) => a.visit.startedMs - b.visit.startedMs)) {
    const place = `${admission.visit.certificate}@${admission.visit.gateway}`
    groups.set(place, [...(groups.get(place) ?? []), admission])
  }
  return [...groups.values()]
}

function describeAdmissions(group: readonly WrongAdmission[], { recorder, serialOf }: Context): string {
  const [first] = group
  if (first === undefined) return ''
  const { rule, boundMs, push, visit } = first
  const { certificate, gateway, startedMs, endedMs, keptAlive } = visit
  const lastMs = group.at(-1)?.visit.startedMs ?? startedMs
  const often = group.length === 1 ? '' : `${group.length} times, the last ${seconds(lastMs - startedMs)} later, first `
  const sincePush = push === undefined ? 'nobody acknowledged it' : `pushed ${describePush(push, startedMs)}`
  const faults = faultsAbout([push?.askedMs ?? boundMs, push?.acknowledgedMs ?? boundMs, endedMs], recorder)
  return (
    `wrongly admitted (${rule}): certificate ${certificate} (${serialOf(certificate)}) at gateway ${gateway} ${often}` +
    `from ${startedMs.toFixed(0)} to ${endedMs.toFixed(0)}, ${seconds(startedMs - boundMs)} after it had to be refused, ` +
    `on a ${keptAlive ? 'kept' : 'new'} connection; ${sincePush}; faults: ${faultList(faults, startedMs)}`
  )
}

/** Faults in force shortly before or at one of these times. */
function faultsAbout(timesMs: readonly number[], recorder: ChaosReport['recorder']): readonly FaultSpan[] {
  const found = timesMs.flatMap((ms) => recorder.faultsDuring(ms - aboutMs, ms))
  return [...new Set(found)].toSorted((a, b) => a.beginMs - b.beginMs)
}

function describePush({ gateway, askedMs, acknowledgedMs, replicas }: Push, startedMs: number): string {
  return (
    `at gateway ${gateway}, asked ${seconds(startedMs - askedMs)} and acknowledged ${seconds(startedMs - acknowledgedMs)} before, ` +
    `on ${replicas ?? 'unknown'} replicas`
  )
}

function describeLost({ certificate, push, inStore, outcomes }: LostPush, { recorder, serialOf }: Context): string {
  const source =
    push === undefined
      ? 'added by hand'
      : `acknowledged by gateway ${push.gateway} at ${push.acknowledgedMs.toFixed(0)} on ${push.replicas ?? 'unknown'} replicas`
  const faults =
    push === undefined
      ? ''
      : `; faults: ${faultList(faultsAbout([push.askedMs, push.acknowledgedMs, push.acknowledgedMs + aboutMs], recorder), push.acknowledgedMs)}`
  return (
    `lost push: certificate ${certificate} (${serialOf(certificate)}), ${source}; ` +
    `${inStore ? 'in' : 'not in'} the store; gateways say ${outcomes.join(', ') || 'nothing'}${faults}`
  )
}

function faultList(faults: readonly FaultSpan[], relativeToMs: number): string {
  if (faults.length === 0) return 'none'
  const time = (ms: number) => (Number.isFinite(ms) ? seconds(ms - relativeToMs) : 'the end')
  return faults.map(({ what, beginMs, endMs }) => `${what} (${time(beginMs)} to ${time(endMs)})`).join(', ')
}

function shown<T>(findings: readonly T[], describe: (finding: T) => string): readonly string[] {
  const rest = findings.length - shownMax
  return [...findings.slice(0, shownMax).map(describe), ...(rest > 0 ? [`and ${rest} more of these`] : [])]
}

function countBy(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}

/** The faults that a seed makes, a line each. */
export function planLines(plan: readonly Step[]): readonly string[] {
  return plan.map(({ atMs, forMs, fault }) => {
    const how = forMs === 0 ? '' : ` for ${seconds(forMs)}`
    return `${seconds(atMs).padStart(9)}  ${describeFault(fault)}${how}`
  })
}
