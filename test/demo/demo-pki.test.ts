// Goal: the demo's certificates are as the set-up says, made once however many start, and renewed when over.
// Method: folders of their own; the openssl command as judge; starts that race in one process and in several.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { DemoPki } from '../../src/demo/demo-files.ts'
import { demoOperators, demoPeople } from '../../src/demo/demo-people.ts'
import { ensureDemoPki } from '../../src/demo/demo-pki.ts'
import { issuerFault } from '../../src/x509/check-issuer.ts'
import type { ClientCertificate } from '../../src/x509/client-certificate.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { pemBlocks } from '../../src/x509/pem.ts'

const dayMs = 86_400_000
const clockAfter = (days: number): Clock => ({ ...systemClock, nowMs: () => systemClock.nowMs() + days * dayMs })
const read = (file: string) => readFileSync(file, 'utf8')
const serialsOf = (pki: DemoPki) => pki.users.map(({ certificate }) => certificate.serial)
const subjectText = ({ subject }: ClientCertificate) => subject.map(({ value }) => value).join(' / ')

const shared = join(t.testdir(), 'certs', 'demo')
const pki = await ensureDemoPki({ folder: shared, clock: systemClock })

t.test('the files and nothing else', async (t) => {
  const top = [
    'issuing-ca.key',
    'issuing-ca.pem',
    'operators',
    'operators-ca.pem',
    'root-ca.pem',
    'server.key',
    'server.pem',
  ]
  t.same(readdirSync(shared).sort(), [...top, 'users'])
  const three = (names: string[]) => names.flatMap((name) => [`${name}.key`, `${name}.p12`, `${name}.pem`])
  const users = ['master01', 'user01', 'user02', 'user03', 'user04', 'user05', 'user06']
  t.same(readdirSync(join(shared, 'users')).sort(), three(users))
  t.same(readdirSync(join(shared, 'operators')).sort(), three(['auditor', 'branch', 'helpdesk', 'security']))
  const secrets = readdirSync(shared, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(key|p12)$/.test(file))
  t.equal(secrets.length, 2 + 2 * (7 + 4))
  for (const file of secrets) t.equal(statSync(join(shared, file)).mode & 0o777, 0o600, file)
  t.match(read(pki.files.serverKey), /^-----BEGIN PRIVATE KEY-----/)
  t.same(readdirSync(join(shared, '..')), ['demo'], 'nothing is left beside')
})

t.test('openssl verifies them', async (t) => {
  const verify = (...options: string[]) =>
    execFileSync('openssl', ['verify', '-x509_strict', ...options], { stdio: 'pipe' }).toString()
  const { rootCa, issuingCa, operatorsCa, serverCertificate } = pki.files
  t.match(verify('-CAfile', rootCa, '-purpose', 'sslserver', '-verify_hostname', 'localhost', serverCertificate), /OK/)
  for (const address of ['127.0.0.1', '::1'])
    t.match(verify('-CAfile', rootCa, '-verify_ip', address, serverCertificate), /OK/)
  for (const { loginId, files } of pki.users) {
    const check = () => verify('-CAfile', rootCa, '-untrusted', issuingCa, '-purpose', 'sslclient', files.certificate)
    if (loginId === 'user05') t.throws(check, /certificate has expired/)
    else t.match(check(), /OK/, loginId)
  }
  for (const { role, files } of pki.operators) {
    t.match(verify('-CAfile', operatorsCa, '-purpose', 'sslclient', files.certificate), /OK/, role)
    t.throws(() => verify('-CAfile', rootCa, '-untrusted', issuingCa, files.certificate), `${role} is no user`)
  }
  for (const { files } of [...pki.users, ...pki.operators]) {
    const options = ['pkcs12', '-in', files.pkcs12, '-passin', 'pass:sekisho', '-nodes', '-nocerts']
    const key = execFileSync('openssl', options, { stdio: 'pipe' }).toString()
    t.same(pemBlocks(key, 'PRIVATE KEY'), pemBlocks(read(files.key), 'PRIVATE KEY'), files.pkcs12)
  }
})

