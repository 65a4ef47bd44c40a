// Goal: a certificate is read as OpenSSL reads it, and what must not be read is refused.
// Method: many kinds of certificate compared with Node's X509Certificate; variants made by the openssl command; defects
// written into good certificates one at a time.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { WritableName } from '../../src/x509/build-certificate.ts'
import { tags } from '../../src/x509/der-reader.ts'
import { derBoolean, derElement, derInteger, derOid, derSequence, derText } from '../../src/x509/der-writer.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { pemBlocks } from '../../src/x509/pem.ts'
import { certificateBytesMax, readCertificate } from '../../src/x509/read-certificate.ts'
import { type ClientOptions, createTestCa, type KeyKind } from '../helpers/test-ca.ts'

const ca = createTestCa({ commonName: 'reader-ca', pathLength: 0 })
const unreadable = { code: 'certificate_unreadable' }

function compareWithNode(t: Test, der: Uint8Array) {
  const ours = readCertificate(der)
  const theirs = new X509Certificate(der)
  t.equal(ours.serial, theirs.serialNumber.toLowerCase().replace(/^0+/, ''), 'serial')
  t.equal(ours.notBeforeMs, theirs.validFromDate.getTime(), 'notBefore')
  t.equal(ours.notAfterMs, theirs.validToDate.getTime(), 'notAfter')
  t.equal(
    Buffer.from(ours.thumbprint, 'base64url').toString('hex'),
    theirs.fingerprint256.replaceAll(':', '').toLowerCase(),
  )
  t.same(Buffer.from(ours.publicKeyDer), theirs.publicKey.export({ type: 'spki', format: 'der' }), 'public key')
  t.equal(ours.basicConstraints?.ca ?? false, theirs.ca, 'ca')
  t.same(ours.extendedKeyUsage ?? [], theirs.keyUsage ?? [], "extended key usage, which Node calls 'keyUsage'")
  return ours
}

t.test('keys and signatures of every kind', async (t) => {
  const kinds: Record<KeyKind, object> = {
    p256: { algorithm: 'ec', curve: 'P-256', bits: 256 },
    p384: { algorithm: 'ec', curve: 'P-384', bits: 384 },
    p521: { algorithm: 'ec', curve: 'P-521', bits: 521 },
    p192: { algorithm: 'ec', curve: 'P-192', bits: 192 },
    secp256k1: { algorithm: 'ec', curve: 'secp256k1', bits: 256 },
    rsa1024: { algorithm: 'rsa', bits: 1_024 },
    rsa2048: { algorithm: 'rsa', bits: 2_048 },
    rsa3072: { algorithm: 'rsa', bits: 3_072 },
    ed25519: { algorithm: 'ed25519' },
    ed448: { algorithm: 'ed448' },
  }
  for (const [keyKind, expected] of Object.entries(kinds) as [KeyKind, object][]) {
    const read = compareWithNode(t, ca.issueClient({ commonName: keyKind, keyKind }).der)
    t.same(read.publicKey, expected, keyKind)
  }
  const hashes = ['sha1', 'sha256', 'sha384', 'sha512'] as const
  for (const hash of hashes) {
    t.equal(readCertificate(ca.issueClient({ commonName: 'x', hash }).der).signatureAlgorithm.hash, hash)
    const rsaCa = createTestCa({ commonName: 'rsa', keyKind: 'rsa2048', hash })
    t.equal(readCertificate(rsaCa.der).signatureAlgorithm.hash, hash)
  }
  t.equal(
    readCertificate(createTestCa({ commonName: 'ed', keyKind: 'ed25519' }).der).signatureAlgorithm.hash,
    'intrinsic',
  )
})

t.test('serials and windows', async (t) => {
  for (const serial of ['1', '7f', '80', 'ff', '100', '7fffffffffffffff', 'f'.repeat(40)]) {
    t.equal(compareWithNode(t, ca.issueClient({ commonName: 'x', serial }).der).serial, serial)
  }
  const windows: [string, string][] = [
    ['1950-01-01T00:00:00Z', '2049-12-31T23:59:59Z'],
    ['2026-02-28T23:59:59Z', '2050-01-01T00:00:00Z'],
    ['2024-02-29T00:00:00Z', '9999-12-31T23:59:59Z'],
  ]
  for (const [from, to] of windows) {
    const read = compareWithNode(
      t,
      ca.issueClient({ commonName: 'x', notBeforeMs: Date.parse(from), notAfterMs: Date.parse(to) }).der,
    )
    t.equal(read.notAfterMs, Date.parse(to))
  }
})

