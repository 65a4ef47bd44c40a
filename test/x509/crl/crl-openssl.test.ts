// Goal: lists that another program makes, with every kind of key, are read as that program reads them. Method: `openssl ca -gencrl`
// over a file of revocations, its lists read here and by `openssl crl -text`; and lists of ours judged by both.
import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { crlReasons } from '../../../src/x509/crl/crl-reasons.ts'
import { pemOrDer } from '../../../src/x509/crl/pem-or-der.ts'
import { type CrlReading, readCrl } from '../../../src/x509/crl/read-crl.ts'
import { readPemCertificate } from '../../../src/x509/read-pem-certificate.ts'
import { readOpensslText } from './openssl-text.ts'
import { inChunks } from './written-list.ts'

const folder = t.testdir()
const place = (name: string) => join(folder, name)
const openssl = (...args: readonly string[]) =>
  execFileSync('openssl', [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }).toString()

const revocations = [
  ['251224123456Z', '01'],
  ['251224123457Z,keyCompromise', '80'],
  ['251224123458Z,CACompromise', '00FF'],
  ['251224123459Z,affiliationChanged', '7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF'],
  ['251224123500Z,superseded', 'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF'],
  ['491231235959Z,cessationOfOperation', '1234567890ABCDEF'],
  ['500101000000Z,certificateHold', '0ABC'],
  ['251224123501Z,removeFromCRL', '05'],
  ['251224123502Z,keyTime,20201231235959Z', '06'],
] as const

const configuration = `
[ca]
default_ca = main
[main]
database = index.txt
crlnumber = crlnumber
default_md = default
default_crl_days = 30
crl_extensions = extensions
[extensions]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical, @point
[point]
fullname = URI:http://ca.example.jp/list.crl
onlyuser = TRUE
`
writeFileSync(place('ca.cnf'), configuration)
const rows = revocations.map(([revoked, serial]) => `R\t300101000000Z\t${revoked}\t${serial}\tunknown\t/CN=x\n`)
writeFileSync(place('index.txt'), rows.join(''))

type Kind = { readonly key: readonly string[]; readonly list: readonly string[] }
const pss = (hash: string, saltLength: number) => [
  ...['-md', hash, '-sigopt', 'rsa_padding_mode:pss', '-sigopt', `rsa_pss_saltlen:${saltLength}`],
]
const kinds: Record<string, Kind> = {
  RSA: { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], list: ['-md', 'sha256'] },
  'RSA with SHA-512': { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], list: ['-md', 'sha512'] },
  'RSA-PSS': { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], list: pss('sha256', 32) },
  'RSA-PSS with SHA-384': {
    key: ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
    list: pss('sha384', 48),
  },
  'P-256': { key: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], list: ['-md', 'sha256'] },
  'P-384': { key: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], list: ['-md', 'sha384'] },
  Ed25519: { key: ['-algorithm', 'ED25519'], list: [] },
  Ed448: { key: ['-algorithm', 'ED448'], list: [] },
}

/** A CA of this kind, its list of the revocations above, and another key of the same kind. */
function makeList({ key, list }: Kind, number = '0123456789ABCDEF0123'): { pem: Buffer; ca: string; other: string } {
  writeFileSync(place('crlnumber'), `${number}\n`)
  for (const name of ['ca', 'other']) {
    openssl('genpkey', ...key, '-out', `${name}.key`)
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      `${name}.key`,
      '-subj',
      '/C=JP/CN=list-ca',
      '-days',
      '30',
      '-out',
      `${name}.pem`,
    )
  }
  openssl('ca', '-gencrl', '-config', 'ca.cnf', '-keyfile', 'ca.key', '-cert', 'ca.pem', ...list, '-out', 'list.pem')
  const read = (name: string) => readFileSync(place(name))
  return { pem: read('list.pem'), ca: read('ca.pem').toString(), other: read('other.pem').toString() }
}

function read(bytes: Uint8Array, certificate: string, chunkBytes = 4_096): CrlReading {
  const pull = pemOrDer(inChunks(bytes, chunkBytes))
  return readCrl(pull, { entriesMax: 1_000, bytesMax: 100_000, publicKey: createPublicKey(certificate) })
}

for (const [name, kind] of Object.entries(kinds)) {
  t.test(`lists signed with ${name}`, async (t) => {
    const { pem, ca, other } = makeList(kind)
    openssl('crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.der')
    t.match(openssl('crl', '-in', 'list.pem', '-noout', '-crlnumber'), '=0x0123456789ABCDEF0123')
    const der = readFileSync(place('list.der'))
    for (const bytes of [pem, der]) {
      for (const chunkBytes of [1, 7, 4_096]) t.equal(read(bytes, ca, chunkBytes).signatureValid, true, 'by its key')
      t.equal(read(bytes, other).signatureValid, false, 'not by another key of the same name')
    }
    const reading = read(pem, ca)
    t.equal(reading.bytes, der.length)
    t.equal(reading.number, 0x0123456789abcdef0123n)
    t.equal(Buffer.compare(reading.issuerNameDer, readPemCertificate(ca).subjectNameDer), 0)
    t.match(reading.distributionPoint, { onlyContainsUserCerts: true, indirect: false })
    t.equal(reading.authorityKeyIdentifier?.length, 20)
    const shown = readOpensslText(openssl('crl', '-in', 'list.pem', '-noout', '-text'))
    t.equal(reading.thisUpdateMs, shown.lastUpdateMs)
    t.equal(reading.nextUpdateMs, shown.nextUpdateMs)
    t.strictSame(
      [...reading.entries].map(({ serialHex, revokedAtMs }) => ({ serialHex, revokedAtMs })),
      shown.entries,
    )
    t.equal(shown.entries.length, revocations.length)
    const entries = new Map([...reading.entries].map((entry) => [entry.serialHex, entry]))
    for (const [revoked, serial] of revocations) {
      const entry = entries.get(serial.toLowerCase().replace(/^0+/, ''))
      const reason = revoked.split(',')[1] ?? 'unspecified'
      const expected = reason === 'keyTime' ? 'keyCompromise' : reason.replace(/^CA/, 'cA')
      t.equal(crlReasons[entry?.reasonCode ?? 0], expected, serial)
    }
    t.equal(entries.get('6')?.invalidityDateMs, Date.parse('2020-12-31T23:59:59Z'))
    const changed = Buffer.from(der)
    changed[changed.length - 8] = (changed[changed.length - 8] as number) ^ 1
    t.equal(read(changed, ca).signatureValid, false, 'a signature with a changed bit')
  })
}

t.test('a key of another kind has made no list', async (t) => {
  const { ca } = makeList(kinds.Ed25519 as Kind)
  const { pem } = makeList(kinds['P-256'] as Kind)
  t.equal(read(pem, ca).signatureValid, false)
})
