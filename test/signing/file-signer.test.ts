// Goal: a key file signs, encrypted or not, with the hash that fits; one that cannot be used is refused at once. Method: keys of every
// kind as Node and OpenSSL write them.
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import t from 'tap'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { digestOf } from '../../src/x509/signing-algorithm.ts'
import { type KeyKind, makeKeys } from '../helpers/test-ca.ts'

const tbs = Buffer.from('what is to be signed')

t.test('keys of every kind sign', async (t) => {
  const hashes = { p256: 'sha256', p384: 'sha384', p521: 'sha512', rsa2048: 'sha256', ed25519: 'intrinsic' } as const
  for (const [kind, hash] of Object.entries(hashes)) {
    const { privateKey, publicKey } = makeKeys(kind as KeyKind)
    const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const passphrase = 'of the key'
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString()
    for (const options of [
      { keyPem: plain, keyPassword: undefined },
      { keyPem: secret, keyPassword: passphrase },
    ]) {
      const signer = createFileSigner(options)
      t.equal(signer.algorithm.hash, hash)
      t.same(signer.publicKeyDer, createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))
      t.ok(verify(digestOf(signer.algorithm), tbs, publicKey, await signer.sign(tbs)), kind)
    }
  }
})

t.test('an encrypted key of OpenSSL is opened', async (t) => {
  const arguments_ = [
    'genpkey',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-aes256',
    '-pass',
    'pass:secret',
  ]
  const keyPem = execFileSync('openssl', arguments_, { stdio: 'pipe' }).toString()
  t.match(keyPem, /ENCRYPTED/)
  t.ok(await createFileSigner({ keyPem, keyPassword: 'secret' }).sign(tbs))
  t.throws(() => createFileSigner({ keyPem, keyPassword: 'other' }), { code: 'config_invalid', message: /password/ })
  t.throws(() => createFileSigner({ keyPem, keyPassword: undefined }), { code: 'config_invalid' })
})

t.test('what cannot sign is refused', async (t) => {
  const { privateKey } = generateKeyPairSync('x25519')
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  for (const pem of [keyPem, 'nonsense', '']) {
    t.throws(() => createFileSigner({ keyPem: pem, keyPassword: undefined }), { code: 'config_invalid' })
  }
})
