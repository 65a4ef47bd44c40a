// Goal: what the section `revocation` is asked for and what it says is right: options have bounds, percentiles and bars are
// computed as README.md says, gateways are read correctly. Method: the pure parts of it on small inputs.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { configFile } from '../../src/config/config-file.ts'
import { findLogLine } from './gateway-log.ts'
import { buildConfiguration } from './gateways/sekisho.ts'
import { findInstallCommands } from './machine.ts'
import { findSeries, sumOf } from './metrics-page.ts'
import { parseOptions } from './options.ts'
import { OwnProcesses } from './own-processes.ts'
import { buildSectionJson, formatBars, formatSection, isMet } from './report.ts'
import { createRevocationPki, issuerName } from './revocation-pki.ts'
import { figuresOf } from './sections/revocation-pair.ts'
import { SerialList } from './serial-list.ts'
import { percentile } from './statistics.ts'

t.test('the word revocation asks for the section, with options of its own', async (t) => {
  t.equal(parseOptions([]).revocation, undefined)
  const full = parseOptions(['revocation']).revocation
  t.match(full, {
    entries: 1_000_000,
    connections: 1_000,
    fleet: 8,
    pushes: 300,
    rounds: 10,
    pairs: 2,
    turnMs: 1_000,
    quick: false,
  })
  t.strictSame(full?.parts, ['memory', 'loading', 'cost', 'fleet', 'bulk'])
  const quick = parseOptions(['--quick', 'revocation', '--json'])
  t.match(quick, { json: true, revocation: { entries: 100_000, connections: 200, fleet: 4, pushes: 100, quick: true } })
  const small = ['--entries', '2000', '--connections', '8', '--fleet', '2', '--pushes', '4', '--rounds', '1']
  t.match(parseOptions(['revocation', ...small]).revocation, { entries: 2_000, connections: 8, fleet: 2, rounds: 1 })
  t.strictSame(parseOptions(['revocation', '--parts', 'bulk,fleet']).revocation?.parts, ['fleet', 'bulk'])
})

t.test('ten million entries are measured where that can be done in time', async (t) => {
  const many = ['revocation', '--entries', '10000000']
  t.strictSame(parseOptions(many).revocation?.parts, ['memory', 'loading'])
  t.strictSame(parseOptions([...many, '--parts', 'fleet']).revocation?.parts, ['fleet'], 'unless parts are named')
})

t.test('what makes no sense together is refused by name', async (t) => {
  for (const [args, message] of [
    [['revocations'], /^Cannot take a word as a part other than revocation or .*: current value is "revocations"$/],
    [['revocation', 'fleet'], /^Cannot take a word as a part other than revocation or .*: current value is "fleet"$/],
    [['revocation', '--http2'], 'Cannot take --http2 together with the word revocation'],
    [['revocation', '--gateways', 'nginx'], 'Cannot take --gateways together with the word revocation'],
    [['--entries', '5000'], 'Cannot take --entries without the word revocation or crl'],
    [['revocation', '--entries', '999'], /^Cannot take --entries as a whole number from 1000 to 20000000/],
    [['revocation', '--fleet', '1'], /^Cannot take --fleet as a whole number from 2 to 16/],
    [['revocation', '--parts', 'fleet,all'], /^Cannot take --parts as a list of memory, .*: current value is all$/],
  ] as const) {
    t.throws(() => parseOptions(args), { name: 'OptionsError', message }, args.join(' '))
  }
})

t.test('Redis is asked for only where it is needed', async (t) => {
  const folder = t.testdir()
  for (const program of ['nginx', 'haproxy', 'ab', 'openssl', 'redis-server']) {
    await writeFile(join(folder, program), '')
    await chmod(join(folder, program), 0o755)
  }
  t.strictSame(findInstallCommands([folder]), [])
  t.strictSame(findInstallCommands([folder], { redis: true }), ['apt-get install -y redis-server'])
})

t.test('a percentile is one of the values', async (t) => {
  const values = Array.from({ length: 300 }, (_, index) => 300 - index)
  t.equal(percentile(values, 50), 150)
  t.equal(percentile(values, 99), 297)
  t.equal(percentile(values, 100), 300)
  t.equal(percentile([1, 2, 3], 50), 2)
  t.equal(percentile([7], 1), 7)
  t.throws(() => percentile([], 50))
})

