// Goal: a user's certificate says exactly what the profile says, is accepted by OpenSSL and by our own doors, and nothing that the
// lint refuses is ever signed. Method: real CAs with counting signers; certificates with one planted fault each through the lint.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { buildCertificate, type CertificateTemplate } from '../../src/x509/build-certificate.ts'
import {
  type CertificateOrder,
  certificateTemplate,
  type ProfileSettings,
  parseCertificateProfile,
  validityFor,
} from '../../src/x509/certificate-profile.ts'
import { issuerFault } from '../../src/x509/check-issuer.ts'
import { derSequence } from '../../src/x509/der-writer.ts'
import { type Authority, issueCertificate, issuerOf } from '../../src/x509/issue-certificate.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { lintCertificate } from '../../src/x509/lint-certificate.ts'
import { oids } from '../../src/x509/oids.ts'
import { randomSerial } from '../../src/x509/random-serial.ts'
import type { SigningHash } from '../../src/x509/signing-algorithm.ts'
import { createTestCa, type KeyKind, makeKeys, type TestCa } from '../helpers/test-ca.ts'

const nowMs = Math.floor(systemClock.nowMs() / 1_000) * 1_000
const dayMs = 86_400_000
const plain: ProfileSettings = {
  subject: ['C=JP', 'O=Sample Bank', 'OU={contractId}', 'CN={loginId}'],
  subjectAltNames: [],
  keyTypes: ['P-256'],
  validityDays: 365,
  crlUrls: [],
  caIssuersUrls: [],
  ocspUrls: [],
  policyOids: [],
}
const full: ProfileSettings = {
  ...plain,
  subjectAltNames: ['uri:urn:user:{loginId}', 'email:{loginId}@bank.example', 'upn:{loginId}@bank.example'],
  crlUrls: ['http://bank.example/ca.crl'],
  caIssuersUrls: ['http://bank.example/ca.cer'],
  ocspUrls: ['http://bank.example/ocsp'],
  policyOids: ['1.3.6.1.4.1.99999.1'],
}

function authorityOf(ca: TestCa, settings = plain) {
  const issuer = readIssuingCa({ name: 'users', certificatePem: ca.certificatePem, chainPems: ca.parentPems }, nowMs)
  const signer = createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined })
  const signed: Uint8Array[] = []
  const counting = {
    ...signer,
    sign: (tbs: Uint8Array) => {
      signed.push(tbs)
      return signer.sign(tbs)
    },
  }
  const authority: Authority = { issuer, signer: counting, profile: parseCertificateProfile(settings) }
  return { authority, signed }
}

function orderFor({ issuer, profile }: Authority, kind: KeyKind = 'p256'): CertificateOrder {
  return {
    holder: { loginId: 'user01', contractId: 'shoji' },
    publicKeyDer: makeKeys(kind).publicKey.export({ type: 'spki', format: 'der' }),
    serial: randomSerial(),
    ...validityFor(profile, { issuedAtMs: nowMs, backdateSeconds: 300, issuer: issuer.certificate }),
  }
}

t.test('certificates of every kind of CA and key pass OpenSSL and our own check', async (t) => {
  const folder = t.testdir()
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  for (const keyKind of ['p256', 'p384', 'rsa2048', 'ed25519'] as KeyKind[]) {
    const root = createTestCa({ commonName: 'root', keyKind })
    const { authority, signed } = authorityOf(root.childCa({ commonName: 'issuing', keyKind, pathLength: 0 }), full)
    for (const userKind of ['p256', 'p384', 'rsa2048'] as KeyKind[]) {
      const { der, pem, certificate } = await issueCertificate(authority, orderFor(authority, userKind))
      t.equal(issuerFault(der, certificate, authority.issuer), undefined)
      const above = ['-CAfile', write('root.pem', root.certificatePem)]
      const untrusted = ['-untrusted', write('ca.pem', authority.issuer.certificatePem)]
      const file = write('user.pem', pem)
      const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', ...above, ...untrusted, file]
      t.match(execFileSync('openssl', verify, { stdio: 'pipe' }).toString(), /OK/, `${keyKind} signs ${userKind}`)
    }
    t.equal(signed.length, 3, 'one signature each')
  }
})

t.test('OpenSSL prints what the profile says', async (t) => {
  const { authority } = authorityOf(createTestCa({ commonName: 'issuing' }), full)
  const { pem } = await issueCertificate(authority, orderFor(authority))
  const text = execFileSync('openssl', ['x509', '-noout', '-text', '-nameopt', 'RFC2253'], { input: pem }).toString()
  for (const expected of [
    /Version: 3/,
    /Subject: CN=user01,OU=shoji,O=Sample Bank,C=JP/,
    /Basic Constraints: critical\s+CA:FALSE/,
    /Key Usage: critical\s+Digital Signature\n/,
    /Extended Key Usage: \s+TLS Web Client Authentication\n/,
    /URI:urn:user:user01, email:user01@bank.example, othername: UPN::user01@bank.example/,
    /Policy: 1\.3\.6\.1\.4\.1\.99999\.1/,
    /Full Name:\s+URI:http:\/\/bank\.example\/ca\.crl/,
    /OCSP - URI:http:\/\/bank\.example\/ocsp\s+CA Issuers - URI:http:\/\/bank\.example\/ca\.cer/,
  ]) {
    t.match(text, expected)
  }
})

