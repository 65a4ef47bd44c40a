// Goal: weak keys and weak signatures are named, strong ones pass, unknown kinds count as weak.
// Method: one certificate of each kind.
import t from 'tap'
import { weakKeyReason } from '../../src/x509/key-strength.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { type ClientOptions, createTestCa } from '../helpers/test-ca.ts'

const ca = createTestCa({ commonName: 'ca' })
const read = (options: Partial<ClientOptions>) => readCertificate(ca.issueClient({ commonName: 'x', ...options }).der)
const rules = { rsaBitsMin: 2_048 }

t.test('strong', async (t) => {
  for (const keyKind of ['p256', 'p384', 'p521', 'rsa2048', 'rsa3072', 'ed25519', 'ed448'] as const) {
    t.equal(weakKeyReason(read({ keyKind }), rules), undefined, keyKind)
  }
  for (const hash of ['sha384', 'sha512'] as const) t.equal(weakKeyReason(read({ hash }), rules), undefined, hash)
  const edCa = createTestCa({ commonName: 'ed', keyKind: 'ed25519' })
  t.equal(weakKeyReason(readCertificate(edCa.issueClient({ commonName: 'x' }).der), rules), undefined)
})

t.test('weak', async (t) => {
  t.match(weakKeyReason(read({ keyKind: 'rsa1024' }), rules), /1024 bits/)
  t.match(weakKeyReason(read({ keyKind: 'rsa2048' }), { rsaBitsMin: 3_072 }), /3072 are required/)
  t.match(weakKeyReason(read({ keyKind: 'p192' }), rules), /P-192/)
  t.match(weakKeyReason(read({ keyKind: 'secp256k1' }), rules), /secp256k1/)
  t.match(weakKeyReason(read({ hash: 'sha1' }), rules), /sha1/)
  const good = read({})
  t.match(
    weakKeyReason({ ...good, publicKey: { algorithm: 'unknown', oid: '1.2.840.10040.4.1' } }, rules),
    /1\.2\.840\.10040/,
  )
  t.match(weakKeyReason({ ...good, publicKey: { algorithm: 'ec', curve: 'explicit', bits: 256 } }, rules), /explicit/)
  for (const hash of ['md5', 'sha224', 'unknown']) {
    t.match(weakKeyReason({ ...good, signatureAlgorithm: { oid: '1.2.3', hash } }, rules), hash)
  }
})
