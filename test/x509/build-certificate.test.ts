// Goal: what we build is what OpenSSL takes for a proper certificate, and reads back as it was asked for.
// Method: chains with every kind of key through `openssl verify` with strict checks; fields read back.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildCertificate } from '../../src/x509/build-certificate.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import { pemBlocks, pemOf } from '../../src/x509/pem.ts'
import { createTestCa, type KeyKind } from '../helpers/test-ca.ts'

t.test('openssl verifies every kind strictly', async (t) => {
  const folder = t.testdir()
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  for (const keyKind of ['p256', 'p384', 'rsa2048', 'ed25519'] as KeyKind[]) {
    const root = createTestCa({ commonName: 'root', keyKind })
    const issuing = root.childCa({ commonName: 'issuing', keyKind, pathLength: 0 })
    const client = issuing.issueClient({ commonName: 'user01', keyKind })
    const server = issuing.issueServer()
    const above = [
      '-CAfile',
      write('root.pem', root.certificatePem),
      '-untrusted',
      write('ca.pem', issuing.certificatePem),
    ]
    const verify = (purpose: string, file: string) =>
      execFileSync('openssl', ['verify', '-x509_strict', '-purpose', purpose, ...above, file], {
        stdio: 'pipe',
      }).toString()
    t.match(verify('sslclient', write('client.pem', client.certificatePem)), /OK/, `${keyKind} client`)
    t.match(verify('sslserver', write('server.pem', server.certificatePem)), /OK/, `${keyKind} server`)
    t.throws(() => verify('sslserver', join(folder, 'client.pem')), `${keyKind} client is no server`)
    const subject = execFileSync('openssl', [
      'x509',
      '-in',
      join(folder, 'client.pem'),
      '-noout',
      '-subject',
      '-nameopt',
      'RFC2253',
    ])
    t.equal(subject.toString().trim(), 'subject=CN=user01,O=Test Bank,C=JP')
  }
})

t.test('an empty subject makes the alternative name critical', async (t) => {
  const ca = createTestCa({ commonName: 'ca' })
  const { certificatePem } = ca.issueClient({
    commonName: 'x',
    subject: [],
    subjectAltNames: [{ kind: 'uri', value: 'urn:user:01' }],
  })
  const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: certificatePem }).toString()
  t.match(text, /Subject Alternative Name: critical\s+URI:urn:user:01/)
})

t.test('a key that signs nothing is refused', async (t) => {
  const { privateKey } = generateKeyPairSync('x25519')
  const name = [{ oid: oids.commonName, value: 'x' }]
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKeyDer = publicKey.export({ type: 'spki', format: 'der' })
  const template = { subject: name, serial: '1', notBeforeMs: 0, notAfterMs: 0, publicKeyDer }
  const build = () => buildCertificate(template, { nameDer: encodeName(name), privateKey, publicKeyDer })
  t.throws(build, { code: 'internal' })
})

t.test('PEM', async (t) => {
  for (const length of [0, 1, 47, 48, 49, 96, 1_000]) {
    const der = Uint8Array.from({ length }, (_, index) => index & 0xff)
    const pem = pemOf(der, 'CERTIFICATE')
    t.same(pemBlocks(`text\n${pem}between\r\n${pem.replaceAll('\n', '\r\n')}`, 'CERTIFICATE'), [der, der])
    t.ok(pem.split('\n').every((line) => line.length <= 64))
  }
  t.same(pemBlocks('-----BEGIN CERTIFICATE-----\nAAAA', 'CERTIFICATE'), [], 'cut off')
  t.same(pemBlocks(pemOf(Uint8Array.of(1), 'PRIVATE KEY'), 'CERTIFICATE'), [], 'another label')
})