t.test('extensions', async (t) => {
  const plain = compareWithNode(t, ca.issueClient({ commonName: 'user01' }).der)
  t.same(plain.keyUsage, { digitalSignature: true, keyCertSign: false, cRLSign: false })
  t.same(plain.basicConstraints, { ca: false, pathLength: undefined })
  t.same(plain.subject.at(-1), { oid: '2.5.4.3', value: 'user01' })
  t.same(plain.issuer.at(-1), { oid: '2.5.4.3', value: 'reader-ca' })
  const authority = compareWithNode(t, ca.der)
  t.same(authority.keyUsage, { digitalSignature: false, keyCertSign: true, cRLSign: true })
  t.same(authority.basicConstraints, { ca: true, pathLength: 0 })
  const bare = compareWithNode(
    t,
    ca.issueClient({ commonName: undefined, keyUsage: null, extendedKeyUsage: null, basicConstraints: null }).der,
  )
  t.match(bare, { keyUsage: undefined, extendedKeyUsage: undefined, basicConstraints: undefined, subjectAltNames: [] })
  const names: WritableName[] = [
    { kind: 'dns', value: 'host.example.jp' },
    { kind: 'email', value: 'a@example.jp' },
    { kind: 'uri', value: 'urn:user:01' },
    { kind: 'ip', bytes: Uint8Array.of(192, 0, 2, 1) },
    { kind: 'directoryName', der: encodeName([{ oid: '2.5.4.3', value: 'x' }]) },
    { kind: 'otherName', oid: '1.3.6.1.4.1.311.20.2.3', value: '利用者01' },
  ]
  const read = compareWithNode(t, ca.issueClient({ commonName: 'x', subjectAltNames: names }).der)
  t.same(
    read.subjectAltNames.map((name) => ({
      ...name,
      ...('bytes' in name ? { bytes: Uint8Array.from(name.bytes) } : {}),
    })),
    names.map((name) => ({ ...name })),
  )
})

const withExtensions = (
  otherExtensions: NonNullable<ClientOptions['otherExtensions']>,
  more: Partial<ClientOptions> = {},
) =>
  ca.issueClient({
    commonName: 'x',
    keyUsage: null,
    extendedKeyUsage: null,
    basicConstraints: null,
    ...more,
    otherExtensions,
  }).der

t.test('critical extensions', async (t) => {
  const nothing = derElement(tags.null)
  const der = withExtensions([
    { oid: '1.2.3.4', critical: true, valueDer: nothing },
    { oid: '1.2.3.5', critical: false, valueDer: nothing },
    { oid: '2.5.29.32', critical: true, valueDer: derSequence(derSequence(derOid('1.2.3'))) },
    { oid: '2.5.29.36', critical: true, valueDer: derSequence(derElement(0x80, Uint8Array.of(0))) },
  ])
  t.same(readCertificate(der).unknownCriticalExtensions, ['1.2.3.4', '2.5.29.36'])
})

t.test('malformed extensions', async (t) => {
  const oids = { ku: '2.5.29.15', bc: '2.5.29.19', eku: '2.5.29.37', san: '2.5.29.17', nc: '2.5.29.30' }
  const rows: [string, string, Uint8Array][] = [
    ['key usage of no bits string', oids.ku, derSequence()],
    ['key usage with unused bits set', oids.ku, derElement(tags.bitString, Uint8Array.of(7, 0xff))],
    ['key usage with eight unused bits', oids.ku, derElement(tags.bitString, Uint8Array.of(8, 0))],
    ['key usage too long', oids.ku, derElement(tags.bitString, Uint8Array.of(0, 0x80, 0, 0))],
    [
      'surplus after key usage',
      oids.ku,
      Buffer.concat([derElement(tags.bitString, Uint8Array.of(7, 0x80)), derElement(5)]),
    ],
    ['a path length of a certificate that is no CA', oids.bc, derSequence(derInteger('0'))],
    ['a negative path length', oids.bc, derSequence(derBoolean(true), derElement(tags.integer, Uint8Array.of(0xff)))],
    ['a huge path length', oids.bc, derSequence(derBoolean(true), derInteger('ffffffff'))],
    ['no purposes', oids.eku, derSequence()],
    ['65 purposes', oids.eku, derSequence(...Array.from({ length: 65 }, () => derOid('1.2.3')))],
    ['no alternative names', oids.san, derSequence()],
    ['an alternative name of unknown tag', oids.san, derSequence(derElement(0x89))],
    ['an address of five octets', oids.san, derSequence(derElement(0x87, new Uint8Array(5)))],
    ['a host name with a high octet', oids.san, derSequence(derElement(0x82, Uint8Array.of(0xe9)))],
    ['257 alternative names', oids.san, derSequence(...Array.from({ length: 257 }, () => derText(0x82, 'a')))],
    ['empty name constraints', oids.nc, derSequence()],
    [
      'a constraint with a minimum',
      oids.nc,
      derSequence(derElement(0xa0, derSequence(derText(0x82, 'a'), derElement(0x80, Uint8Array.of(1))))),
    ],
    [
      'an address constraint without mask',
      oids.nc,
      derSequence(derElement(0xa0, derSequence(derElement(0x87, new Uint8Array(4))))),
    ],
  ]
  for (const [name, oid, valueDer] of rows) {
    t.throws(() => readCertificate(withExtensions([{ oid, critical: false, valueDer }])), unreadable, name)
  }
  const twice = { oid: '1.2.3.4', critical: false, valueDer: derElement(tags.null) }
  t.throws(() => readCertificate(withExtensions([twice, twice])), unreadable, 'the same extension twice')
})

