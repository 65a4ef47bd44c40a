// Goal: the examples in config/ are correct, and the full one shows every field. Method: parse them with the files they
// name put in place in memory, and compare the fields they set with those the schema knows.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { explainConfig } from '../../src/config/explain-config.ts'
import { type LoadedConfig, parseConfig } from '../../src/config/load-config.ts'
import { caExtensions, clockInDays, MemoryFiles, makeCertificate, serverExtensions } from './sample-config.ts'

const read = (name: string) => readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8')

function exampleFiles(): MemoryFiles {
  const files = new MemoryFiles().put('/run/credentials/sealing-key', `${Buffer.alloc(32, 1).toString('base64')}\n`)
  for (const name of ['root-ca', 'user-ca', 'user-ca-2026', 'user-ca-2027', 'partner-ca', 'operators-ca']) {
    files.put(
      `/etc/sekisho/issuers/${name}.pem`,
      makeCertificate({ commonName: name, extensions: caExtensions }).certificate,
    )
  }
  const names = ['login', 'login2', 'partner', 'www-login'].map((name) => `DNS:${name}.bank.example`)
  const server = makeCertificate({ commonName: 'server', extensions: serverExtensions(...names) })
  for (const name of ['login', 'login2', 'partner', 'public', 'admin']) {
    files.put(`/etc/sekisho/tls/${name}.pem`, server.certificate).put(`/etc/sekisho/tls/${name}.key`, server.key)
  }
  const gateway = makeCertificate({ commonName: 'gateway', extensions: ['extendedKeyUsage=clientAuth'] })
  const internalCa = makeCertificate({ commonName: 'internal-ca', extensions: caExtensions })
  return files
    .put('/etc/sekisho/upstreams/internal-ca.pem', internalCa.certificate)
    .put('/etc/sekisho/upstreams/gateway.pem', gateway.certificate)
    .put('/etc/sekisho/upstreams/gateway.key', gateway.key)
}

const files = exampleFiles()
const env = { SEKISHO_BANK_HOST: 'bank-a.internal.example', CREDENTIALS_DIRECTORY: '/run/credentials' }

function parseExample(name: string): LoadedConfig {
  return parseConfig(read(name), { env, files, clock: clockInDays(1), folder: '/etc/sekisho' })
}

for (const name of ['minimal.yaml', 'full.yaml']) {
  t.test(`${name} is a correct configuration without a warning`, async (t) => {
    const { config, warnings } = parseExample(name)
    t.same(warnings, [])
    t.ok(config.doors.certificate.length > 0)
  })
}

t.test('full.yaml sets every field there is', async (t) => {
  const set = new Set<string>()
  const visit = (value: unknown, path: string): void => {
    set.add(path)
    if (Array.isArray(value)) for (const entry of value) visit(entry, `${path}[]`)
    else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) visit(member, path === '' ? key : `${path}.${key}`)
    }
  }
  visit(parse(read('full.yaml')), '')
  // The two kinds of login ID source that are not used stand in a comment, oid with them.
  const unset = explainConfig()
    .filter((row) => !set.has(row.path))
    .map((row) => row.path)
  t.same(unset, ['doors.certificate[].loginId.oid'])
  t.match(read('full.yaml'), /\{ from: subjectAttribute, oid: 2\.5\.4\.5 \}/)
})

t.test('minimal.yaml leaves nothing out that is required, and sets little that is not', async (t) => {
  const { config } = parseExample('minimal.yaml')
  t.equal(config.directory, 'none')
  t.equal(config.certificates.mustBeRegistered, false)
  t.equal(config.doors.admin, undefined)
  t.same(Object.keys(parse(read('minimal.yaml'))), [
    'institution',
    'stateFolder',
    'issuers',
    'doors',
    'upstreams',
    'directory',
  ])
})

t.test('the defaults shown in full.yaml are the defaults', async (t) => {
  const full = parseExample('full.yaml').config
  const minimal = parseExample('minimal.yaml').config
  t.same(full.limits, minimal.limits)
  t.same(full.revocation, minimal.revocation)
  const { name, targets, tls, affinity, healthCheck, ...numbers } = full.upstreams[0] ?? {}
  t.match(minimal.upstreams[0], numbers)
  t.same([full.http.http2, full.http.encodedSlashes, full.http.dotSegments], [true, 'refuse', 'refuse'])
})