t.test('people and their states', async (t) => {
  t.same(
    demoPeople.map(({ loginId }) => loginId),
    ['master01', 'user01', 'user02', 'user03', 'user04', 'user05', 'user06', 'user07', 'probe01', 'pass01'],
  )
  const issuer = readIssuingCa(
    { name: 'demo-issuing-ca', certificatePem: read(pki.files.issuingCa), chainPems: [read(pki.files.rootCa)] },
    systemClock.nowMs(),
  )
  t.equal(issuer.issuerId, pki.issuerId)
  t.equal(issuer.commonName, 'demo-issuing-ca')
  t.equal(issuer.certificate.basicConstraints?.pathLength, 0)
  for (const { loginId, certificate, files } of pki.users) {
    t.equal(subjectText(certificate), `JP / Sekisho Demo Bank / demo-shoji / ${loginId}`)
    const [der] = pemBlocks(read(files.certificate), 'CERTIFICATE')
    t.equal(issuerFault(der ?? new Uint8Array(), certificate, issuer), undefined)
    const left = (certificate.notAfterMs - systemClock.nowMs()) / dayMs
    const expected = loginId === 'user04' ? 20 : loginId === 'user05' ? -1 : 365
    t.ok(Math.abs(left - expected) < 0.01, `${loginId} ends in ${left} days`)
    t.ok(certificate.notBeforeMs <= systemClock.nowMs() - 290_000, 'backdated')
  }
  for (const [index, { role, certificate }] of pki.operators.entries()) {
    t.equal(subjectText(certificate), `JP / Sekisho Demo Bank / ${role} / ${demoOperators[index]?.commonName}`)
  }
  t.ok(pki.server.notAfterMs - pki.server.notBeforeMs <= 397 * dayMs)
})

t.test('a later start finds them again', async (t) => {
  const again = await ensureDemoPki({ folder: shared, clock: systemClock })
  t.same(serialsOf(again), serialsOf(pki))
  const later = await ensureDemoPki({ folder: shared, clock: clockAfter(300) })
  t.same(serialsOf(later), serialsOf(pki), 'user04 being over changes nothing')
})

t.test('starts at the same time agree', async (t) => {
  const folder = join(t.testdir(), 'demo')
  const found = await Promise.all([1, 2, 3].map(() => ensureDemoPki({ folder, clock: systemClock })))
  for (const one of found) t.same(serialsOf(one), serialsOf(found[0] as DemoPki))
  t.same(readdirSync(join(folder, '..')), ['demo'])
})

t.test('so do two processes', async (t) => {
  const folder = join(t.testdir(), 'demo')
  const script = `
    import { ensureDemoPki } from './src/demo/demo-pki.ts'
    import { systemClock } from './src/base/clock.ts'
    const pki = await ensureDemoPki({ folder: ${JSON.stringify(folder)}, clock: systemClock })
    console.log(pki.users.map(({ certificate }) => certificate.serial).join())`
  const options = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const outputs = await Promise.all(
    [1, 2].map(async () => {
      const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] })
      const [output] = await Promise.all([child.stdout.toArray(), once(child, 'close')])
      return Buffer.concat(output).toString()
    }),
  )
  t.match(outputs[0], /^[0-9a-f]+(,[0-9a-f]+){6}\n$/)
  t.equal(outputs[0], outputs[1])
})

t.test('a folder that lacks a file is put aside and made anew', async (t) => {
  const parent = t.testdir()
  const folder = join(parent, 'demo')
  const first = await ensureDemoPki({ folder, clock: systemClock })
  rmSync(join(folder, 'users', 'user03.key'))
  const found = await Promise.all([1, 2].map(() => ensureDemoPki({ folder, clock: systemClock })))
  t.same(serialsOf(found[0] as DemoPki), serialsOf(found[1] as DemoPki))
  t.not(serialsOf(found[0] as DemoPki)[0], serialsOf(first)[0])
  t.ok(existsSync(join(folder, 'users', 'user03.key')))
  t.match(readdirSync(parent).sort().join(), /^demo,demo\.old-\d+$/)
})

t.test('an empty folder and a damaged certificate', async (t) => {
  const parent = t.testdir()
  const folder = join(parent, 'demo')
  mkdirSync(folder)
  const first = await ensureDemoPki({ folder, clock: systemClock })
  t.same(readdirSync(parent), ['demo'])
  writeFileSync(first.files.serverCertificate, 'no PEM')
  const second = await ensureDemoPki({ folder, clock: systemClock })
  t.not(second.server.serial, first.server.serial)
})

t.test('everything is made anew once it is over', async (t) => {
  const folder = join(t.testdir(), 'demo')
  const first = await ensureDemoPki({ folder, clock: systemClock })
  const second = await ensureDemoPki({ folder, clock: clockAfter(366) })
  t.not(second.server.serial, first.server.serial)
  t.not(second.issuerId, first.issuerId)
  t.ok(second.server.notAfterMs > systemClock.nowMs() + 700 * dayMs)
})
