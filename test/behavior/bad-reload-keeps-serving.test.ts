// Goal: whatever is wrong with a new configuration, the old one stays in force whole and serves on; log, metrics, audit log and status
// say why; and the next good one is taken. Method: every kind of mistake in turn, with a look at everything that must not have changed.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LiveClient, operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { type ConfigText, ReloadSetting } from './reload-setting.ts'

const setting = await ReloadSetting.start(t, { config: { workers: 2 } })
const { gateway } = setting
const port = gateway.ports.certificate
const user01 = setting.certificateOf('user01')
const stranger = createTestCa({ commonName: 'other-ca' }).issueClient({ commonName: 'user01' })
const kept = await LiveClient.connect({ port, certificate: user01 })
const good = readFileSync(gateway.configFile, 'utf8')
const auditLog = () =>
  readFileSync(join(gateway.folder, 'state', 'audit.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
const reloads = (result: string) => gateway.metric('sekisho_config_reloads_total', { result })
const successful = () => gateway.metric('sekisho_config_last_reload_successful')
const verdict = async (certificate = user01) => verdictOf((await visitWithNode({ port, certificate })).visited)

/** Reloads, and looks at everything that must be so after a refusal; then puts the files right and reloads again. */
async function checkRefused(t: Test, problem: RegExp, repair: () => void = () => {}): Promise<void> {
  const [refused, lines, status] = [await reloads('refused'), gateway.logLines.length, await reloadStatus()]
  const result = await setting.reload()
  t.equal(result.result, 'refused')
  const problems = result.result === 'refused' ? result.problems.join('\n') : ''
  t.match(problems, problem)
  t.notMatch(problems, /PRIVATE KEY/)
  // The gateway watches the file too, and may have refused it by itself meanwhile: each refusal is counted once.
  await eventually(
    async () => [Number(await reloads('refused')) - Number(refused), refusals(lines)],
    ([counted, told]) => counted === told && counted !== 0,
  )
  t.equal(await successful(), 0)
  t.match(gateway.logLines.slice(lines).join('\n'), /configuration refused, the old one stays in force/)
  await eventually(
    () => auditLog().filter(({ event, detail }) => event === 'config_reload_refused' && detail.problems === problems),
    (told) => told.length > 0,
  )
  t.match(await reloadStatus(), { loadedAt: status.loadedAt, lastReload: { result: 'refused' } })
  t.match(await kept.request(), { status: 200 })
  t.equal(await verdict(), '200')
  t.equal(await verdict(stranger), 'issuer_not_trusted')
  repair()
  writeFileSync(gateway.configFile, good)
  t.match(await setting.reload(), { result: 'unchanged' }, 'the files are again as what is in force')
  t.equal(await successful(), 1)
}

/** In the log from this line on. */
const refusals = (from: number) =>
  gateway.logLines.slice(from).filter((line) => line.includes('configuration refused, the old one stays in force'))
    .length

async function reloadStatus() {
  return (await operatorOf(gateway).call('GET', '/v1/status')).body.configuration
}

const mistakes: Readonly<Record<string, [change: (config: ConfigText) => void, problem: RegExp]>> = {
  'a field that nobody knows': [(config) => (config.unknownField = 1), /unknownField/],
  'a file that is missing': [(config) => (config.issuers[0].certificate = 'missing.pem'), /missing\.pem/],
  'a field that cannot change': [(config) => (config.stateFolder = '/tmp/elsewhere'), /Cannot change stateFolder/],
  'a port that cannot change': [
    (config) => (config.doors.certificate[0].listen[0].port = 4),
    /Cannot change doors\.certificate\[0\]\.listen/,
  ],
  'a door that is gone': [
    (config) => {
      delete config.doors.public
    },
    /Cannot change doors\.public/,
  ],
  'several at once, all of them told': [
    (config) => {
      config.unknownField = 1
      config.limits = { headBytesMax: -1 }
    },
    /2 problems/,
  ],
  'no issuers at all': [(config) => (config.issuers = []), /issuers/],
  'an issuer of the door that is none': [
    (config) => (config.doors.certificate[0].issuers = ['x']),
    /doors\.certificate/,
  ],
}

for (const [name, [change, problem]] of Object.entries(mistakes)) {
  t.test(name, async (t) => {
    setting.edit(change)
    await checkRefused(t, problem)
  })
}

t.test('a file that is no YAML', async (t) => {
  writeFileSync(gateway.configFile, '{ "institution": [')
  await checkRefused(t, /gateway\.json/)
})

t.test('no file at all', async (t) => {
  rmSync(gateway.configFile)
  await checkRefused(t, /gateway\.json/)
})

t.test('a key that belongs to another certificate', async (t) => {
  const key = readFileSync(join(gateway.folder, 'server.key'), 'utf8')
  setting.write('server.key', createTestCa({ commonName: 'x' }).issueServer().keyPem)
  await checkRefused(t, /key/, () => setting.write('server.key', key))
})

for (const text of ['', '# no certificate here\n']) {
  t.test(`an issuer's file without a certificate (${text.length} bytes) does not let anybody else in`, async (t) => {
    const pem = readFileSync(join(gateway.folder, 'issuer.pem'), 'utf8')
    setting.write('issuer.pem', text)
    await checkRefused(t, /issuers\[0\]/, () => setting.write('issuer.pem', pem))
  })
}

t.test('a key that OpenSSL finds too weak, beside a new route to a new upstream', async (t) => {
  const { chainPem, keyPem } = createTestCa({ commonName: 'x' }).issueServer({ keyKind: 'rsa1024' })
  setting.edit((config) => {
    const certificates = [{ certificate: setting.write('weak.pem', chainPem), key: setting.write('weak.key', keyPem) }]
    config.doors.certificate[0].serverCertificates = certificates
    config.upstreams.push({ name: 'never', targets: [{ url: 'http://127.0.0.1:9' }] })
    config.routes = [
      { name: 'app', upstream: 'app' },
      { name: 'never', upstream: 'never', pathPrefix: '/never' },
    ]
  })
  await checkRefused(t, /OpenSSL accepts/)
})

t.test('an issuer whose validity period is over', async (t) => {
  const old = createTestCa({ commonName: 'old-ca', notAfterMs: Date.now() - 86_400_000 })
  setting.edit((config) => {
    config.issuers.push({ name: 'old', certificate: setting.write('old.pem', old.certificatePem) })
  })
  await checkRefused(t, /old|issuers\[1\]/)
})

t.test('two reloads at once, of one good and one bad file: each end is told, one after the other', async (t) => {
  setting.edit((config) => {
    config.limits = { headFieldsMax: 100 }
  })
  const first = setting.reload()
  const second = setting.reload({ kind: 'operator', name: 'operator-01', requestId: 'r-1' })
  t.match(await Promise.all([first, second]), [{ result: 'applied' }, { result: 'unchanged' }])
  t.match(await kept.request(), { status: 200 })
  t.equal(await successful(), 1)
  const applied = await eventually(
    () => auditLog().filter(({ event }) => event === 'config_reloaded'),
    (told) => told.length > 0,
  )
  t.match(applied, [{ actor: { kind: 'gateway' }, detail: { changed: /headFieldsMax/ } }])
  t.equal(applied.length, 1)
  t.equal(await gateway.metric('sekisho_metrics_lost_total'), 0)
  t.equal(await gateway.metric('sekisho_worker_restarts_total'), 0)
})

t.teardown(() => kept.destroy())