t.test('the authority key identifier is the one in a CA certificate made elsewhere', async (t) => {
  const folder = t.testdir()
  const keyFile = join(folder, 'key.pem')
  const arguments_ = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650']
  const subject = ['-keyout', keyFile, '-subj', '/CN=made by openssl', '-addext', 'keyUsage=keyCertSign']
  const certificatePem = execFileSync('openssl', [...arguments_, ...subject], { stdio: 'pipe' }).toString()
  const keyPem = execFileSync('openssl', ['pkey', '-in', keyFile]).toString()
  const later = systemClock.nowMs()
  const issuer = readIssuingCa({ name: 'users', certificatePem, chainPems: [] }, later)
  const signer = createFileSigner({ keyPem, keyPassword: undefined })
  const authority: Authority = { issuer, signer, profile: parseCertificateProfile(plain) }
  const { pem } = await issueCertificate(authority, orderFor(authority))
  writeFileSync(join(folder, 'ca.pem'), certificatePem)
  writeFileSync(join(folder, 'user.pem'), pem)
  const verify = ['verify', '-x509_strict', '-CAfile', join(folder, 'ca.pem'), join(folder, 'user.pem')]
  t.match(execFileSync('openssl', verify, { stdio: 'pipe' }).toString(), /OK/)
})

t.test('RSA keys may also encipher keys where the profile says so, others never', async (t) => {
  const { authority } = authorityOf(createTestCa({ commonName: 'issuing' }), { ...plain, rsaKeyEncipherment: true })
  const usage = async (kind: KeyKind) => {
    const { pem } = await issueCertificate(authority, orderFor(authority, kind))
    return execFileSync('openssl', ['x509', '-noout', '-ext', 'keyUsage'], { input: pem }).toString()
  }
  t.match(await usage('rsa2048'), /Digital Signature, Key Encipherment/)
  t.match(await usage('p256'), /Digital Signature\n/)
})

t.test('nothing that the lint refuses is signed', async (t) => {
  const constrained = createTestCa({
    commonName: 'constrained',
    nameConstraints: { permitted: [{ kind: 'email', value: 'other.example' }], excluded: [] },
  })
  const { authority, signed } = authorityOf(createTestCa({ commonName: 'issuing' }), full)
  const order = orderFor(authority)
  const orders: [string, Authority, CertificateOrder, RegExp][] = [
    ['short serial', authority, { ...order, serial: 'abcdef0123456' }, /serial number has 52 bits/],
    ['over-long serial', authority, { ...order, serial: 'a'.repeat(42) }, /over 20 octets/],
    ['too long', authority, { ...order, notAfterMs: nowMs + 370 * dayMs }, /is valid for 370\.0 days, 365 are allowed/],
    ['backwards', authority, { ...order, notAfterMs: order.notBeforeMs }, /ends before it begins/],
    ['before its CA', authority, { ...order, notBeforeMs: 0, notAfterMs: dayMs }, /outside the validity of a CA/],
    ['half a second', authority, { ...order, notAfterMs: order.notAfterMs + 500 }, /another one than was ordered/],
    ['weak key', authority, orderFor(authority, 'rsa1024'), /RSA key of 1024 bits/],
    ['wrong curve', authority, orderFor(authority, 'secp256k1'), /secp256k1/],
  ]
  for (const [name, by, wrong, message] of orders) {
    await t.rejects(issueCertificate(by, wrong), { code: 'certificate_lint_failed', message }, name)
  }
  t.equal(signed.length, 0)
  const narrow = authorityOf(constrained, full)
  const broken = issueCertificate(narrow.authority, orderFor(narrow.authority))
  await t.rejects(broken, { code: 'certificate_lint_failed', message: /name constraint/ })
  t.equal(narrow.signed.length, 0)
  await issueCertificate(authority, order)
  t.equal(signed.length, 1, 'the sound order is signed, once')
})

