// Goal: the .p12 files that the browser makes, of both kinds, are read by other people's programs, and the password is what opens them.
// Method: run the browser's modules in Node, whose WebCrypto is the same, and have OpenSSL (and NSS, where present) read the files.
import { execFile } from 'node:child_process'
import { createCipheriv, createPublicKey, randomBytes, X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { encryptTripleDes } from '../../../src/portal/browser/des.ts'
import { makePkcs12, type Pkcs12Kind } from '../../../src/portal/browser/pkcs12.ts'
import { pemBlocks } from '../../../src/x509/pem.ts'
import { createTestCa } from '../../helpers/test-ca.ts'

const run = promisify(execFile)
const password = 'P@ssw0rd of 2026!'

async function sample() {
  const ca = createTestCa({ commonName: 'issuing' })
  const client = ca.issueClient({ commonName: 'user01' })
  return {
    ca,
    client,
    privateKey: new Uint8Array(pemBlocks(client.keyPem, 'PRIVATE KEY')[0] as Uint8Array),
    certificates: [client.der, ca.der],
  }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-p12-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function read(file: string, { kind, secret }: { kind: Pkcs12Kind; secret: string }) {
  const legacy = kind === 'older' ? ['-legacy'] : []
  return run('openssl', ['pkcs12', '-in', file, '-nodes', '-info', '-passin', `pass:${secret}`, ...legacy])
}

for (const kind of ['modern', 'older'] as const) {
  t.test(`R26 OpenSSL reads a .p12 file (${kind}) made in the browser, and refuses a wrong password`, async (t) => {
    const { client, privateKey, certificates } = await sample()
    const bytes = await makePkcs12({ kind, privateKey, certificates, friendlyName: 'user01', password })
    await inFolder(async (folder) => {
      const file = join(folder, 'user01.p12')
      await writeFile(file, bytes)
      const { stdout, stderr } = await read(file, { kind, secret: password })
      const [leaf, above] = stdout.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
      t.equal(new X509Certificate(leaf ?? '').raw.equals(new X509Certificate(client.certificatePem).raw), true)
      t.ok(above, 'the CA above it is there')
      const key = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----/.exec(stdout)?.[0] ?? ''
      t.same(createPublicKey(key), new X509Certificate(client.certificatePem).publicKey)
      t.match(stdout, /friendlyName: user01/)
      t.match(
        stderr,
        kind === 'modern' ? /MAC: sha256.*PBES2, PBKDF2, AES-256-CBC/s : /MAC: sha1.*pbeWithSHA1And3-KeyTripleDES-CBC/s,
      )
      await t.rejects(read(file, { kind, secret: `${password}x` }), /Mac verify error/)
    })
  })
}

t.test('NSS, the store of Chromium and Firefox on Linux, imports both kinds', async (t) => {
  const { privateKey, certificates } = await sample()
  for (const kind of ['modern', 'older'] as const) {
    await inFolder(async (folder) => {
      const file = join(folder, 'user01.p12')
      await writeFile(file, await makePkcs12({ kind, privateKey, certificates, friendlyName: 'user01', password }))
      await run('certutil', ['-d', `sql:${folder}`, '-N', '--empty-password'])
      await run('pk12util', ['-d', `sql:${folder}`, '-i', file, '-W', password])
      const { stdout } = await run('certutil', ['-d', `sql:${folder}`, '-L'])
      t.match(stdout, /user01\s+u,u,u/, kind)
    })
  }
})

t.test('Triple DES agrees with OpenSSL for every length', async (t) => {
  for (let length = 0; length < 40; length++) {
    const key = randomBytes(24)
    const iv = randomBytes(8)
    const plain = randomBytes(length)
    const cipher = createCipheriv('des-ede3-cbc', key, iv)
    const expected = Buffer.concat([cipher.update(plain), cipher.final()])
    t.same(Buffer.from(encryptTripleDes(key, iv, plain)), expected, `${length} bytes`)
  }
})
