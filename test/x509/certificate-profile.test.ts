// Goal: templates become the names and dates they describe, and nothing that RFC 5280 or a door would not take gets into a
// certificate. Method: good and bad settings, users whose login IDs do not fit, dates at the edges.
import t from 'tap'
import {
  altNamesFor,
  type ProfileSettings,
  parseCertificateProfile,
  subjectFor,
  validityFor,
} from '../../src/x509/certificate-profile.ts'
import { oids } from '../../src/x509/oids.ts'

const settings: ProfileSettings = {
  subject: ['C=JP', 'O=銀行 Sample', 'OU={contractId}', 'CN={loginId}'],
  subjectAltNames: ['uri:urn:user:{loginId}', 'email:{loginId}@bank.example', 'upn:{loginId}@{contractId}.example'],
  keyTypes: ['P-256'],
  validityDays: 365,
  crlUrls: [],
  caIssuersUrls: [],
  ocspUrls: [],
  policyOids: [],
}
const holder = { loginId: 'user01', contractId: 'shoji' }

t.test('R12: CN is the login ID, the service stands in O and OU', async (t) => {
  const profile = parseCertificateProfile(settings)
  t.same(subjectFor(profile, holder), [
    { oid: oids.countryName, value: 'JP' },
    { oid: oids.organizationName, value: '銀行 Sample' },
    { oid: oids.organizationalUnitName, value: 'shoji' },
    { oid: oids.commonName, value: 'user01' },
  ])
  t.same(altNamesFor(profile, holder), [
    { kind: 'uri', value: 'urn:user:user01' },
    { kind: 'email', value: 'user01@bank.example' },
    { kind: 'otherName', oid: oids.userPrincipalName, value: 'user01@shoji.example' },
  ])
})

t.test('a placeholder in a value is not looked at again', async (t) => {
  const profile = parseCertificateProfile({ ...settings, subject: ['CN={loginId}'], subjectAltNames: [] })
  t.same(subjectFor(profile, { loginId: '{contractId}$&', contractId: 'x' }), [
    { oid: oids.commonName, value: '{contractId}$&' },
  ])
})

t.test('settings that cannot be used name the field and what belongs there', async (t) => {
  const subjects: [string, RegExp][] = [
    ['X=1', /one of C, ST, L, O, OU, CN, serialNumber and =/],
    ['toString=1', /one of C/],
    ['C=jp', /two capital letters/],
    ['C={contractId}', /two capital letters/],
    ['O=', /text without control characters/],
    [`O=${'x'.repeat(65)}`, /at most 64 characters are allowed and it has 65/],
    ['O=a\u0000b', /without control characters/],
    ['O= x', /without control characters/],
    ['serialNumber=a_b', /PrintableString/],
    ['CN={loginid}', /no placeholders but/],
    ['CN={loginId', /no placeholders but/],
  ]
  for (const [text, message] of subjects) {
    const parse = () => parseCertificateProfile({ ...settings, subject: ['CN={loginId}', text] })
    t.throws(parse, { code: 'config_invalid', path: 'subject[1]', message }, text)
  }
  for (const text of ['dns:x', 'uri:no-scheme', 'uri:urn:{loginId} x', 'email:{loginId}', 'upn:']) {
    const parse = () => parseCertificateProfile({ ...settings, subjectAltNames: [text] })
    t.throws(parse, { code: 'config_invalid', path: 'subjectAltNames[0]' }, text)
  }
  const nameless = () => parseCertificateProfile({ ...settings, subject: ['CN=x'], subjectAltNames: [] })
  t.throws(nameless, { code: 'config_invalid', path: 'subject' })
  t.ok(parseCertificateProfile({ ...settings, subject: ['CN=x', `O=${'x'.repeat(64)}`] }), 'a name may be elsewhere')
})

t.test('login IDs that no door would take, or that do not fit, are refused', async (t) => {
  const profile = parseCertificateProfile({ ...settings, subject: ['CN=x-{loginId}', 'serialNumber={loginId}'] })
  const refused = { code: 'login_id_invalid' }
  for (const loginId of ['', 'a b', 'a\u0007', 'ｕｓｅｒ', 'x'.repeat(65), 'x'.repeat(63), 'user_01']) {
    t.throws(() => subjectFor(profile, { ...holder, loginId }), refused, JSON.stringify(loginId))
  }
  t.ok(subjectFor(profile, { ...holder, loginId: 'x'.repeat(62) }), 'just fits')
  const names = parseCertificateProfile(settings)
  for (const loginId of ['a#b', 'a%b', 'a<b'])
    t.throws(() => altNamesFor(names, { ...holder, loginId }), refused, loginId)
  t.throws(() => subjectFor(names, { ...holder, contractId: 'x'.repeat(65) }), refused)
})

t.test('R5: valid for the configured days from its issue, within its issuer', async (t) => {
  const profile = parseCertificateProfile(settings)
  const issuedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
  const issuer = { notBeforeMs: Date.UTC(2025, 0, 1), notAfterMs: Date.UTC(2030, 0, 1) }
  t.same(validityFor(profile, { issuedAtMs, backdateSeconds: 300, issuer }), {
    notBeforeMs: Date.UTC(2026, 0, 2, 2, 59, 5),
    notAfterMs: Date.UTC(2027, 0, 2, 3, 4, 5),
  })
  const afterRevocation = validityFor(profile, { issuedAtMs, backdateSeconds: 300, issuer, notBeforeMs: issuedAtMs })
  t.equal(
    afterRevocation.notBeforeMs,
    Date.UTC(2026, 0, 2, 3, 4, 6),
    'not before what is asked for, to the whole second',
  )
  const short = { notBeforeMs: issuedAtMs - 1_678, notAfterMs: Date.UTC(2026, 5, 1) }
  t.same(validityFor(profile, { issuedAtMs, backdateSeconds: 300, issuer: short }), short)
})
