// Goal: the page learns how the script ended, from the script that was waited for only, and the report is on record. Method: reports as the
// script sends them, over TLS to the real portal server.
import t from 'tap'
import {
  type EnrolReport,
  enrolReportId,
  openEnrolReport,
  readEnrolReport,
} from '../../../src/portal/est/enrol-report.ts'
import { ask } from './est-program.ts'
import { type EstWorld, startEstWorld } from './est-world.ts'

const code = 'AAAA-BBBB-CCCC-DDDD'
const id = enrolReportId(code)

const report = (world: EstWorld, body: string, headers = {}) =>
  ask(world, {
    operation: '/.sekisho/enrol-report',
    body,
    headers: { 'Content-Type': 'application/json; charset=us-ascii', ...headers },
  })

const text = (fields: object = {}) => JSON.stringify({ code: id, outcome: 'installed', status: 200, ...fields })

t.test('a report is kept for the login ID of the script, and audited', async (t) => {
  const world = await startEstWorld(t)
  await openEnrolReport({ loginId: 'user01', code }, world.ports)
  t.equal(await readEnrolReport('user01', world.ports), undefined)
  t.equal((await report(world, text())).status, 204)
  const kept: EnrolReport = { outcome: 'installed', status: 200, atMs: world.clock.nowMs() }
  t.same(await readEnrolReport('user01', world.ports), kept)
  t.match(world.audited, [
    {
      event: 'enrolment_reported',
      target: { kind: 'login_id', name: 'user01' },
      reason: 'installed',
      requestId: 'request-1',
    },
  ])
})

t.test('a script that is run again reports again, and a new script starts afresh', async (t) => {
  const world = await startEstWorld(t)
  await openEnrolReport({ loginId: 'user01', code }, world.ports)
  await report(world, text({ outcome: 'no_connection', status: 0 }))
  await report(world, text())
  t.match(await readEnrolReport('user01', world.ports), { outcome: 'installed' })
  await openEnrolReport({ loginId: 'user01', code: 'EEEE-EEEE-EEEE-EEEE' }, world.ports)
  t.equal(await readEnrolReport('user01', world.ports), undefined)
})

t.test('nobody reports for a script that is not waited for, or any more', async (t) => {
  const world = await startEstWorld(t)
  t.equal((await report(world, text())).status, 404)
  await openEnrolReport({ loginId: 'user01', code }, world.ports)
  world.clock.advance(601_000)
  t.equal((await report(world, text())).status, 404)
  t.same(world.audited, [])
})

t.test('what is no report is refused', async (t) => {
  const world = await startEstWorld(t)
  await openEnrolReport({ loginId: 'user01', code }, world.ports)
  const bad = [
    '',
    'null',
    '[]',
    '{',
    text({ outcome: '<script>' }),
    text({ status: '200' }),
    text({ status: 1e9 }),
    text({ code: 1 }),
    text({ code: code }),
    text({ more: 'x'.repeat(2_000) }),
  ]
  for (const body of bad) {
    const answer = await ask(world, { operation: '/.sekisho/enrol-report', method: 'POST', body })
    t.equal(answer.status, 400, body.slice(0, 30))
  }
  t.equal(await readEnrolReport('user01', world.ports), undefined)
  t.equal((await report(world, text(), { Origin: 'https://evil.example' })).status, 403)
})

t.test('reports of one script have an end', async (t) => {
  const world = await startEstWorld(t)
  await openEnrolReport({ loginId: 'user01', code }, world.ports)
  const answers = []
  for (let count = 0; count < 22; count++) answers.push((await report(world, text())).status)
  t.same(answers.slice(18), [204, 204, 429, 429])
})

t.test('the name of a report does not tell the code', async (t) => {
  t.match(id, /^[\w-]{22}$/)
  t.equal(enrolReportId(code.toLowerCase()), id, 'however it is spelt')
  t.not(enrolReportId('AAAA-BBBB-CCCC-DDDE'), id)
})