t.test('what two processes differ by anyway is taken out of what revocations cost', async (t) => {
  const both = (none: number, full: number) => ({ none, full })
  const before = [0, 1, 2].map((more) => ({ connection: both(100, 105 + more), request: both(20, 19) }))
  const after = [{ connection: both(200, 212), request: both(10, 9.5) }]
  t.match(figuresOf(before, after), [
    { connectionUnequal: 1.06, connectionRatio: 1, requestUnequal: 0.95, requestRatio: 1, connectionFull: 212 },
  ])
  const dearer = figuresOf(before, [{ connection: both(200, 318), request: both(10, 19) }])[0]
  t.equal(dearer?.connectionRatio?.toFixed(6), '1.500000')
  t.equal(dearer?.requestRatio?.toFixed(6), '2.000000')
})

t.test('a bar says whether it was met, and nothing measured meets nothing', async (t) => {
  const bar = (value: number) => ({ quantity: 'x', title: 'time (ms)', value, most: 50, digits: 1 })
  t.ok(isMet(bar(50)))
  t.notOk(isMet(bar(50.01)))
  t.notOk(isMet(bar(Number.NaN)))
  t.match(formatBars('Bars', [bar(49.96)]), '| time (ms) | 50.0 | ≤ 50 | met |')
  t.match(formatBars('Bars', [bar(51)]), '| time (ms) | 51.0 | ≤ 50 | **not met** |')
})

t.test('what is measured once has no spread', async (t) => {
  const section = {
    title: 'Fleet',
    measured: '300 pushes',
    base: 'cut',
    labels: { cut: 'push → cut', refused: 'push → refused' },
    rows: [{ quantity: 'p99', title: 'p99 (ms)', digits: 1, divisor: 1, ratio: false }],
    rounds: [{ cut: { p99: 12.34 }, refused: { p99: 5 } }],
  }
  const text = formatSection(section)
  t.match(text, '## Fleet: 300 pushes')
  t.match(text, '| p99 (ms) | 12.3 | 5.0 |')
  t.strictSame(buildSectionJson(section), { p99: { cut: 12.34, refused: 5 } })
})

t.test('metrics and log lines of a gateway are read', async (t) => {
  const page = [
    '# HELP sekisho_revocation_entries Revoked certificates',
    'sekisho_revocation_entries{issuer="a\\"b"} 5',
    'sekisho_revocation_entries{issuer="c"} 7',
    'sekisho_revocation_entries_other 1000',
    'sekisho_snapshot_age_seconds +Inf',
  ].join('\n')
  t.strictSame(findSeries(page, 'sekisho_revocation_entries'), [
    { labels: { issuer: 'a\\"b' }, value: 5 },
    { labels: { issuer: 'c' }, value: 7 },
  ])
  t.equal(sumOf(page, 'sekisho_revocation_entries'), 12)
  t.equal(sumOf(page, 'sekisho_snapshot_age_seconds'), Number.POSITIVE_INFINITY)
  t.equal(sumOf(page, 'sekisho_unknown'), undefined)
  const log = [
    'd": 1}',
    '{"message":"loaded","ms":1}',
    'plain words',
    '{"message":"loaded","ms":2}',
    '{"message":"x"}',
    '',
  ]
  t.match(findLogLine(log.join('\n'), 'loaded'), { ms: 2 })
  t.equal(findLogLine(log.join('\n'), 'never said'), undefined)
})

t.test('serial numbers are normal, positive and all different', async (t) => {
  const serials = new SerialList(2_500)
  const all = [...serials.slice(0, 1_000), ...serials.slice(1_000, 1_000), ...serials.slice(2_000, 1_000)]
  t.equal(new Set(all).size, 2_500)
  t.equal(all[2_400], serials.at(2_400))
  t.ok(all.every((serial) => /^[1-7][0-9a-f]{31}$/.test(serial)))
})

t.test('a gateway that follows Redis has a configuration the gateway accepts', async (t) => {
  const folder = t.testdir()
  const pki = await createRevocationPki(folder)
  const places = { folder, pki, upstreamPort: 1, gatewayCores: '0', processes: new OwnProcesses(), accessLog: false }
  const site = { ...places, http2: false, workers: 1, connectionsMax: 100, buffering: true }
  const { operatorIssuerFile } = pki
  const following = { redisUrl: 'redis://127.0.0.1:6390', operatorIssuerFile, revocation: { snapshotSeconds: 5 } }
  const own = { folder, port: 2, opsPort: 3, adminPort: 4, following }
  const parsed = configFile.parse(buildConfiguration(site, own))
  t.equal(parsed.store?.redis.url, 'redis://127.0.0.1:6390')
  t.equal(parsed.revocation.snapshotSeconds, 5)
  t.equal(parsed.doors.admin?.listen[0]?.port, 4)
  t.equal(parsed.issuers[0]?.name, issuerName)
})
