// Goal: whoever relies on what the issuing CA publishes comes to the door's own verdict: openssl with the CRL and over OCSP, nginx with
// ssl_crl and ssl_ocsp, and a second gateway that knows the CRL's URL only.
// Method: one gateway that publishes, certificates that are good, revoked in each way, restored and never recorded; every program is asked
// about each of them before and after.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { pemOf } from '../../src/x509/pem.ts'
import { keyOf, seedOf } from '../behavior/directory-seed.ts'
import { startJudgingApp } from '../behavior/judging-app.ts'
import { OwnProcesses } from '../bench/own-processes.ts'
import { operatorOf, verdictOf, visitWithNode } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'
import {
  askNginx,
  askOpensslOcsp,
  askOpensslVerify,
  fetchWithCurl,
  filesOf,
  type Relying,
  startRelyingNginx,
} from './relying-parties.ts'

const dayMs = 86_400_000
const nowMs = systemClock.nowMs()
const incidentMs = nowMs - 20 * dayMs
const ca = createTestCa({ commonName: 'test-issuing-ca' })
const client = (commonName: string, notBeforeMs = nowMs - 3_600_000) => ca.issueClient({ commonName, notBeforeMs })
const certificates = {
  good: client('good'),
  serial: client('serial'),
  login: client('login'),
  incident: client('incident', incidentMs),
  restored: client('restored'),
  stranger: client('stranger'),
}
type Name = keyof typeof certificates
const names = Object.keys(certificates) as Name[]

const app = await startJudgingApp()
const processes = new OwnProcesses()
const folder = mkdtempSync(join(tmpdir(), 'sekisho-relying-'))
writeFileSync(join(folder, 'issuer.key'), ca.keyPem, { mode: 0o600 })
t.teardown(async () => {
  await processes.endAll()
  await app.stop()
  rmSync(folder, { recursive: true, force: true })
})

function seed() {
  const { stranger: _, ...recorded } = certificates
  const plain = seedOf(ca, Object.fromEntries([...names.map((name) => [name, []])]))
  const record = ([loginId, certificate]: [string, TestCertificate]) => ({
    key: keyOf(ca, certificate),
    loginId,
    notBeforeMs: loginId === 'incident' ? incidentMs : nowMs - 3_600_000,
    notAfterMs: nowMs + dayMs,
  })
  return { ...plain, certificates: Object.entries(recorded).map(record) }
}

const gateway = await withGateway({
  upstreamPort: app.port,
  issuingCa: ca,
  folder,
  seed: seed(),
  config: {
    directory: 'embedded',
    revocation: { pollMs: 10 },
    issuing: { issuer: 'test-issuing-ca', signer: { kind: 'file', key: 'issuer.key' } },
    publication: { crl: { settleMs: 10 } },
    publicationDoor: {},
  },
})
t.teardown(() => gateway.stop())
const operator = operatorOf(gateway)
const publicUrl = `https://127.0.0.1:${gateway.ports.public}`
const plainUrl = `http://127.0.0.1:${gateway.ports.publication}`
const crlUrl = `${plainUrl}/pki/test-issuing-ca.crl`

/** Knows nothing but the CRL. */
const second = await withGateway({
  upstreamPort: app.port,
  issuingCa: ca,
  config: {
    issuers: [{ name: 'test-issuing-ca', certificate: 'issuer.pem', crls: [{ from: [crlUrl], pollSeconds: 5 }] }],
    revocation: { pollMs: 10 },
  },
})
t.teardown(() => second.stop())

const clientFiles = Object.fromEntries(
  Object.entries(certificates).map(([name, certificate]) => [name, filesOf({ folder }, name, certificate)]),
) as Record<Name, { certificate: string; key: string }>

/** The CRL as it is now, for programs that read it from a file. */
async function takeCrl(): Promise<Relying> {
  const der = await fetchWithCurl(crlUrl)
  const crlFile = join(folder, `list-${systemClock.monotonicMs()}.pem`)
  const issuerFile = join(folder, 'issuer-of-clients.pem')
  writeFileSync(crlFile, pemOf(der, 'X509 CRL'))
  writeFileSync(issuerFile, ca.certificatePem)
  return { folder, issuerFile, crlFile, ocspUrl: `${plainUrl}/ocsp` }
}

async function verdictAt({ ports }: RunningGateway, certificate: TestCertificate): Promise<string> {
  return verdictOf((await visitWithNode({ port: ports.certificate, certificate })).visited)
}

