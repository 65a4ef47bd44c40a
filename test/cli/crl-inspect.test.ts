// Goal: whoever was sent a list sees what it says and whether a gateway would take it, without a gateway. Method: the command line in this
// process, over lists made by openssl's own CA, one of them with 50,000 entries, and lists of a test CA with one thing wrong.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { derElement, derSequence } from '../../src/x509/der-writer.ts'
import { oids } from '../../src/x509/oids.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf, type TestCrlOptions } from '../helpers/test-crl.ts'
import { runHere } from './with-cli.ts'

const nowMs = Date.now()
const hourMs = 3_600_000
const ca = createTestCa({ commonName: 'Partner CA' })
const other = createTestCa({ commonName: 'Other CA' })
const sameName = createTestCa({ commonName: 'Partner CA' })

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-crl-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A list of `ca` in a file, and what inspects it. */
function withList(t: Test, options: Partial<TestCrlOptions> & { serials?: string[]; madeAtMs?: number } = {}) {
  const folder = folderOf(t)
  const { madeAtMs = nowMs, ...rest } = options
  const der = crlOf(ca, madeAtMs, { number: 12, ...rest })
  const place = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const file = place('list.crl', der)
  const issuer = place('ca.pem', ca.certificatePem)
  const inspect = (...args: string[]) => runHere(['crl', 'inspect', file, ...args])
  return { folder, der, place, file, issuer, inspect }
}

