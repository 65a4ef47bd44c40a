// Goal: figures are computed as README.md says, and a run with a failed request never becomes a figure.
// Method: the pure parts of the benchmark on small inputs; Sekisho's configuration against the real schema.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { configFile } from '../../src/config/config-file.ts'
import { buildConfiguration } from './gateways/sekisho.ts'
import { readPercentile, readResult } from './load.ts'
import { findInstallCommands } from './machine.ts'
import { parseOptions } from './options.ts'
import { OwnProcesses } from './own-processes.ts'
import { buildJson, buildSectionJson, formatSection } from './report.ts'
import { spread, summarise } from './statistics.ts'

const table = ['Percentage served,Time in ms', ...Array.from({ length: 100 }, (_, row) => `${row},${row}.000`)].join(
  '\n',
)
const report = `SSL/TLS Protocol:       TLSv1.3,TLS_AES_128_GCM_SHA256,256,128
Server Temp Key:        X25519 253 bits
Complete requests:      6400
Failed requests:        0
Keep-Alive requests:    6400
Requests per second:    5000.00 [#/sec] (mean)
`
const job = { port: 1, requests: 6_400, keepAlive: true, connections: 64, table }

t.test('a percentile leaves out the requests that waited for a handshake', async (t) => {
  t.equal(readPercentile(table, { wanted: 99, requests: 6_400, outside: 0 }), 99)
  t.equal(readPercentile(table, { wanted: 99, requests: 6_400, outside: 64 }).toFixed(2), '98.01')
  t.throws(() => readPercentile('Percentage served,Time in ms', { wanted: 50, requests: 10, outside: 0 }))
})

t.test('a run counts only when every request was answered with 200 on a kept connection', async (t) => {
  t.match(readResult(report, job), { requests: 6_400, requestsPerSecond: 5_000, tls: /X25519/ })
  t.throws(() => readResult(`${report}Non-2xx responses:      1\n`, job), 'a denial')
  t.throws(() => readResult(report.replace('Failed requests:        0', 'Failed requests:        1'), job), 'a failure')
  t.throws(() => readResult(report.replace('6400\nFailed', '6399\nFailed'), job), 'a missing answer')
  t.throws(() => readResult(report.replace('requests:    6400', 'requests:    6399'), job), 'a closed connection')
  t.throws(() => readResult(report, { ...job, keepAlive: false }), 'a kept connection where each should be new')
})

t.test('ratios are taken within a round before their median is taken', async (t) => {
  const rounds = [
    { sekisho: { request: 10 }, nginx: { request: 20 } },
    { sekisho: { request: 100 }, nginx: { request: 50 } },
    { sekisho: { request: 30 }, nginx: { request: 30 } },
  ]
  const { figures, ratios } = summarise(rounds, { quantity: 'request', base: 'sekisho' })
  t.strictSame(figures.sekisho, { median: 30, min: 10, max: 100 })
  t.strictSame(ratios, { nginx: { median: 1, min: 0.5, max: 2 } })
  t.equal(spread([1, 2, 3, 10]).median, 2.5)
  t.throws(() => spread([]))
  t.strictSame(buildJson(rounds, []).request, {
    sekisho: 30,
    nginx: 30,
    ratio: { nginx: 1 },
    p99: { ratio: {} },
    p50: { ratio: {} },
  })
})

t.test('a section has ratios to its base, but for quantities whose ratio says nothing', async (t) => {
  const rows = [
    { quantity: 'request', title: 'CPU (µs)', digits: 1, divisor: 1 },
    { quantity: 'added', title: 'difference (ms)', digits: 1, divisor: 1, ratio: false },
  ]
  const rounds = [
    { two: { request: 30, added: 0.5 }, one: { request: 20, added: -1 } },
    { two: { request: 10, added: 1.5 }, one: { request: 20, added: -2 } },
    { two: { request: 11, added: 2.5 }, one: { request: 10, added: -3 } },
  ]
  const section = { title: 'Two', base: 'two', labels: { two: 'two workers', one: 'one worker' }, rows, rounds }
  t.strictSame(buildSectionJson(section), {
    request: { two: 11, one: 20, ratio: { one: 1.1 } },
    added: { two: 1.5, one: -2 },
  })
  const text = formatSection(section)
  t.match(text, '| two workers ÷ other, same round | one worker |')
  t.match(text, '| CPU | 1.10 (0.50–1.50) |')
  t.match(text, '| difference (ms) | 1.5 (0.5–2.5) | -2.0 (-3.0–-1.0) |')
  t.notMatch(text, '| difference |')
})

t.test('options have bounds', async (t) => {
  t.match(parseOptions([]), { rounds: 7, memoryRounds: 7, idleConnections: 2_000, accessLogs: false, json: false })
  t.match(parseOptions([]), { extras: [], transferMib: 1_024 })
  const asked = ['--bulk', '--http2', '--idle', '300', '--transfer-mib', '8']
  t.match(parseOptions(asked), { extras: ['http2', 'bulk', 'idle'], idleHeld: 300, transferMib: 8 })
  t.match(parseOptions(['--workers', '--slow', '30']), { extras: ['workers', 'slow'], slowClients: 30 })
  t.match(parseOptions(['--quick', '--json']), { rounds: 5, idleConnections: 1_000, json: true })
  for (const wrong of [
    ['--rounds', '51'],
    ['--turn', '1.5'],
    ['--idle-connections', 'x'],
    ['--gateways', 'apache'],
    ['--idle', '9'],
    ['--slow', '10001'],
    ['--transfer-mib', '0'],
    ['-x'],
  ]) {
    t.throws(() => parseOptions(wrong), { name: 'OptionsError' }, wrong.join(' '))
  }
})

t.test('missing packages are named as one command', async (t) => {
  const folder = t.testdir()
  t.strictSame(findInstallCommands([folder]), [
    'apt-get install -y nginx haproxy apache2-utils',
    'apt-get install -y openssl',
  ])
  for (const program of ['nginx', 'haproxy', 'ab', 'openssl']) {
    await writeFile(join(folder, program), '')
    await chmod(join(folder, program), 0o755)
  }
  t.strictSame(findInstallCommands(['/nonexistent', folder]), [])
})

t.test("Sekisho's configuration is one the gateway accepts", async (t) => {
  const pki = {
    rootFile: '/bench/root.pem',
    issuingFile: '/bench/issuing.pem',
    clientIssuersFile: '/bench/issuers.pem',
    serverCertificateFile: '/bench/server.pem',
    serverKeyFile: '/bench/server.key',
    serverFile: '/bench/all.pem',
    clientFile: '/bench/client.pem',
  }
  const processes = new OwnProcesses()
  const places = { folder: '/bench', pki, upstreamPort: 1, gatewayCores: '0', processes }
  const site = { ...places, http2: true, workers: 2, connectionsMax: 30_000, buffering: false }
  const own = { folder: '/bench/sekisho', port: 2, opsPort: 3 }
  const silent = configFile.parse(buildConfiguration({ ...site, accessLog: false }, own))
  t.equal(silent.accessLog.file, undefined)
  t.equal(silent.doors.certificate[0]?.resumption.enabled, false)
  t.equal(silent.workers, 2)
  t.equal(silent.limits.connectionsMax, 30_000)
  const logging = configFile.parse(buildConfiguration({ ...site, accessLog: true }, own))
  t.equal(logging.accessLog.file, '/bench/sekisho/access.log')
})
