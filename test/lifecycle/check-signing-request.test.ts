// Goal: a certificate is made only from a request that asks for no more than this user may have. Method: one request a rule, each
// with a twin that is still allowed; RSA keys with planted weaknesses.
import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { checkSigningRequest, type RequestRules } from '../../src/lifecycle/check-signing-request.ts'
import { buildSigningRequest, type SigningRequestTemplate } from '../../src/x509/build-signing-request.ts'
import { type KeyType, parseCertificateProfile } from '../../src/x509/certificate-profile.ts'
import { tags } from '../../src/x509/der-reader.ts'
import { derBitString, derElement, derInteger, derOid, derSequence } from '../../src/x509/der-writer.ts'
import { oids } from '../../src/x509/oids.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { rsaKeyFault } from '../../src/x509/rsa-numbers.ts'
import { readSigningRequest } from '../../src/x509/signing-request.ts'
import { createTestCa, type KeyKind, makeKeys } from '../helpers/test-ca.ts'

const profile = (keyTypes: readonly KeyType[] = ['P-256', 'P-384', 'RSA-2048']) =>
  parseCertificateProfile({
    subject: ['C=JP', 'O=Sample Bank', 'OU={contractId}', 'CN={loginId}'],
    subjectAltNames: ['uri:urn:user:{loginId}', 'upn:{loginId}@bank.example'],
    keyTypes,
    validityDays: 365,
    crlUrls: [],
    caIssuersUrls: [],
    ocspUrls: [],
    policyOids: [],
  })
const rules: RequestRules = { profile: profile(), holder: { loginId: 'user01', contractId: 'shoji' } }
const cn = (value: string) => ({ oid: oids.commonName, value })

function request(template: Partial<SigningRequestTemplate> & { readonly kind?: KeyKind }) {
  const { kind = 'p256', ...rest } = template
  return readSigningRequest(buildSigningRequest({ privateKey: makeKeys(kind).privateKey, ...rest }).der)
}

function check(template: Parameters<typeof request>[0], changed: Partial<RequestRules> = {}): void {
  checkSigningRequest(request(template), { ...rules, ...changed })
}

const refused = (path: string, message = /./) => ({ code: 'signing_request_refused', path, message })

t.test('weak and unusual keys are refused, the profile’s are taken', async (t) => {
  for (const kind of ['p256', 'p384', 'rsa2048', 'rsa3072'] as KeyKind[]) t.doesNotThrow(() => check({ kind }), kind)
  for (const kind of ['p521', 'secp256k1', 'ed25519', 'rsa1024'] as KeyKind[]) {
    t.throws(() => check({ kind }), refused('key', /must be one of P-256, P-384, RSA of 2048 to 4096 bits/), kind)
  }
  const onlyP256 = { profile: profile(['P-256']) }
  t.doesNotThrow(() => check({}, onlyP256))
  t.throws(() => check({ kind: 'p384' }, onlyP256), refused('key'))
  t.throws(() => check({ kind: 'rsa2048' }, onlyP256), refused('key', /current value is RSA of 2048 bits/))
})

t.test('RSA keys made badly are found', async (t) => {
  const sound = createPublicKey(makeKeys('rsa2048').privateKey).export({ type: 'spki', format: 'der' })
  const { n = '' } = createPublicKey(makeKeys('rsa2048').privateKey).export({ format: 'jwk' })
  const modulus = Buffer.from(n, 'base64url').toString('hex')
  const key = (modulusHex: string, exponentHex: string, algorithm: string = oids.rsaEncryption) =>
    derSequence(
      derSequence(derOid(algorithm), derElement(tags.null)),
      derBitString(derSequence(derInteger(modulusHex), derInteger(exponentHex))),
    )
  t.equal(rsaKeyFault(sound), undefined)
  t.equal(rsaKeyFault(key(modulus, '10001')), undefined)
  t.match(rsaKeyFault(key(modulus, '3')), /exponent is 3/)
  t.match(rsaKeyFault(key(modulus, '10002')), /even/)
  t.match(rsaKeyFault(key(modulus, `1${'0'.repeat(63)}10001`)), /more than 256 bits/)
  t.match(rsaKeyFault(key(`1${modulus}`, '10001')), /whole number of octets/)
  const multiple = (BigInt(`0x${modulus}`) / 743n) * 743n
  t.match(rsaKeyFault(key(multiple.toString(16), '10001')), /small factor/)
  t.match(rsaKeyFault(key(modulus, '10001', oids.rsassaPss)), /RSASSA-PSS/)
})