/** An openssl CA that has revoked these (reason and serial number in upper-case hex), and its list as PEM and DER. */
function opensslLists(folder: string, revoked: readonly (readonly [reason: string, serial: string])[]) {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const lines = [
    ...['[ca]', 'default_ca = own', '[own]', 'database = index.txt', 'crlnumber = number', 'default_md = sha256'],
    ...['default_crl_days = 7', 'crl_extensions = crl', '[crl]', 'authorityKeyIdentifier = keyid'],
  ]
  writeFileSync(join(folder, 'ca.cnf'), `${lines.join('\n')}\n`)
  const rows = revoked.map(([reason, serial]) => {
    return `R\t331231000000Z\t260101120000Z,${reason}\t${serial}\tunknown\t/CN=${serial}\n`
  })
  writeFileSync(join(folder, 'index.txt'), rows.join(''))
  writeFileSync(join(folder, 'number'), '1001\n')
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key']
  openssl('req', '-x509', ...key, '-subj', '/C=JP/O=Partner, Inc/CN=Partner root', '-days', '30', '-out', 'ca.pem')
  openssl('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'ca.key', '-cert', 'ca.pem', '-out', 'list.pem')
  openssl('crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.crl')
  return { pem: join(folder, 'list.pem'), der: join(folder, 'list.crl'), issuer: join(folder, 'ca.pem') }
}

t.test('a list made by openssl: what it says, in DER and PEM, and that it is good', async (t) => {
  const { pem, der, issuer } = opensslLists(folderOf(t), [
    ['keyCompromise', '0A1B'],
    ['superseded', '0A1C'],
    ['keyCompromise', '7FFFFFFFFFFFFFFFFFFF'],
  ])
  const shown = await runHere(['crl', 'inspect', der, '--issuer', issuer, '--entries', '2'])
  t.match(shown, { exitCode: 0, err: '' })
  for (const line of [
    /^Issuer +C=JP, O=Partner\\, Inc, CN=Partner root$/m,
    /^Kind +complete list$/m,
    /^Number +4097$/m,
    /^This update +20\S+Z \((now|\d+ seconds? ago)\)$/m,
    /^Next update +20\S+Z \(in \d days\)$/m,
    /^Entries +3\n +keyCompromise 2\n +superseded 1$/m,
    /^Scope +all certificates of the issuer$/m,
    /^Unknown critical no extensions$/m,
    /^Signature +RSA with SHA-256, valid$/m,
    /^Size +\d+ bytes of DER, version 2$/m,
    /\n\nSERIAL +REVOKED AT +REASON +INVALID SINCE\na1b +2026-01-01T12:00:00\.000Z +keyCompromise +-\na1c .*\n\nA gateway would take this list\.\n$/,
  ]) {
    t.match(shown.out, line)
  }
  t.notMatch(shown.out, /7fffffff/)
  const json = JSON.parse((await runHere(['crl', 'inspect', pem, '--issuer', issuer, '--entries', '9', '--json'])).out)
  t.match(json, {
    ...{ file: pem, version: 2, number: '4097', deltaBase: null, entries: 3, signature: 'valid' },
    ...{ reasons: { keyCompromise: 2, superseded: 1 }, verdict: { kind: 'good', warnings: [] } },
    firstEntries: [{ serial: 'a1b' }, { serial: 'a1c' }, { serial: '7fffffffffffffffffff', reason: 'keyCompromise' }],
  })
})

t.test(
  'without an issuer nothing is said of whose it is; what nobody would take is refused all the same',
  async (t) => {
    const { inspect } = withList(t, { serials: ['1'] })
    t.match(await inspect(), {
      exitCode: 0,
      out: /\nSignature +ECDSA with SHA-256, not checked\n[\s\S]*\n\nWhose list this is was not checked: give --issuer FILE/,
    })
    t.match(JSON.parse((await inspect('--json')).out), { verdict: { kind: 'unknown' }, firstEntries: [] })
    const future = withList(t, { thisUpdateMs: nowMs + hourMs })
    t.match(await future.inspect(), { exitCode: 1, out: /would refuse this list: its thisUpdate lies in the future/ })
  },
)

t.test('a list of somebody else is refused: another name, another key of the same name, a changed byte', async (t) => {
  const { der, place, file, inspect } = withList(t, { serials: ['1', '2'] })
  const byOther = await inspect('--issuer', place('other.pem', other.certificatePem))
  t.match(byOther, { exitCode: 1, out: /\nA gateway would refuse this list: .*its issuer name is another one\n$/ })
  const bySameName = await inspect('--issuer', place('same.pem', sameName.certificatePem))
  t.match(bySameName, { exitCode: 1, out: /, invalid\n[\s\S]*would refuse this list: .*(another key|signature)/ })
  const changed = Uint8Array.from(der)
  changed[der.length - 1] = (changed[der.length - 1] ?? 0) ^ 1
  place('list.crl', changed)
  const own = place('ca.pem', ca.certificatePem)
  t.match(await inspect('--issuer', own), { exitCode: 1, out: /, invalid\n[\s\S]*refuse this list: .*signature/ })
  place('list.crl', der)
  t.match(await runHere(['crl', 'inspect', file, '--issuer', own]), { exitCode: 0, out: /, valid\n/ })
})

t.test('delta lists, expired ones and those without a number are taken, and it is said what they are', async (t) => {
  const delta = withList(t, { serials: ['1'], deltaBase: 10 })
  t.match(await delta.inspect('--issuer', delta.issuer), {
    exitCode: 0,
    out: /\nKind +delta list, to be added to list 10\n/,
  })
  const expired = withList(t, { madeAtMs: nowMs - 80 * hourMs })
  t.match(await expired.inspect('--issuer', expired.issuer), {
    exitCode: 0,
    out: /\nNext update +\S+ \(2 days ago\)\nEntries +0\nScope[\s\S]*take this list, and alert: its nextUpdate is past\.\n$/,
  })
  const nameless = withList(t, { number: undefined })
  t.match(await nameless.inspect('--issuer', nameless.issuer), {
    exitCode: 0,
    out: /\nNumber +none\n[\s\S]*\nWarning +it has no number/,
  })
})

t.test('indirect and partial lists and unknown critical extensions are named', async (t) => {
  const point = (...flags: Uint8Array[]) => ({
    extensions: [{ oid: oids.issuingDistributionPoint, critical: true, valueDer: derSequence(...flags) }],
  })
  const yes = Uint8Array.of(0xff)
  const indirect = withList(t, point(derElement(0x84, yes)))
  t.match(await indirect.inspect('--issuer', indirect.issuer), {
    exitCode: 1,
    out: /\nScope +certificates of other issuers too \(indirect\)\n[\s\S]*indirect CRLs are not taken/,
  })
  const users = withList(t, point(derElement(0x81, yes)))
  t.match(await users.inspect('--issuer', users.issuer), { exitCode: 0, out: /\nScope +certificates of users only\n/ })
  const unknown = withList(t, { extensions: [{ oid: '1.2.3.4', critical: true, valueDer: derSequence() }] })
  t.match(await unknown.inspect('--issuer', unknown.issuer), {
    exitCode: 1,
    out: /\nUnknown critical extensions 1\.2\.3\.4\n[\s\S]*unknown critical extensions 1\.2\.3\.4\n$/,
  })
})

t.test('a list of 50,000 entries is counted, and no more is shown than was asked for', async (t) => {
  const serialOf = (at: number) => (at + 1_000_000).toString(16).padStart(32, '7').toUpperCase()
  const revoked = Array.from({ length: 50_000 }, (_, at) => ['superseded', serialOf(at)] as const)
  const { pem, der, issuer } = opensslLists(folderOf(t), revoked)
  for (const file of [der, pem]) {
    const { exitCode, out } = await runHere(['crl', 'inspect', file, '--issuer', issuer, '--entries', '3'])
    t.equal(exitCode, 0)
    t.match(out, /\nEntries +50,000\n +superseded 50,000\n[\s\S]*, valid\n/)
    t.equal(out.match(/superseded +-\n/g)?.length, 3)
  }
})

t.test('files that are no list, and options that say nothing, are explained', async (t) => {
  const { place, folder, der, inspect, issuer } = withList(t)
  const of = (file: string) => runHere(['crl', 'inspect', file])
  t.match(await of(join(folder, 'none')), {
    exitCode: 1,
    out: '',
    err: /^Cannot read .*none: there is no such file\n$/,
  })
  t.match(await of(folder), { exitCode: 1, err: /it is not a file/ })
  t.match(await of(place('empty', '')), { exitCode: 1, err: /^Cannot read the CRL: / })
  t.match(await of(place('text', 'hello')), { exitCode: 1, err: /neither DER nor PEM/ })
  t.match(await of(place('cut', der.subarray(0, 100))), { exitCode: 1, err: /^Cannot read the CRL: / })
  t.match(await of(issuer), { exitCode: 1, err: /PEM block of another kind/ })
  t.match(await inspect('--issuer', place('text', 'hello')), { exitCode: 1, err: /no PEM certificate/ })
  t.match(await inspect('--issuer', join(folder, 'none')), { exitCode: 1, err: /there is no such file/ })
  t.match(await inspect('--entries', '-1'), { exitCode: 2, err: /whole number/ })
  t.match(await runHere(['crl', 'inspect']), { exitCode: 2 })
  t.match(await runHere(['crl', '--help']), { exitCode: 0, out: /inspect[\s\S]*import[\s\S]*status[\s\S]*look/ })
})

t.test('names in a list do not steer the terminal', async (t) => {
  const place = join(folderOf(t), 'list.crl')
  writeFileSync(place, crlOf(createTestCa({ commonName: 'a\u001b[2Jb' }), nowMs, { number: 1 }))
  const { exitCode, out } = await runHere(['crl', 'inspect', place])
  t.equal(exitCode, 0)
  t.notOk(out.includes('\u001b'))
})