t.test('the lint finds each fault of a certificate, whatever was ordered', async (t) => {
  const ca = createTestCa({ commonName: 'issuing' })
  const { authority } = authorityOf(ca, full)
  const { issuer, profile, signer } = authority
  const order = orderFor(authority)
  const { keyIdentifier: issuerKeyIdentifier, nameDer, publicKeyDer } = issuerOf(issuer)
  const lint = (
    changed: Partial<CertificateTemplate>,
    by: { nameDer?: Uint8Array; keyIdentifier?: Uint8Array; hash?: SigningHash } = {},
  ) => {
    const template = { ...certificateTemplate(profile, order), ...changed }
    const { der } = buildCertificate(template, { nameDer, publicKeyDer, privateKey: ca.privateKey, ...by })
    const { algorithm } = signer
    return lintCertificate(der, { profile, order, issuer, issuerKeyIdentifier, algorithm }).join('; ')
  }
  t.equal(lint({}), '', 'as ordered')
  const extra = { oid: '1.2.3', valueDer: derSequence() }
  const pointers = certificateTemplate(profile, order).otherExtensions ?? []
  const faults: [Partial<CertificateTemplate>, RegExp][] = [
    [{ serial: randomSerial() }, /serial number is another one/],
    [{ subject: [{ oid: oids.commonName, value: 'user02' }] }, /subject is another one/],
    [{ basicConstraints: { ca: true } }, /does not say that it is no CA/],
    [{ basicConstraints: undefined }, /2\.5\.29\.19 is missing.*does not say that it is no CA/],
    [{ keyUsage: ['digitalSignature', 'keyCertSign'] }, /may act as a CA/],
    [{ keyUsage: ['keyEncipherment'] }, /may not sign/],
    [{ keyUsage: ['digitalSignature', 'nonRepudiation'] }, /2\.5\.29\.15 has another value/],
    [{ extendedKeyUsage: [oids.clientAuth, oids.serverAuth] }, /client authentication and for nothing else/],
    [{ extendedKeyUsage: undefined }, /client authentication and for nothing else/],
    [{ subjectAltNames: [{ kind: 'uri', value: 'urn:user:user02' }] }, /2\.5\.29\.17 has another value/],
    [{ subjectAltNames: [] }, /2\.5\.29\.17 is missing/],
    [{ nameConstraints: { permitted: [{ kind: 'dns', value: 'x' }], excluded: [] } }, /it has name constraints/],
    [{ otherExtensions: pointers.slice(1) }, /2\.5\.29\.32 is missing/],
    [{ otherExtensions: [...pointers, { ...extra, critical: false }] }, /1\.2\.3 was not ordered/],
    [{ otherExtensions: [...pointers, { ...extra, critical: true }] }, /unknown critical extensions 1\.2\.3/],
    [
      { otherExtensions: pointers.map((extension) => ({ ...extension, critical: true })) },
      /2\.5\.29\.32 must not be critical/,
    ],
    [{ otherExtensions: [...pointers, ...pointers] }, /given twice/],
    [{ publicKeyDer: orderFor(authority).publicKeyDer }, /key is another one.*2\.5\.29\.14 has another value/],
    [{ notAfterMs: order.notAfterMs + 1_000 }, /validity is another one/],
  ]
  for (const [changed, message] of faults) t.match(lint(changed), message)
  t.match(lint({}, { nameDer: createNameOfAnother() }), /issuer name is not that of the issuing CA/)
  t.match(lint({}, { keyIdentifier: new Uint8Array(20) }), /2\.5\.29\.35 has another value/)
  t.match(lint({}, { hash: 'sha1' }), /too weak.*signature algorithm is 1\.2\.840\.10045\.4\.1/)
})

function createNameOfAnother(): Uint8Array {
  const ca = createTestCa({ commonName: 'another' })
  return readIssuingCa({ name: 'x', certificatePem: ca.certificatePem, chainPems: [] }, nowMs).subjectNameDer
}

t.test('a signer with another key than the issuer’s is found before and after signing', async (t) => {
  const { authority, signed } = authorityOf(createTestCa({ commonName: 'issuing' }))
  const other = authorityOf(createTestCa({ commonName: 'other' })).authority.signer
  const order = orderFor(authority)
  await t.rejects(issueCertificate({ ...authority, signer: other }, order), { code: 'config_invalid' })
  const lying = { ...authority.signer, sign: other.sign }
  await t.rejects(issueCertificate({ ...authority, signer: lying }, order), { code: 'signer_unavailable' })
  t.equal(signed.length, 0)
})

t.test('serial numbers are positive, of 128 random bits', async (t) => {
  const serials = Array.from({ length: 2_000 }, randomSerial)
  t.equal(new Set(serials).size, serials.length)
  t.ok(serials.every((serial) => /^[1-9a-f][0-9a-f]{0,31}$/.test(serial)))
  const numbers = serials.map((serial) => BigInt(`0x${serial}`))
  for (let bit = 0n; bit < 128n; bit++) {
    const set = numbers.filter((number) => (number >> bit) & 1n).length
    t.ok(set > 800 && set < 1_200, `bit ${bit} is set in ${set} of 2000`)
  }
})
