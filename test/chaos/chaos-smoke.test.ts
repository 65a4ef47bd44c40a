// Goal: whatever breaks of gateways, Redis and the network between them, nothing revoked is admitted and no push is lost. Method: a
// short run of `npm run chaos` on a real Sentinel set and two real gateways, with the faults of one seed; longer ones are for people.
import t from 'tap'
import { isClean, problemLines, summaryLines, verdictLine } from './report.ts'
import { removeLogs, runChaos } from './run-chaos.ts'

const seed = 169
const seconds = 45
/** A test file may take 120 s. */
const totalSecondsMax = 105

t.test('random faults admit nobody who is revoked, lose no push, and heal', { timeout: 115_000 }, async (t) => {
  const report = await runChaos({ seed, seconds, gateways: 2, totalSecondsMax, say: (line) => t.comment(line) })
  for (const line of [...summaryLines(report), ...problemLines(report)]) t.comment(line)
  t.equal(verdictLine(report), `seed ${seed}: wrongly admitted 0, lost pushes 0`)
  t.same(report.complaints, [], 'everything has healed, and who is good is admitted')
  t.same(report.findings.wronglyRefused, [])
  t.ok(report.faults.length >= 5, 'faults were made')
  t.ok(report.recorder.pushes.length >= 100, 'revocations were pushed')
  t.ok((report.recorder.outcomes.get('permitted') ?? 0) >= 200, 'users were admitted')
  t.ok((report.recorder.outcomes.get('certificate_revoked') ?? 0) >= 100, 'users were refused')
  if (isClean(report)) removeLogs(report)
  else t.comment(`logs: ${report.folder}`)
})
