// Goal: whoever reads the report of a run knows at once whether it was right, and where to look if it was not. Method: reports made
// up by hand, clean ones and such with one finding of each kind.
import t from 'tap'
import type { Visit } from './history.ts'
import type { Findings } from './oracle.ts'
import { Recorder } from './recorder.ts'
import { type ChaosReport, isClean, problemLines, summaryLines, verdictLine } from './report.ts'

const nothing: Findings = { wronglyAdmitted: [], lostPushes: [], wronglyRefused: [], excused: [] }
const visit: Visit = {
  certificate: 3,
  gateway: 1,
  startedMs: 12_000,
  endedMs: 12_020,
  outcome: 'permitted',
  keptAlive: true,
}
const push = { certificate: 3, gateway: 0, askedMs: 1_900, acknowledgedMs: 2_000, replicas: 1 }

function reportOf(findings: Partial<Findings> = {}, complaints: readonly string[] = []): ChaosReport {
  let nowMs = 2_500
  const recorder = new Recorder({ nowMs: () => nowMs, monotonicMs: () => nowMs })
  const over = recorder.faultBegins('partition gateways 1 silent everything')
  nowMs = 3_000
  over()
  recorder.visit(visit)
  recorder.pushes.push(push)
  return {
    seed: 42,
    folder: 'logs',
    seconds: 61,
    recorder,
    findings: { ...nothing, ...findings },
    complaints,
    faults: [{ atMs: 0, forMs: 0, fault: { kind: 'flushed' } }],
    longestNotReadyMs: [1_500, 0],
    refusals: new Map([['503 store_unavailable', 4]]),
    serialOf: (certificate) => `serial-${certificate}`,
  }
}

t.test('a clean run says so in one line, with its seed', async (t) => {
  const report = reportOf()
  t.ok(isClean(report))
  t.equal(verdictLine(report), 'seed 42: wrongly admitted 0, lost pushes 0')
  t.same(problemLines(report), [])
  t.same(summaryLines(report), [
    '61 s, 1 faults: 1 flushed',
    'revocations: 1 acknowledged, 0 added by hand, 0 tries failed (4 503 store_unavailable)',
    'requests: 1 permitted; 0 connections ended between requests',
    'longest time not ready: gateway 0 1.50 s, gateway 1 0.00 s',
  ])
})

t.test('a wrong admission is told with its times and the faults about them', async (t) => {
  const report = reportOf({ wronglyAdmitted: [{ rule: 'overdue', visit, boundMs: 9_000, push }] })
  t.notOk(isClean(report))
  t.equal(verdictLine(report), 'seed 42: wrongly admitted 1, lost pushes 0')
  t.same(problemLines(report), [
    'wrongly admitted (overdue): certificate 3 (serial-3) at gateway 1 from 12000 to 12020, 3.00 s after it had to be refused, ' +
      'on a kept connection; pushed at gateway 0, asked 10.10 s and acknowledged 10.00 s before, on 1 replicas; ' +
      'faults: none',
  ])
})

t.test('a certificate that goes on being admitted is told of once', async (t) => {
  const again = { ...visit, startedMs: 14_500, endedMs: 14_520 }
  const [line, ...more] = problemLines(
    reportOf({
      wronglyAdmitted: [again, visit].map((one) => ({ rule: 'overdue', visit: one, boundMs: 9_000, push }) as const),
    }),
  )
  t.match(line, /at gateway 1 2 times, the last 2\.50 s later, first from 12000 to 12020/)
  t.same(more, [])
})

t.test('a lost push is told with where it is missing', async (t) => {
  const report = reportOf({
    lostPushes: [{ certificate: 3, push, inStore: false, outcomes: ['certificate_revoked', 'permitted'] }],
  })
  t.notOk(isClean(report))
  t.equal(verdictLine(report), 'seed 42: wrongly admitted 0, lost pushes 1')
  t.match(problemLines(report), [
    'lost push: certificate 3 (serial-3), acknowledged by gateway 0 at 2000 on 1 replicas; not in the store; ' +
      'gateways say certificate_revoked, permitted; faults: partition gateways 1 silent everything (0.50 s to 1.00 s)',
  ])
})

t.test('a good certificate that is refused, and anything that did not heal, spoil a run too', async (t) => {
  const refused = reportOf({ wronglyRefused: [visit] })
  t.notOk(isClean(refused))
  t.match(problemLines(refused), [/^wrongly refused: certificate 3/])
  const complained = reportOf({}, ['gateway 1 is not ready'])
  t.notOk(isClean(complained))
  t.same(problemLines(complained), ['complaint: gateway 1 is not ready'])
})

t.test('late admissions that nobody could avoid are told and spoil nothing', async (t) => {
  const report = reportOf({ excused: [{ visit, push, losses: [] }] })
  t.ok(isClean(report))
  t.match(summaryLines(report).at(-1), /^1 admissions came late .* 10\.00 s after the acknowledgement$/)
})

t.test('of many findings the first are told', async (t) => {
  const wrong = { rule: 'overdue', visit, boundMs: 9_000, push } as const
  const wronglyAdmitted = Array.from({ length: 25 }, (_, certificate) => ({
    ...wrong,
    visit: { ...visit, certificate },
  }))
  const lines = problemLines(reportOf({ wronglyAdmitted }))
  t.equal(lines.length, 21)
  t.equal(lines.at(-1), 'and 5 more of these')
})
