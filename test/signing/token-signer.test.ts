// Goal: an HSM signs, by the right key only; it may be pulled out and put back; its PIN is in no argument list and never burnt.
// Method: SoftHSM2 and OpenSC from Debian, and a stand-in for pkcs11-tool that records how it is called.
import { execFileSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTokenSigner, derOfRawSignature, idsOf } from '../../src/signing/token-signer.ts'
import { assembleSigned, buildTbs } from '../../src/x509/build-certificate.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { oids } from '../../src/x509/oids.ts'
import { digestOf } from '../../src/x509/signing-algorithm.ts'
import { eventually } from '../helpers/eventually.ts'
import { createSoftToken } from '../helpers/soft-token.ts'
import { makeKeys } from '../helpers/test-ca.ts'

const tbs = Buffer.from('what is to be signed')
const keyOf = (der: Uint8Array) => createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
const unavailable = (message: RegExp) => ({ code: 'signer_unavailable', message })

t.test('keys on a token sign, several at once, whatever else lies there', async (t) => {
  const token = createSoftToken(t.testdir())
  for (const [index, kind] of (['p256', 'p384', 'p521', 'rsa2048'] as const).entries()) {
    const keyLabel = `issuing ${index}`
    const publicKeyDer = token.addKey(kind, { label: keyLabel, id: `0${index}` })
    const signer = createTokenSigner({ ...token.options, keyLabel }, publicKeyDer)
    const signatures = await Promise.all(Array.from({ length: 5 }, () => signer.sign(tbs)))
    for (const signature of signatures) {
      t.ok(verify(digestOf(signer.algorithm), tbs, keyOf(publicKeyDer), signature), kind)
    }
  }
})

t.test('a certificate signed on a token is one for OpenSSL', async (t) => {
  const folder = t.testdir()
  const token = createSoftToken(folder)
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const { algorithm, sign } = createTokenSigner(token.options, publicKeyDer)
  const subject = [{ oid: oids.commonName, value: 'token ca' }]
  const nowMs = 1_700_000_000_000
  const template = { subject, serial: '1', notBeforeMs: nowMs, notAfterMs: nowMs + 1e12, publicKeyDer }
  const body = buildTbs(
    { ...template, basicConstraints: { ca: true }, keyUsage: ['keyCertSign'] },
    { issuer: { nameDer: encodeName(subject), publicKeyDer }, algorithm },
  )
  writeFileSync(join(folder, 'ca.der'), assembleSigned(body, { algorithm, signature: await sign(body) }))
  const pem = join(folder, 'ca.pem')
  execFileSync('openssl', ['x509', '-inform', 'DER', '-in', join(folder, 'ca.der'), '-out', pem])
  t.match(execFileSync('openssl', ['verify', '-CAfile', pem, pem]).toString(), /OK/)
})

t.test('signing fails while the token is out, and goes on when it is back', async (t) => {
  const token = createSoftToken(t.testdir())
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const signer = createTokenSigner(token.options, publicKeyDer)
  t.ok(await signer.sign(tbs))
  token.remove()
  await t.rejects(signer.sign(tbs), unavailable(/token sekisho-test is not there: connect it again/))
  await t.rejects(signer.sign(tbs), unavailable(/is not there/), 'again')
  token.insert()
  t.ok(await signer.sign(tbs))
})

t.test('what is wrong with key, label, library or program is said', async (t) => {
  const token = createSoftToken(t.testdir())
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const other = token.addKey('p256', { label: 'other', id: '02' })
  token.addKey('p256', { label: 'twin', id: '03' })
  token.addKey('p256', { label: 'twin', id: '04' })
  const fails = (changed: Partial<typeof token.options>, message: RegExp, key = publicKeyDer) =>
    t.rejects(createTokenSigner({ ...token.options, ...changed }, key).sign(tbs), unavailable(message))
  await fails({}, /key issuing on it is not that of the CA certificate/, other)
  await fails({ keyLabel: 'none' }, /no private key on it has the label none/)
  await fails({ keyLabel: 'twin' }, /2 private keys on it have the label twin/)
  await fails({ module: '/nowhere.so' }, /\/nowhere\.so cannot be loaded/)
  await fails({ tool: '/nowhere/pkcs11-tool' }, /cannot be started: is OpenSC installed/)
  await fails({ tokenLabel: 'another' }, /token another is not there/)
  t.ok(await createTokenSigner(token.options, publicKeyDer).sign(tbs), 'and with everything right it signs')
  const ed25519 = makeKeys('ed25519').publicKey.export({ type: 'spki', format: 'der' })
  t.throws(() => createTokenSigner(token.options, ed25519), { code: 'config_invalid' })
})

