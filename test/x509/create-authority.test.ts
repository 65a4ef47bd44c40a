// Goal: CAs made here are ones that OpenSSL and our own configuration accept, keys are encrypted, and an issuing CA can be followed by
// another without a gap. Method: chains through `openssl verify`, bad settings, issuing with both CAs of a rotation.
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import {
  type AuthoritySettings,
  authorityKeyTypes,
  createIssuing,
  createRoot,
  type ParentAuthority,
  rotateIssuing,
} from '../../src/x509/create-authority.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const nowMs = systemClock.nowMs()
const passphrase = 'a passphrase of some length'
const settings = (commonName: string, changed: Partial<AuthoritySettings> = {}): AuthoritySettings => ({
  subject: ['C=JP', 'O=Sample Bank', `CN=${commonName}`],
  keyType: 'P-256',
  validityDays: 3_650,
  passphrase,
  ...changed,
})

t.test('a root and its issuing CA of every kind of key', async (t) => {
  const folder = t.testdir()
  for (const keyType of authorityKeyTypes) {
    const made = await createRoot(settings('Root', { keyType, validityDays: 7_300 }), nowMs)
    const root = { ...made, passphrase }
    const issuing = await createIssuing(settings('Issuing', { keyType }), { root, nowMs })
    const ca = readIssuingCa(
      { name: 'users', certificatePem: issuing.certificatePem, chainPems: [root.certificatePem] },
      nowMs,
    )
    t.equal(ca.commonName, 'Issuing')
    t.same(issuing.certificate.basicConstraints, { ca: true, pathLength: 0 })
    t.same(root.certificate.basicConstraints, { ca: true, pathLength: 1 })
    writeFileSync(join(folder, 'root.pem'), root.certificatePem)
    writeFileSync(join(folder, 'ca.pem'), issuing.certificatePem)
    const verify = ['verify', '-x509_strict', '-CAfile', join(folder, 'root.pem'), join(folder, 'ca.pem')]
    t.match(execFileSync('openssl', verify, { stdio: 'pipe' }).toString(), /OK/, keyType)
    for (const { keyPem } of [root, issuing]) {
      t.match(keyPem, /BEGIN ENCRYPTED PRIVATE KEY/)
      t.ok(createPrivateKey({ key: keyPem, passphrase }))
      t.throws(() => createPrivateKey({ key: keyPem, passphrase: 'another' }))
    }
  }
})

t.test('a successor has another name and key, and both stand under the root', async (t) => {
  const root = { ...(await createRoot(settings('Root'), nowMs)), passphrase }
  const current = await createIssuing(settings('Issuing 1'), { root, nowMs })
  const rotation = { root, currentPem: current.certificatePem, nowMs }
  const next = await rotateIssuing(settings('Issuing 2'), rotation)
  for (const { certificatePem } of [current, next]) {
    t.ok(readIssuingCa({ name: 'x', certificatePem, chainPems: [root.certificatePem] }, nowMs))
  }
  t.notSame(next.certificate.publicKeyDer, current.certificate.publicKeyDer)
  await t.rejects(rotateIssuing(settings('Issuing 1'), rotation), { code: 'config_invalid', path: 'subject' })
  const foreign = { ...rotation, currentPem: createTestCa({ commonName: 'other' }).certificatePem }
  await t.rejects(rotateIssuing(settings('Issuing 2'), foreign), { message: /issued by another root/ })
})

t.test('an issuing CA ends with its root at the latest', async (t) => {
  const root = { ...(await createRoot(settings('Root', { validityDays: 100 }), nowMs)), passphrase }
  const issuing = await createIssuing(settings('Issuing'), { root, nowMs })
  t.equal(issuing.certificate.notAfterMs, root.certificate.notAfterMs)
})

t.test('without a passphrase the key is plain', async (t) => {
  const { keyPem } = await createRoot(settings('Root', { passphrase: undefined }), nowMs)
  t.match(keyPem, /BEGIN PRIVATE KEY/)
})

t.test('settings that cannot be used name the field', async (t) => {
  const wrong: [string, Partial<AuthoritySettings>][] = [
    ['subject', { subject: ['O=Sample Bank'] }],
    ['subject', { subject: ['CN={loginId}'] }],
    ['subject[0]', { subject: ['X=1', 'CN=x'] }],
    ['validityDays', { validityDays: 0 }],
    ['validityDays', { validityDays: 14_611 }],
    ['validityDays', { validityDays: 1.5 }],
    ['passphrase', { passphrase: 'short' }],
  ]
  for (const [path, changed] of wrong) {
    await t.rejects(
      createRoot(settings('Root', changed), nowMs),
      { code: 'config_invalid', path },
      JSON.stringify(changed),
    )
  }
})

t.test('a root that cannot be used is refused', async (t) => {
  const made = await createRoot(settings('Root'), nowMs)
  const root = { ...made, passphrase }
  const other = await createRoot(settings('Other'), nowMs)
  const issuing = { ...(await createIssuing(settings('Issuing'), { root, nowMs })), passphrase }
  const below = (parent: ParentAuthority, atMs = nowMs) => createIssuing(settings('x'), { root: parent, nowMs: atMs })
  const refused = (message: RegExp) => ({ code: 'config_invalid', path: 'root', message })
  await t.rejects(below({ ...root, passphrase: 'wrong' }), refused(/wrong passphrase/))
  await t.rejects(below({ ...root, keyPem: other.keyPem }), refused(/another certificate/))
  await t.rejects(below(issuing), refused(/may not have CAs below it/))
  await t.rejects(below(root, nowMs + 3_651 * 86_400_000), refused(/is valid from/))
  await t.rejects(below({ ...root, certificatePem: '' }), refused(/one PEM certificate/))
  await t.rejects(createIssuing(settings('Root'), { root, nowMs }), { code: 'config_invalid', path: 'subject' })
})