t.test('defaults written out are read', async (t) => {
  const der = withExtensions([{ oid: '2.5.29.19', critical: false, valueDer: derSequence(derBoolean(false)) }])
  t.same(readCertificate(der).basicConstraints, { ca: false, pathLength: undefined })
})

/** A certificate put together by hand; the signature is never looked at. */
function handMade(parts: {
  version?: Uint8Array
  serial?: Uint8Array
  inner?: Uint8Array
  outer?: Uint8Array
  tail?: Uint8Array
}) {
  const algorithm = derSequence(derOid('1.2.840.10045.4.3.2'))
  const none = new Uint8Array()
  const name = encodeName([{ oid: '2.5.4.3', value: 'x' }])
  const time = derText(tags.utcTime, '260101000000Z')
  const signed = derSequence(
    parts.version ?? derElement(0xa0, derInteger('2')),
    parts.serial ?? derInteger('1'),
    parts.inner ?? algorithm,
    name,
    derSequence(time, time),
    name,
    readCertificate(ca.der).publicKeyDer,
    parts.tail ?? none,
  )
  return derSequence(signed, parts.outer ?? algorithm, derElement(tags.bitString, Uint8Array.of(0, 1)))
}

t.test('the fields around', async (t) => {
  t.equal(readCertificate(handMade({})).serial, '1')
  t.equal(readCertificate(handMade({ version: new Uint8Array() })).serial, '1', 'version 1')
  const extensions = derElement(0xa3, derSequence())
  const rows: Record<string, Uint8Array> = {
    'a zero serial': handMade({ serial: derInteger('0') }),
    'a negative serial': handMade({ serial: derElement(tags.integer, Uint8Array.of(0x80)) }),
    'a serial of 21 octets': handMade({ serial: derInteger('1'.repeat(42)) }),
    'a serial with a surplus zero': handMade({ serial: derElement(tags.integer, Uint8Array.of(0, 1)) }),
    'version 4': handMade({ version: derElement(0xa0, derInteger('3')) }),
    'two signature algorithms': handMade({ outer: derSequence(derOid('1.2.840.10045.4.3.3')) }),
    'extensions that are empty': handMade({ tail: extensions }),
    'extensions in version 1': handMade({ version: new Uint8Array(), tail: extensions }),
    'a field too many': handMade({ tail: derElement(0xa4) }),
    'surplus at the end': Buffer.concat([handMade({}), Uint8Array.of(0)]),
    nothing: new Uint8Array(),
    'far too many bytes': new Uint8Array(certificateBytesMax + 1),
  }
  for (const [name, der] of Object.entries(rows)) t.throws(() => readCertificate(der), unreadable, name)
})

t.test('certificates made by the openssl command', async (t) => {
  const folder = t.testdir()
  const make = (...options: string[]) => {
    const out = join(folder, 'out.pem')
    const fixed = ['req', '-x509', '-nodes', '-keyout', join(folder, 'out.key'), '-out', out, '-days', '10']
    execFileSync('openssl', [...fixed, ...options], { stdio: 'pipe' })
    const [der] = pemBlocks(execFileSync('openssl', ['x509', '-in', out]).toString(), 'CERTIFICATE')
    if (der === undefined) throw new Error('openssl made no certificate')
    return compareWithNode(t, der)
  }
  const rsa = ['-newkey', 'rsa:2048']
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  t.equal(make(...ec, '-subj', '/C=JP/O=Bank/OU=a+OU=b/CN=user01').subject.length, 5)
  t.same(make(...ec, '-utf8', '-subj', '/CN=利用者').subject, [{ oid: '2.5.4.3', value: '利用者' }])
  const pss = make(...rsa, '-subj', '/CN=x', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32')
  t.equal(pss.signatureAlgorithm.hash, 'sha256')
  const explicit = make(...ec, '-pkeyopt', 'ec_param_enc:explicit', '-subj', '/CN=x')
  t.same(explicit.publicKey, { algorithm: 'ec', curve: 'explicit', bits: 256 })
  const san = make(
    ...ec,
    '-subj',
    '/',
    '-addext',
    'subjectAltName=critical,email:a@b.jp,IP:::1,RID:1.2.3,otherName:1.2.3;UTF8:x',
  )
  t.same(
    san.subjectAltNames.map(({ kind }) => kind),
    ['email', 'ip', 'other', 'otherName'],
  )
  const constraints = make(
    ...[...ec, '-subj', '/CN=x', '-addext'],
    'nameConstraints=critical,permitted;email:.example.jp,permitted;DNS:a.jp,excluded;IP:10.0.0.0/255.0.0.0',
  )
  t.match(constraints.nameConstraints, {
    permitted: [{ kind: 'email', value: '.example.jp' }, { kind: 'dns' }],
    excluded: [{ kind: 'ip' }],
  })
  t.equal(make('-newkey', 'ed25519', '-subj', '/CN=x').publicKey.algorithm, 'ed25519')
})
