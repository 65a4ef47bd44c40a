// Goal: one configuration is read once, with everything it names, into frozen plain data, or refused with all that is
// wrong. Method: parse a correct sample with single fields changed; files live in memory, one test reads from disk.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { clockInDays, parseSample, problemsOf, sampleConfig, sampleFiles, samplePems } from './sample-config.ts'

t.test('a correct configuration is read with its files and defaults', async (t) => {
  const { config, warnings } = parseSample()
  const [door] = config.doors.certificate
  t.same(warnings, [])
  t.equal(config.issuers[0]?.certificatePem, samplePems().userCa.certificate)
  t.same(config.issuers[0]?.chainPems, [samplePems().root.certificate])
  t.equal(door?.serverCertificates[0]?.certificatePem, samplePems().server.certificate)
  t.match(door?.serverCertificates[0]?.keyPem, /^-----BEGIN PRIVATE KEY-----/)
  t.same(door?.serverCertificates[0]?.names, ['localhost', '*.bank.example', '127.0.0.1', '::1'])
  t.same(door?.loginId, { from: 'commonName' })
  t.same(config.doors.public?.listen, [{ host: '127.0.0.1', port: 8442 }])
  t.equal(config.doors.public?.name, 'public')
  t.same(config.doors.admin?.operatorIssuerPems, [samplePems().operatorsCa.certificate])
  t.equal(config.limits.headBytesMax, 32_768)
  t.equal(config.revocation.insecureServeWhenStale, false)
})

t.test('doors that are left out are undefined', async (t) => {
  const { config } = parseSample({
    set: { 'doors.public': undefined, 'doors.admin': undefined, 'doors.ops': undefined },
  })
  t.same([config.doors.public, config.doors.admin, config.doors.ops], [undefined, undefined, undefined])
})

t.test('the result is frozen through and through, and can be handed to a thread', async (t) => {
  const { config } = parseSample({ set: { 'identity.sealCookies': ['A'] } })
  const unfrozen: string[] = []
  const visit = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) unfrozen.push(path)
    for (const [name, member] of Object.entries(value)) visit(member, `${path}.${name}`)
  }
  visit(config, 'config')
  t.same(unfrozen, [])
  t.same(structuredClone(config), config)
  t.throws(() => Object.assign(config.limits, { headBytesMax: 1 }), TypeError)
})

t.test('a second parse is not touched by the first', async (t) => {
  t.same(parseSample().config, parseSample().config)
})

t.test('relative paths start at the folder of the configuration file', async (t) => {
  const { config } = parseSample({ set: { stateFolder: '../state', 'accessLog.file': 'access.log' } })
  t.equal(config.stateFolder, '/etc/state')
  t.equal(config.accessLog.file, '/etc/gateway/access.log')
  t.equal(config.auditLog.file, 'audit.log', 'the audit log starts at the state folder')
  t.equal(parseSample({ set: { stateFolder: '/var/lib/x', 'accessLog.file': '-' } }).config.accessLog.file, '-')
})

t.test('a file on disk is read the same way', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-config-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const [path, { content, mode }] of sampleFiles().contents) {
    writeFileSync(join(folder, path.slice('/etc/gateway/'.length)), content, { mode })
  }
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, JSON.stringify(sampleConfig()))
  const { config, warnings } = loadConfig(file, { env: {}, clock: clockInDays(1) })
  t.same(warnings, [])
  t.equal(config.stateFolder, join(folder, 'data'))
  t.equal(config.issuers[0]?.certificatePem, samplePems().userCa.certificate)
})

t.test('the files that were read are told, each once, the configuration file first', async (t) => {
  const set = { 'identity.sealingKey': 'file:/run/key', 'upstreams.0.targets.0.url': 'https://localhost:1' }
  const files = sampleFiles().put('/run/key', Buffer.alloc(32, 1).toString('base64'))
  const loaded = parseSample({ files, set: { ...set, 'upstreams.0.tls': { ca: '../gateway/root.pem' } } })
  const names = ['operators-ca.pem', 'root.pem', 'server.key', 'server.pem', 'user-ca.pem']
  t.same(loaded.files.toSorted(), [...names.map((name) => `/etc/gateway/${name}`), '/run/key'])
  const text = JSON.stringify(sampleConfig())
  const options = { env: {}, clock: clockInDays(1), files: files.put('/etc/gateway/gateway.yaml', text) }
  const fromFile = loadConfig('/etc/gateway/gateway.yaml', options)
  t.equal(fromFile.files[0], '/etc/gateway/gateway.yaml')
  t.equal(new Set(fromFile.files).size, 6)
})

