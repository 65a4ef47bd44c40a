// Goal: the lists that nginx and HAProxy are measured with are lists that OpenSSL takes: signed, sorted or not, of any size.
// Method: lists of our own certificates, read and used by the openssl program; a listed certificate is refused, another passes.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { type CrlTemplate, writeCrl, writeCrlPem } from './crl-file.ts'
import { createRevocationPki, makeClient } from './revocation-pki.ts'
import { SerialList } from './serial-list.ts'

const run = promisify(execFile)
const folder = t.testdir()
const pki = await createRevocationPki(folder)
const nowMs = Math.floor(Date.now() / 1_000) * 1_000
const place = (name: string) => join(folder, name)

function templateOf(serials: readonly string[], issuer = pki.issuing): CrlTemplate {
  return { issuer, serials, thisUpdateMs: nowMs - 60_000, nextUpdateMs: nowMs + 86_400_000, number: 7 }
}

async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('openssl', [...args], { maxBuffer: 2 ** 26 })
  return stdout + stderr
}

t.test('openssl reads every serial number as it was written, and takes the signature', async (t) => {
  const odd = ['1', '7f', '80', 'fff', 'ff'.repeat(19), `7${'f'.repeat(39)}`]
  const serials = [...new SerialList(3_000).slice(0, 3_000), ...odd]
  const bytes = await writeCrl(place('list.der'), templateOf(serials))
  t.equal((await readFile(place('list.der'))).length, bytes, 'as many bytes as it says')
  const text = await openssl('crl', '-inform', 'DER', '-in', place('list.der'), '-noout', '-text')
  t.match(text, /Version 2 \(0x1\)/)
  t.match(text, /Signature Algorithm: ecdsa-with-SHA256/)
  t.match(text, /X509v3 CRL Number: *\n *7\n/)
  const found = [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map(([, serial = '']) => serial.toLowerCase())
  t.strictSame(
    found.map((serial) => serial.replace(/^0/, '')),
    serials,
  )
  const check = ['crl', '-inform', 'DER', '-in', place('list.der'), '-noout', '-CAfile']
  t.match(await openssl(...check, pki.issuingFile), /verify OK/)
  t.match(
    await openssl(...check, pki.rootFile).catch(String),
    /verify failure|getting CRL issuer|Error/i,
    'not the root',
  )
})

t.test('a reason stands in every entry', async (t) => {
  const serials = [...new SerialList(2_000).slice(0, 2_000), '1', 'ff'.repeat(20).replace(/^f/, '7')]
  await writeCrl(place('reasons.der'), { ...templateOf(serials), reasonCode: 4 })
  const check = ['crl', '-inform', 'DER', '-in', place('reasons.der'), '-noout', '-text', '-CAfile', pki.issuingFile]
  const text = await openssl(...check)
  t.match(text, /verify OK/)
  t.equal([...text.matchAll(/X509v3 CRL Reason Code: *\n *Superseded/g)].length, serials.length)
})

t.test('a list without entries is one too', async (t) => {
  await writeCrl(place('empty.der'), templateOf([], pki.root))
  const check = ['crl', '-inform', 'DER', '-in', place('empty.der'), '-noout', '-text', '-CAfile', pki.rootFile]
  t.match(await openssl(...check), /verify OK/)
  t.match(await openssl(...check), /No Revoked Certificates/)
  const parsed = await openssl('asn1parse', '-inform', 'DER', '-in', place('empty.der'))
  t.notMatch(parsed, /l= *0 cons: SEQUENCE/, 'an empty list of entries is left out (RFC 5280 5.1.2.6)')
})

t.test('openssl refuses a listed certificate and accepts another', async (t) => {
  const listed = makeClient(pki.issuing, 'listed')
  const other = makeClient(pki.issuing, 'other')
  await writeFile(place('listed.pem'), listed.certificatePem)
  await writeFile(place('other.pem'), other.certificatePem)
  const serials = [...new SerialList(2_000).slice(0, 2_000), listed.serial].sort()
  await writeCrl(place('users.der'), templateOf(serials))
  await writeCrl(place('root.der'), templateOf([], pki.root))
  await writeCrlPem(place('both.pem'), [place('users.der'), place('root.der')])
  const verify = (name: string) =>
    openssl(
      ...['verify', '-crl_check_all', '-CRLfile', place('both.pem')],
      ...['-CAfile', pki.clientIssuersFile, place(name)],
    )
  t.match(await verify('other.pem'), /other\.pem: OK/)
  await t.rejects(verify('listed.pem'), /certificate revoked/)
})