t.test('a request signed with SHA-1 is refused', async (t) => {
  t.throws(() => check({ hash: 'sha1' }), refused('signature', /sha1/))
  t.throws(() => check({ kind: 'rsa2048', hash: 'sha1' }), refused('signature'))
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) t.doesNotThrow(() => check({ hash }))
})

t.test('R2: a foreign subject is refused, an empty one and the user’s own are taken', async (t) => {
  const own = [
    { oid: oids.countryName, value: 'JP' },
    { oid: oids.organizationName, value: 'Sample Bank' },
    { oid: oids.organizationalUnitName, value: 'shoji' },
    cn('user01'),
  ]
  for (const subject of [[], [cn('user01')], own]) t.doesNotThrow(() => check({ subject }))
  for (const subject of [
    [cn('user02')],
    [cn('USER01')],
    [cn('user01'), cn('user02')],
    [cn('ｕｓｅｒ01')],
    [{ oid: oids.organizationName, value: 'Other Bank' }, cn('user01')],
    [{ oid: oids.emailAddress, value: 'user01' }],
  ]) {
    t.throws(() => check({ subject }), refused('subject', /empty or this user’s own/), JSON.stringify(subject))
  }
})

t.test('foreign alternative names are refused, the user’s own are taken', async (t) => {
  const own = [
    { kind: 'uri', value: 'urn:user:user01' },
    { kind: 'otherName', oid: oids.userPrincipalName, value: 'user01@bank.example' },
  ] as const
  t.doesNotThrow(() => check({ extensions: { subjectAltNames: own } }))
  t.doesNotThrow(() => check({ extensions: { subjectAltNames: [own[1]] } }))
  for (const name of [
    { kind: 'uri', value: 'urn:user:user02' },
    { kind: 'dns', value: 'bank.example' },
    { kind: 'otherName', oid: '1.2.3', value: 'user01@bank.example' },
    { kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) },
  ] as const) {
    t.throws(() => check({ extensions: { subjectAltNames: [own[0], name] } }), refused('subjectAltName'))
  }
})

t.test('forbidden extensions are refused, harmless ones are passed over', async (t) => {
  t.doesNotThrow(() =>
    check({
      challengePassword: 'x',
      extensions: {
        basicConstraints: { ca: false },
        keyUsage: ['digitalSignature', 'keyEncipherment'],
        extendedKeyUsage: [oids.clientAuth],
        otherExtensions: [{ oid: '1.3.6.1.4.1.311.21.7', critical: false, valueDer: derSequence() }],
      },
    }),
  )
  const uses: [string, NonNullable<SigningRequestTemplate['extensions']>][] = [
    ['basicConstraints', { basicConstraints: { ca: true } }],
    ['keyUsage', { keyUsage: ['digitalSignature', 'keyCertSign'] }],
    ['keyUsage', { keyUsage: ['cRLSign'] }],
    ['extendedKeyUsage', { extendedKeyUsage: [oids.clientAuth, oids.serverAuth] }],
    ['extendedKeyUsage', { extendedKeyUsage: [oids.anyExtendedKeyUsage] }],
    ['nameConstraints', { nameConstraints: { permitted: [{ kind: 'dns', value: 'x' }], excluded: [] } }],
    ['1.2.3', { otherExtensions: [{ oid: '1.2.3', critical: true, valueDer: derSequence() }] }],
  ]
  for (const [path, extensions] of uses) t.throws(() => check({ extensions }), refused(path), path)
})

t.test('R20: over EST a renewal keeps subject and alternative names as they were', async (t) => {
  const ca = createTestCa({ commonName: 'ca' })
  const subject = [{ oid: oids.organizationName, value: 'Old Bank' }, cn('user01')]
  const names = [{ kind: 'uri', value: 'urn:old:user01' }] as const
  const renews = readCertificate(ca.issueClient({ commonName: '', subject, subjectAltNames: names }).der)
  const extensions = { subjectAltNames: names }
  t.doesNotThrow(() => check({ subject, extensions }, { renews }), 'also when the profile has changed since')
  for (const other of [[], [cn('user01')], [...subject].reverse(), [...subject, cn('user01')]]) {
    t.throws(() => check({ subject: other, extensions }, { renews }), refused('subject', /RFC 7030/))
  }
  t.throws(() => check({ subject }, { renews }), refused('subjectAltName', /RFC 7030/))
  const more = { subjectAltNames: [...names, { kind: 'dns', value: 'x' }] as const }
  t.throws(() => check({ subject, extensions: more }, { renews }), refused('subjectAltName'))
  t.throws(() => check({ subject, extensions, kind: 'p521' }, { renews }), refused('key'), 'other rules still hold')
})