/** What each of them says of each certificate. */
async function askAll(relying: Relying) {
  const server = createTestCa({ commonName: 'nginx-server-ca' }).issueServer({ names: ['127.0.0.1'] })
  const { crlPort, ocspPort } = await startRelyingNginx(relying, { server, processes })
  const answers: Record<string, Record<string, string>> = {}
  for (const name of names) {
    const files = clientFiles[name]
    answers[name] = {
      door: await verdictAt(gateway, certificates[name]),
      'openssl verify': await askOpensslVerify(relying, files.certificate),
      'openssl ocsp': await askOpensslOcsp(relying, files.certificate),
      'nginx ssl_crl': await askNginx(crlPort, files),
      'nginx ssl_ocsp': await askNginx(ocspPort, files),
    }
  }
  await processes.endAll()
  return answers
}

const allGood = {
  door: '200',
  'openssl verify': 'good',
  'openssl ocsp': 'good',
  'nginx ssl_crl': 'good',
  'nginx ssl_ocsp': 'good',
}
const allRevoked = {
  door: 'certificate_revoked',
  'openssl verify': 'revoked',
  'openssl ocsp': 'revoked',
  'nginx ssl_crl': 'revoked',
  'nginx ssl_ocsp': 'revoked',
}
/** A list cannot tell what was never issued; a responder can, and nginx takes only a clear yes. */
const stranger = {
  ...allGood,
  door: 'certificate_not_registered',
  'openssl ocsp': 'unknown',
  'nginx ssl_ocsp': 'revoked',
}

async function revoke(body: object): Promise<void> {
  t.equal((await operator.call('POST', '/v1/revocations', body)).status, 200)
}

t.test('before: everybody lets in what the door lets in', async (t) => {
  await eventually(
    () => fetchWithCurl(crlUrl),
    (list) => list.length > 0,
  )
  const answers = await askAll(await takeCrl())
  for (const name of names) t.same(answers[name], name === 'stranger' ? stranger : allGood, name)
  for (const name of names) t.equal(await verdictAt(second, certificates[name]), '200', `${name} at the second gateway`)
})

t.test('after: revoked by serial number, by login ID and by a rule of an incident; restored', async (t) => {
  const before = await fetchWithCurl(crlUrl)
  const restored = { issuer: 'test-issuing-ca', serial: certificates.restored.serial }
  await revoke({ certificates: [restored], reason: 'keyCompromise' })
  await revoke({ certificates: [{ issuer: 'test-issuing-ca', serial: certificates.serial.serial }] })
  await revoke({ loginIds: ['login'], reason: 'cessationOfOperation' })
  const iso = (ms: number) => new Date(ms).toISOString()
  const range = { notBeforeFrom: iso(incidentMs - dayMs), notBeforeTo: iso(incidentMs + dayMs) }
  const rule = await operator.call('POST', '/v1/revocation-rules', { issuer: 'test-issuing-ca', ...range })
  t.equal(rule.status, 200)
  const path = `/v1/revocations/test-issuing-ca/${certificates.restored.serial}?reason=mistake`
  t.equal((await operator.call('DELETE', path)).status, 200)
  // Five changes in a row may come out in several lists.
  const { relying } = await eventually(
    async () => {
      const list = await takeCrl()
      const of = (name: Name) => askOpensslVerify(list, clientFiles[name].certificate)
      return { relying: list, incident: await of('incident'), restored: await of('restored') }
    },
    ({ incident, restored }) => incident === 'revoked' && restored === 'good',
  )
  const answers = await askAll(relying)
  for (const name of ['serial', 'login', 'incident']) t.same(answers[name], allRevoked, name)
  for (const name of ['good', 'restored']) t.same(answers[name], allGood, name)
  t.same(answers.stranger, stranger)
  t.not(Buffer.compare(before, await fetchWithCurl(crlUrl)), 0)
})

t.test('a gateway that knows the URL only refuses after its next look, and nobody else', async (t) => {
  const refused = ['serial', 'login', 'incident'] as const
  await eventually(
    () => verdictAt(second, certificates.incident),
    (verdict) => verdict === 'certificate_revoked',
    20_000,
  )
  for (const name of refused) t.equal(await verdictAt(second, certificates[name]), 'certificate_revoked', name)
  t.equal(await verdictAt(second, certificates.good), '200')
})

t.test('the public door publishes the same', async (t) => {
  for (const path of ['/pki/test-issuing-ca.crl', '/pki/test-issuing-ca-delta.crl', '/pki/test-issuing-ca.cer']) {
    t.equal(Buffer.compare(await fetchWithCurl(publicUrl + path), await fetchWithCurl(plainUrl + path)), 0, path)
  }
  const relying = { ...(await takeCrl()), ocspUrl: `${plainUrl}/ocsp` }
  t.equal(await askOpensslOcsp(relying, clientFiles.good.certificate), 'good')
})