t.test('workers are as many as cores, or as written', async (t) => {
  t.equal(parseSample().config.workers, Math.min(availableParallelism(), 256))
  t.equal(parseSample({ set: { workers: 3 } }).config.workers, 3)
})

t.test('a configuration file that is not there is refused with its name', async (t) => {
  const act = () => loadConfig('/nowhere/gateway.yaml', { env: {}, clock: systemClock })
  t.throws(act, { code: 'config_invalid', message: /\/nowhere\/gateway\.yaml .*there is no such file/ })
})

t.test('all problems are told at once, of the shape, of the relations and of the files', async (t) => {
  const files = sampleFiles()
  files.contents.delete('/etc/gateway/user-ca.pem')
  const problems = problemsOf(() =>
    parseSample({
      files,
      set: {
        'limits.headBytesMax': 5,
        'revocation.pollMs': 60_000,
        'revocation.maxStalenessSeconds': 1,
        logLevel: 'loud',
        timeZone: 'Mars',
      },
    }),
  )
  const expected = ['issuers[0].certificate', 'limits.headBytesMax', 'logLevel', 'revocation.pollMs', 'timeZone']
  t.same(problems.map((line) => /^- Cannot use (\S+) as /.exec(line)?.[1]).sort(), expected)
})

t.test('the error carries the first path and says what must be, and what is', async (t) => {
  const act = () => parseSample({ set: { 'limits.headTimeoutMs': '15s' } })
  t.same(problemsOf(act), [
    '- Cannot use limits.headTimeoutMs as a whole number from 100 to 120000: current value is "15s"',
  ])
  t.throws(act, { code: 'config_invalid', path: 'limits.headTimeoutMs' })
})

t.test('every kind of wrong shape is told in words', async (t) => {
  const cases: [path: string, value: unknown, line: string][] = [
    [
      'upstreams',
      undefined,
      'Cannot use upstreams as a list of at least 1 entry: current value is nothing (the field is missing)',
    ],
    ['doors', undefined, 'Cannot use doors as a group of fields: current value is nothing (the field is missing)'],
    ['routes', null, 'Cannot use routes as a list of at least 1 entry: current value is empty (null)'],
    ['workers', 257, 'Cannot use workers as a whole number from 1 to 256: current value is 257'],
    ['http', null, 'Cannot use http as a group of fields: current value is empty (null)'],
    ['issuers', [], 'Cannot use issuers as a list of at least 1 entry: current value is a list of 0'],
    ['doors.certificate.0.issuers', [], 'Cannot use doors.certificate[0].issuers as a list of at least 1 entry'],
    ['doors.certificate.0.issuers', undefined, 'Cannot use doors.certificate[0].issuers as a list of at least 1 entry'],
    ['directory', 'ldap', 'Cannot use directory as one of embedded, none: current value is "ldap"'],
    ['accessLog.queryStrings', 'yes', 'Cannot use accessLog.queryStrings as true or false: current value is "yes"'],
    ['revocation.whenStale', 'serve', 'Cannot use revocation.whenStale as deny: current value is "serve"'],
    [
      'limits.headFieldsMax',
      1.5,
      'Cannot use limits.headFieldsMax as a whole number from 8 to 2000: current value is 1.5',
    ],
    [
      'doors.certificate.0.loginId',
      { from: 'mail' },
      'Cannot use doors.certificate[0].loginId.from as one of commonName,',
    ],
    ['doors.certificate.0.loginId', { from: 'sanUri' }, 'Cannot use doors.certificate[0].loginId.prefix as a text'],
    ['institution.name', 'bank', 'Cannot use institution.name as a group of fields: current value is a text'],
  ]
  for (const [path, value, line] of cases) {
    const problems = problemsOf(() => parseSample({ set: { [path]: value } }))
    t.ok(problems[0]?.startsWith(`- ${line}`), `${path}: ${problems[0]}`)
    t.equal(problems.length, 1, path)
  }
})
