// Goal: a certificate is named in OCSP as OpenSSL names it, and a name is known only as that of the issuer whose key and name it has.
// Method: compare with the request that `openssl ocsp` writes; read names with one defect each.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { DerReader, tags } from '../../../src/x509/der-reader.ts'
import { derElement, derInteger, derOid, derSequence } from '../../../src/x509/der-writer.ts'
import { buildOcspRequest } from '../../../src/x509/ocsp/build-request.ts'
import { certIdOf, encodeCertId, isOfIssuer, readCertId } from '../../../src/x509/ocsp/cert-id.ts'
import { oids } from '../../../src/x509/oids.ts'
import { createTestCa } from '../../helpers/test-ca.ts'
import { issuingCaOf, readQuestion } from '../../helpers/test-ocsp.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-ocsp-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const ca = createTestCa({ commonName: 'Bank CA' })
const issuer = issuingCaOf(ca)
const namesake = issuingCaOf(createTestCa({ commonName: 'Bank CA' }))
const renamed = { ...issuer, subjectNameDer: issuingCaOf(createTestCa({ commonName: 'Other CA' })).subjectNameDer }

t.test('the same bytes as openssl ocsp', async (t) => {
  const file = join(folder, 'ca.pem')
  writeFileSync(file, ca.certificatePem)
  for (const hash of ['sha1', 'sha256'] as const) {
    const out = join(folder, `${hash}.der`)
    execFileSync('openssl', ['ocsp', '-no_nonce', `-${hash}`, '-issuer', file, '-serial', '0xa1b2c3', '-reqout', out])
    const ours = buildOcspRequest({ certIds: [certIdOf(issuer, 'a1b2c3', hash)] })
    t.same(Buffer.from(ours), readFileSync(out), hash)
  }
})

t.test('read back, and known as the issuer’s', async (t) => {
  for (const hash of ['sha1', 'sha256'] as const) {
    for (const serial of ['1', '80', 'ff'.repeat(20), '7f'.repeat(20), '0']) {
      const certId = certIdOf(issuer, serial, hash)
      const read = readCertId(new DerReader(encodeCertId(certId)))
      t.equal(read.serial, serial)
      t.equal(read.hashAlgorithmOid, oids[hash])
      t.ok(isOfIssuer(read, issuer), hash)
      t.notOk(isOfIssuer(read, namesake), 'another key of the same name')
      t.notOk(isOfIssuer(read, renamed), 'another name for the same key')
    }
  }
  const certId = certIdOf(issuer, '1', 'sha256')
  t.notOk(isOfIssuer({ ...certId, hashAlgorithmOid: oids.sha1 }, issuer), 'a hash under another hash’s name')
  t.notOk(isOfIssuer({ ...certId, hashAlgorithmOid: '2.16.840.1.101.3.4.2.2' }, issuer), 'SHA-384')
  t.notOk(isOfIssuer({ ...certId, hashAlgorithmOid: '1.2.3' }, issuer), 'an unknown hash')
})

t.test('what is malformed is refused; parameters may be NULL or left out', async (t) => {
  const octets = derElement(tags.octetString, new Uint8Array(20))
  const sha1 = derOid(oids.sha1)
  const certId = (algorithm: Uint8Array, name: Uint8Array, serial: Uint8Array) =>
    new DerReader(derSequence(algorithm, name, octets, serial))
  const plain = derSequence(sha1)
  const one = derInteger('1')
  t.equal(readCertId(certId(plain, octets, one)).serial, '1', 'no parameters')
  t.equal(readCertId(certId(derSequence(sha1, derElement(tags.null)), octets, one)).serial, '1', 'NULL')
  const bad: Readonly<Record<string, DerReader>> = {
    'NULL with contents': certId(derSequence(sha1, derElement(tags.null, Uint8Array.of(1))), octets, one),
    'other parameters': certId(derSequence(sha1, one), octets, one),
    'empty hash': certId(plain, derElement(tags.octetString), one),
    'long hash': certId(plain, derElement(tags.octetString, new Uint8Array(65)), one),
    'negative serial': certId(plain, octets, derElement(tags.integer, Uint8Array.of(0x80))),
    'padded serial': certId(plain, octets, derElement(tags.integer, Uint8Array.of(0, 1))),
    'long serial': certId(plain, octets, derInteger('01'.padEnd(42, '0'))),
    surplus: new DerReader(derSequence(plain, octets, octets, one, one)),
    'cut off': new DerReader(derSequence(plain, octets)),
  }
  for (const [what, reader] of Object.entries(bad)) {
    t.throws(() => readCertId(reader), { code: 'certificate_unreadable' }, what)
  }
})

t.test('a question carries the nonce, and refuses to be empty', async (t) => {
  const certIds = [certIdOf(issuer, 'a1', 'sha1')]
  const nonce = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')
  t.same(Buffer.from(readQuestion(buildOcspRequest({ certIds, nonce })).nonce ?? []), nonce)
  t.equal(readQuestion(buildOcspRequest({ certIds })).nonce, undefined)
  const file = join(folder, 'request.der')
  writeFileSync(file, buildOcspRequest({ certIds: [...certIds, certIdOf(issuer, 'b2', 'sha256')], nonce }))
  const text = execFileSync('openssl', ['ocsp', '-reqin', file, '-req_text']).toString()
  t.match(
    text,
    /Serial Number: A1\s[\s\S]*Serial Number: B2\s[\s\S]*OCSP Nonce/,
    'OpenSSL reads two certificates and a nonce',
  )
  t.throws(() => buildOcspRequest({ certIds: [] }), { code: 'internal' })
  t.throws(() => buildOcspRequest({ certIds, nonce: new Uint8Array(33) }), { code: 'internal' })
  t.throws(() => buildOcspRequest({ certIds, nonce: new Uint8Array(0) }), { code: 'internal' })
})
