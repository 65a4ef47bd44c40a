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
  const files = new MemoryFiles()
    .put('/run/credentials/sealing-key', `${Buffer.alloc(32, 1).toString('base64')}\n`)
    .put('/run/credentials/redis-password', 'redis-secret\n')
    .put('/run/credentials/sentinel-password', 'sentinel-secret\n')
    .put('/run/credentials/smtp-password', 'smtp-secret\n')
    .put('/run/credentials/token-pin', '1234\n')
  for (const name of 'root-ca user-ca user-ca-2026 user-ca-2027 partner-ca partner-web-ca operators-ca'.split(' ')) {
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
  files.put('/etc/sekisho/mail/internal-ca.pem', internalCa.certificate)
  for (const folder of ['upstreams', 'redis']) {
    files
      .put(`/etc/sekisho/${folder}/internal-ca.pem`, internalCa.certificate)
      .put(`/etc/sekisho/${folder}/gateway.pem`, gateway.certificate)
      .put(`/etc/sekisho/${folder}/gateway.key`, gateway.key)
  }
  return files.put('/etc/sekisho/tracing/tracing.js', '', 0o644)
}

const files = exampleFiles()
const env = { SEKISHO_BANK_HOST: 'bank-a.internal.example', CREDENTIALS_DIRECTORY: '/run/credentials' }

function parseExample(name: string): LoadedConfig {
  return parseConfig(read(name), { env, files, clock: clockInDays(1), folder: '/etc/sekisho' })
}

/** Numbers of a group of fields by their names, as the schema has them. */
function defaultsOf(prefix: string): Record<string, number> {
  const rows = explainConfig().filter(
    ({ path, defaultJson }) => path.startsWith(prefix) && /^\d/.test(defaultJson ?? ''),
  )
  return Object.fromEntries(rows.map(({ path, defaultJson }) => [path.slice(prefix.length), Number(defaultJson)]))
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
  // The two kinds of login ID source that are not used stand in a comment, oid with them; so does the short form of the store.
  const unset = explainConfig()
    .filter((row) => !set.has(row.path))
    .map((row) => row.path)
  const otherSigners = ['key', 'keyPassword', 'url', 'ca', 'certificate', 'username', 'password']
  t.same(unset.toSorted(), [
    'doors.certificate[].loginId.oid',
    ...otherSigners.map((name) => `issuing.signer.${name}`).toSorted(),
    'notices.outboxFolder',
    'store.redis.url',
  ])
  t.match(read('full.yaml'), /\{ from: subjectAttribute, oid: 2\.5\.4\.5 \}/)
})

t.test('the store of full.yaml is Redis behind Sentinels; the short form in its comment is one server', async (t) => {
  const { config, warnings } = parseExample('full.yaml')
  t.match(config.store, { kind: 'redis', mode: 'sentinel', sentinelName: 'sekisho', password: 'redis-secret' })
  const comment = /^ +# +(url: .*)$/m.exec(read('full.yaml'))?.[1] ?? ''
  const store = `store: { redis: { ${comment}, tls: { ca: /etc/sekisho/redis/internal-ca.pem } } }`
  const short = parseConfig(`${read('minimal.yaml')}\n${store}\n`, {
    env: { REDIS_PASSWORD: 'short-secret' },
    files,
    clock: clockInDays(1),
    folder: '/etc/sekisho',
  })
  t.match(short.config.store, {
    mode: 'standalone',
    nodes: [{ host: 'redis.internal.example', port: 6379 }],
    username: 'sekisho',
    password: 'short-secret',
    database: 0,
  })
  t.same([warnings, short.warnings], [[], []])
})

t.test('minimal.yaml leaves nothing out that is required, and sets little that is not', async (t) => {
  const { config } = parseExample('minimal.yaml')
  t.equal(config.directory, 'none')
  t.equal(config.certificates.mustBeRegistered, false)
  t.equal(config.doors.admin, undefined)
  t.same(config.store, { kind: 'embedded' })
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
  t.match(full.store, defaultsOf('store.redis.'))
  const { name, targets, tls, affinity, healthCheck, ...numbers } = full.upstreams[0] ?? {}
  t.match(minimal.upstreams[0], numbers)
  t.same([full.http.http2, full.http.encodedSlashes, full.http.dotSegments], [true, 'refuse', 'refuse'])
})
