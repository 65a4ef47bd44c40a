// Goal: a certificate key names issuer and serial, and nothing else parses as one.
// Method: round trips, tables of malformed keys, and two CAs of one name.
import { createHash } from 'node:crypto'
import t from 'tap'
import { certificateKey, issuerIdOf, parseCertificateKey } from '../../src/x509/certificate-key.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { createTestCa } from '../helpers/test-ca.ts'

t.test('round trip', async (t) => {
  const issuerId = '0123456789abcdef0123456789abcdef'
  t.same(parseCertificateKey(certificateKey(issuerId, 'a1')), { issuerId, serial: 'a1' })
  const longest = 'f'.repeat(40)
  t.equal(parseCertificateKey(certificateKey(issuerId, longest)).serial, longest)
})

t.test('malformed keys', async (t) => {
  const id = '0123456789abcdef0123456789abcdef'
  const wrong = ['', id, `${id}:`, `${id}:0`, `${id}:01`, `${id}:A1`, `${id}:a1:b2`, `${id.toUpperCase()}:a1`]
  for (const text of [
    ...wrong,
    `${id}0:a1`,
    `${id.slice(1)}:a1`,
    `${id}:${'f'.repeat(41)}`,
    `${id}:a1\n`,
    ` ${id}:a1`,
  ]) {
    t.throws(() => parseCertificateKey(text), { code: 'serial_invalid' }, JSON.stringify(text))
  }
})

t.test('the issuer id is the key, not the name', async (t) => {
  const [one, other] = [createTestCa({ commonName: 'twin' }), createTestCa({ commonName: 'twin' })]
  const read = readCertificate(one.der)
  t.not(one.issuerId, other.issuerId)
  t.equal(issuerIdOf(read.publicKeyDer), one.issuerId)
  t.equal(one.issuerId, createHash('sha256').update(read.publicKeyDer).digest('hex').slice(0, 32))
})
