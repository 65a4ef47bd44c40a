// Goal: the .p12 files that users import open in OpenSSL and NSS, with the key, the whole chain and modern encryption.
// Method: one file, read back by the openssl command and imported by pk12util (package libnss3-tools).
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pemBlocks } from '../../src/x509/pem.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const ca = createTestCa({ commonName: 'root' }).childCa({ commonName: 'issuing', pathLength: 0 })

for (const keyKind of ['p256', 'rsa2048'] as const) {
  t.test(`with a key of kind ${keyKind}`, async (t) => {
    const folder = t.testdir()
    const file = join(folder, 'user01.p12')
    const user = ca.issueClient({ commonName: 'user01', keyKind })
    writeFileSync(file, await user.pkcs12('sekisho'))

    const opened = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:sekisho', '-nodes'], {
      stdio: 'pipe',
    }).toString()
    const [leaf, above, ...more] = pemBlocks(opened, 'CERTIFICATE')
    t.same(leaf, user.der, 'the certificate, byte for byte')
    t.same(above, ca.der, 'its issuer, without the root')
    t.equal(more.length, 0)
    t.match(opened, /friendlyName: user01/)
    const [key] = pemBlocks(opened, 'PRIVATE KEY')
    const read = createPrivateKey({ key: Buffer.from(key ?? []), format: 'der', type: 'pkcs8' })
    t.ok(read.equals(user.privateKey), 'the key')

    const info = execFileSync('sh', [
      '-c',
      `openssl pkcs12 -in '${file}' -passin pass:sekisho -noout -info 2>&1`,
    ]).toString()
    t.match(info, /MAC: sha256/)
    t.match(info, /Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256/)
    t.match(info, /PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC/)
    t.throws(() =>
      execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:wrong', '-nodes'], { stdio: 'pipe' }),
    )

    const database = `sql:${join(folder, 'nss')}`
    mkdirSync(join(folder, 'nss'))
    execFileSync('certutil', ['-d', database, '-N', '--empty-password'], { stdio: 'pipe' })
    execFileSync('pk12util', ['-d', database, '-i', file, '-W', 'sekisho'], { stdio: 'pipe' })
    t.match(execFileSync('certutil', ['-d', database, '-L']).toString(), /user01\s+u,u,u/)
  })
}
