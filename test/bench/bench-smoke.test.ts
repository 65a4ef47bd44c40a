// Goal: `npm run bench -- --json` ends with the agreed object, and only after every request of every gateway was
// answered with 200, without a resumed session. Method: one tiny round of the real program; figures are not judged.
import { readdirSync } from 'node:fs'
import { delimiter } from 'node:path'
import t, { type Test } from 'tap'
import { gatewayNames } from './gateways/gateway.ts'
import { addServerFolders, findInstallCommands } from './machine.ts'
import type { JsonReport } from './report.ts'
import { readReport, runBench } from './run-bench.ts'

const others = ['haproxy', 'nginx', 'httpProxy'] as const

function checkValues(t: Test, values: JsonReport['connection'], what: string): void {
  for (const name of gatewayNames) t.ok((values[name] ?? 0) > 0, `${what} of ${name} is a positive number`)
  for (const name of others) t.ok((values.ratio[name] ?? 0) > 0, `${what} has a ratio to ${name}`)
}

t.test('one tiny round', async (t) => {
  addServerFolders()
  const missing = findInstallCommands((process.env.PATH ?? '').split(delimiter))
  const folder = t.testdir()
  const ended = await runBench(['--rounds', '1', '--turn', '100', '--idle-connections', '200', '--json'], folder)
  const { code, stdout, stderr } = ended
  if (missing.length > 0) {
    t.equal(code, 2, 'refuses without its packages')
    t.equal(stderr, `${missing.join('\n')}\n`, 'and says only how to install them')
    return
  }
  t.equal(code, 0, `ends well: ${stderr}`)
  const report = readReport(ended) as JsonReport
  t.strictSame(Object.keys(report), ['request', 'connection', 'idleMemory'])
  checkValues(t, report.request, 'CPU per request')
  checkValues(t, report.request.p99, 'p99')
  checkValues(t, report.request.p50, 'p50')
  checkValues(t, report.connection, 'CPU per connection')
  // So few connections may fit into memory freed during the warm-up: here only that there is a number.
  for (const name of gatewayNames) t.type(report.idleMemory[name], 'number', `idle memory of ${name} was read`)
  for (const label of ['Sekisho', 'HAProxy', 'nginx', 'http-proxy']) {
    // A figure of 1 280 keep-alive requests in warm-up and again in the round is the least a run can have.
    const [, requests = '0', tls = ''] = new RegExp(`^\\| ${label} \\| (\\d+) \\| ([^|]+) \\|`, 'm').exec(stdout) ?? []
    t.ok(Number(requests) >= 2_560, `${label} answered all of ${requests} requests`)
    t.match(tls, /^TLSv1\.3,TLS_AES_128_GCM_SHA256,.*X25519/, `${label} made the same handshake as the others`)
  }
  t.strictSame(readdirSync(folder), [], 'leaves no file behind')
})

t.test('a wrong command line is refused before anything starts', async (t) => {
  const { code, stdout, stderr } = await runBench(['--rounds', '0'], t.testdir())
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, 'Cannot take --rounds as a whole number from 1 to 50: current value is 0')
})