t.test('a refused PIN is not tried again, so that the token does not lock itself', async (t) => {
  const folder = t.testdir()
  const token = createSoftToken(folder)
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const log = join(folder, 'log')
  const tool = standIn(folder, `echo call >> ${log}\nexec pkcs11-tool "$@"`)
  const signer = createTokenSigner({ ...token.options, tool, pin: '000000', signaturesAtOnce: 4 }, publicKeyDer)
  const refused = () =>
    t.rejects(signer.sign(tbs), unavailable(/refuses the PIN \(CKR_PIN_INCORRECT\): it is not tried again/))
  await Promise.all([1, 2, 3, 4, 5, 6].map(refused))
  await refused()
  t.equal(readFileSync(log, 'utf8'), 'call\n', 'one call only')
  t.ok(await createTokenSigner(token.options, publicKeyDer).sign(tbs), 'the right PIN still opens it')
})

t.test('the PIN stands in no argument, and reaches the program', async (t) => {
  const folder = t.testdir()
  const token = createSoftToken(folder)
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const log = join(folder, 'log')
  const tool = standIn(folder, `echo "$@" >> ${log}\nexec pkcs11-tool "$@"`)
  t.ok(await createTokenSigner({ ...token.options, tool }, publicKeyDer).sign(tbs))
  const calls = readFileSync(log, 'utf8').trim().split('\n')
  t.equal(calls.length, 2, 'the key is looked for once, then it signs')
  t.match(calls[1], /--pin env:SEKISHO_TOKEN_PIN --sign --id 01 --mechanism ECDSA$/)
  t.notOk(calls.join().includes(token.options.pin))
})

t.test('a token that does not answer is given up in time, with its program', async (t) => {
  const folder = t.testdir()
  const token = createSoftToken(folder)
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const pidFile = join(folder, 'pid')
  const tool = standIn(folder, `echo $$ > ${pidFile}\nexec sleep 600`)
  const signer = createTokenSigner({ ...token.options, tool, timeoutMs: 1_000 }, publicKeyDer)
  await t.rejects(signer.sign(tbs), unavailable(/has not answered in time/))
  const pid = readFileSync(pidFile, 'utf8').trim()
  await eventually(
    () => existsSync(`/proc/${pid}`),
    (there) => !there,
  )
})

t.test('a program that says too much is ended', async (t) => {
  const folder = t.testdir()
  const token = createSoftToken(folder)
  const publicKeyDer = token.addKey('p256', { label: 'issuing', id: '01' })
  const endless = createTokenSigner({ ...token.options, tool: standIn(folder, 'exec yes') }, publicKeyDer)
  await t.rejects(endless.sign(tbs), unavailable(/cannot do it: no reason given/))
})

t.test('listings and raw signatures are read', async (t) => {
  const object = (label: string, id: string) =>
    `Private Key Object; EC\n  label:      ${label}\n  ID:         ${id}\n  Usage: sign\n`
  const listing = object('a: b', '0a0b') + object('c', '02') + object('c', '03')
  t.same(idsOf(listing, 'a: b'), ['0a0b'])
  t.same(idsOf(listing, 'c'), ['02', '03'])
  t.same(idsOf(listing, 'd'), [])
  t.same(idsOf(object('x', '02; --module'), 'x'), [], 'an ID is hex digits')
  t.same(idsOf('', 'x'), [])
  const raw = Uint8Array.of(0, 0x80, 0, 1)
  t.equal(Buffer.from(derOfRawSignature(raw)).toString('hex'), '30070202008002 0101'.replace(' ', ''))
  for (const length of [0, 3]) t.throws(() => derOfRawSignature(new Uint8Array(length)), { code: 'signer_unavailable' })
})

/** A program that does what the script says, in place of `pkcs11-tool`. */
function standIn(folder: string, script: string): string {
  const file = join(folder, 'script')
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  return file
}
