// Goal: every certificate whose end would stop logins is watched: those of doors, those the gateway shows to others, and issuing CAs;
// also one that our strict reader of users' certificates would refuse. Method: configurations read from files in memory.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { listExpiries } from '../../src/assemble-reports.ts'
import { nameMetrics } from '../../src/observe/metric-names.ts'
import { createMetricLayout } from '../../src/observe/metric-table.ts'
import { createMetrics } from '../../src/observe/metrics-page.ts'
import { readPemCertificate } from '../../src/x509/read-pem-certificate.ts'
import { dayMs, makeCertificate, parseSample, sampleFiles } from '../config/sample-config.ts'
import { parsePrometheus } from './parse-prometheus.ts'

const beside = { adminRoutes: [], build: { version: '1', node: 'v26', openssl: '3' } }
const own = { ca: 'root.pem', certificate: 'client.pem', key: 'client.key' }

function filesWithClient(days: number) {
  const extensions = ['basicConstraints=CA:FALSE', 'extendedKeyUsage=clientAuth']
  const client = makeCertificate({ commonName: 'gateway', extensions, days })
  return sampleFiles().put('/etc/gateway/client.pem', client.certificate).put('/etc/gateway/client.key', client.key)
}

const everywhere = {
  upstreams: [
    { name: 'bank', targets: [{ url: 'https://localhost:1' }], tls: own },
    { name: 'plain', targets: [{ url: 'http://127.0.0.1:2' }] },
  ],
  routes: [
    { name: 'all', pathPrefix: '/', upstream: 'bank' },
    { name: 'plain', pathPrefix: '/plain', upstream: 'plain' },
  ],
  'store.redis': { url: 'rediss://localhost:6379', username: 'u', password: 'p', tls: own },
  stateFolder: '/var/lib/gateway',
  'passwords.verifier': { kind: 'http', url: 'https://localhost:3/verify', ...own },
}

t.test('a client certificate is watched under the one it is shown to', async (t) => {
  const { config } = parseSample({ set: everywhere, files: filesWithClient(20) })
  const found = listExpiries(config).filter(({ kind }) => kind === 'client')
  t.strictSame(
    found.map(({ name }) => name),
    ['upstream/bank', 'store', 'passwords'],
  )
  for (const { name, notAfterMs } of found)
    t.ok(Math.abs(notAfterMs - Date.now() - 20 * dayMs) < dayMs, `${name} ends in 20 days`)
  const page = createMetrics({ layout: createMetricLayout(nameMetrics(config, beside)), processMetrics: false })
  for (const { kind, name } of found) page.control.certificateDaysLeft(kind, name, 19)
  const samples = parsePrometheus((await page.render()).body).get('sekisho_certificate_days_left')?.samples ?? []
  t.strictSame(
    samples.filter(({ labels }) => labels.kind === 'client').map(({ labels, value }) => [labels.name, value]),
    [
      ['upstream/bank', 19],
      ['store', 19],
      ['passwords', 19],
    ],
  )
})

t.test('where none is shown, none is watched; doors and CAs are', async (t) => {
  const { config } = parseSample()
  t.strictSame(
    listExpiries(config).map(({ kind, name }) => [kind, name]),
    [
      ['server', 'certificate'],
      ['server', 'public'],
      ['server', 'admin'],
      ['issuer', 'user-ca'],
    ],
  )
  t.strictSame(nameMetrics(config, beside).clientCertificates, [])
})

t.test('a server certificate with a serial number of zero is watched too', async (t) => {
  const folder = t.testdir()
  const [certificate, key] = [join(folder, 'server.pem'), join(folder, 'server.key')]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-set_serial', '0', '-days', '50']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', certificate], { stdio: 'pipe' })
  const pem = readFileSync(certificate, 'utf8')
  t.throws(() => readPemCertificate(pem), /serial number of zero/, 'which no user could log in with')
  const files = sampleFiles()
    .put('/etc/gateway/server.pem', pem)
    .put('/etc/gateway/server.key', readFileSync(key, 'utf8'))
  const [first] = listExpiries(parseSample({ files }).config)
  t.ok(Math.abs((first?.notAfterMs ?? 0) - Date.now() - 50 * dayMs) < dayMs)
})
