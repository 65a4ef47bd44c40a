// Goal: name constraints hold for every name of a certificate (RFC 5280 4.2.1.10); what cannot be judged is refused.
// Method: a table for each kind of name; each row a constraint, a name, and whether the name lies within it.
import t from 'tap'
import type { GeneralName, NameAttribute, NameConstraints } from '../../src/x509/client-certificate.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { nameConstraintFault } from '../../src/x509/name-constraints.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { createTestCa } from '../helpers/test-ca.ts'

const ca = createTestCa({ commonName: 'ca' })
const template = readCertificate(ca.issueClient({ commonName: 'x' }).der)

function faultOf(name: GeneralName | readonly NameAttribute[], constraints: Partial<NameConstraints>) {
  const subject = 'kind' in name ? [] : name
  const certificate = {
    ...template,
    subject,
    subjectNameDer: encodeName(subject),
    subjectAltNames: 'kind' in name ? [name] : [],
  }
  return nameConstraintFault(certificate, { permitted: [], excluded: [], ...constraints })
}

type Row = [base: string, name: string, within: boolean]

for (const [kind, rows] of Object.entries({
  dns: [
    ['example.jp', 'example.jp', true],
    ['example.jp', 'a.b.example.jp', true],
    ['example.jp', 'A.EXAMPLE.JP', true],
    ['EXAMPLE.jp', 'example.jp.', true],
    ['example.jp', 'badexample.jp', false],
    ['example.jp', 'jp', false],
    ['.example.jp', 'a.example.jp', true],
    ['.example.jp', 'example.jp', false],
    ['', 'anything.jp', true],
  ],
  email: [
    ['a@example.jp', 'a@example.jp', true],
    ['a@example.jp', 'a@EXAMPLE.JP', true],
    ['a@example.jp', 'b@example.jp', false],
    ['example.jp', 'b@example.jp', true],
    ['example.jp', 'b@a.example.jp', false],
    ['.example.jp', 'b@a.example.jp', true],
    ['.example.jp', 'b@example.jp', false],
    ['example.jp', 'b@badexample.jp', false],
  ],
  uri: [
    ['example.jp', 'https://example.jp/path', true],
    ['example.jp', 'https://user@EXAMPLE.jp:8443?x', true],
    ['example.jp', 'https://a.example.jp/', false],
    ['.example.jp', 'ldap://a.example.jp', true],
    ['.example.jp', 'ldap://example.jp', false],
    ['example.jp', 'https://example.com/@example.jp', false],
  ],
} satisfies Record<string, Row[]>)) {
  t.test(`${kind} names`, async (t) => {
    for (const [base, value, within] of rows as Row[]) {
      const name = { kind, value } as GeneralName
      const bases = [{ kind, value: base } as GeneralName]
      t.equal(faultOf(name, { permitted: bases }) === undefined, within, `${value} within ${base}`)
      t.equal(faultOf(name, { excluded: bases }) !== undefined, within, `${value} excluded by ${base}`)
    }
  })
}

t.test('what cannot be compared is refused both ways', async (t) => {
  const rows: [string, string, string][] = [
    ['dns', 'example.jp', 'bad host'],
    ['dns', 'example.jp', 'a\0.example.jp'],
    ['email', 'example.jp', 'no-at-sign'],
    ['email', 'example.jp', '@example.jp'],
    ['uri', 'example.jp', 'urn:user:01'],
    ['uri', 'example.jp', 'https://192.0.2.1/'],
    ['uri', 'example.jp', 'https://[2001:db8::1]/'],
    ['uri', 'example.jp', 'https://a@b@example.jp/'],
    ['uri', 'example.jp', 'https://example.com\\@example.jp/'],
  ]
  for (const [kind, base, value] of rows) {
    const bases = [{ kind, value: base } as GeneralName]
    t.ok(faultOf({ kind, value } as GeneralName, { permitted: bases }), `${JSON.stringify(value)} not permitted`)
    t.ok(faultOf({ kind, value } as GeneralName, { excluded: bases }), `${JSON.stringify(value)} excluded`)
  }
  t.ok(
    faultOf({ kind: 'dns', value: '*.example.jp' }, { excluded: [{ kind: 'dns', value: 'a.example.jp' }] }),
    'a wildcard',
  )
  t.ok(
    faultOf({ kind: 'email', value: 'A@example.jp' }, { excluded: [{ kind: 'email', value: 'a@example.jp' }] }),
    'case',
  )
  const other: GeneralName = { kind: 'otherName', oid: '1.2.3', value: 'x' }
  t.ok(faultOf(other, { permitted: [other] }))
  t.ok(faultOf(other, { excluded: [{ ...other, value: 'y' }] }))
  t.equal(faultOf(other, { excluded: [{ ...other, oid: '1.2.4' }] }), undefined, 'another type of otherName')
  t.ok(faultOf({ kind: 'other', tag: 8 }, { permitted: [{ kind: 'other', tag: 8 }] }))
  t.equal(faultOf({ kind: 'other', tag: 8 }, { permitted: [{ kind: 'other', tag: 3 }] }), undefined)
})

t.test('addresses', async (t) => {
  const ip = (...bytes: number[]): GeneralName => ({ kind: 'ip', bytes: Uint8Array.from(bytes) })
  const ten = ip(10, 0, 0, 0, 255, 0, 0, 0)
  t.equal(faultOf(ip(10, 1, 2, 3), { permitted: [ten] }), undefined)
  t.ok(faultOf(ip(11, 1, 2, 3), { permitted: [ten] }))
  t.ok(faultOf(ip(10, 1, 2, 3), { excluded: [ten] }))
  t.equal(faultOf(ip(11, 1, 2, 3), { excluded: [ten] }), undefined)
  const six = ip(0x20, 1, 0x0d, 0xb8, ...Array<number>(12).fill(0))
  t.ok(faultOf(six, { permitted: [ten] }), 'another family is outside')
  t.equal(faultOf(six, { permitted: [ten, ip(...Array<number>(32).fill(0))] }), undefined)
})

t.test('directory names', async (t) => {
  const subject = (...values: string[]) =>
    values.map((value, index) => ({ oid: ['2.5.4.6', '2.5.4.10', '2.5.4.11', '2.5.4.3'][index] ?? '', value }))
  const base = (...values: string[]): GeneralName => ({ kind: 'directoryName', der: encodeName(subject(...values)) })
  const user = subject('JP', 'Demo Bank', 'demo-shoji', 'user01')
  t.equal(faultOf(user, { permitted: [base('JP', 'Demo Bank')] }), undefined)
  t.equal(faultOf(user, { permitted: [base('JP', 'DEMO  bank')] }), undefined, 'case and white space do not count')
  t.equal(faultOf(user, { permitted: [base('JP', 'ＤＥＭＯ Bank')] }), undefined, 'nor does width')
  t.ok(faultOf(user, { permitted: [base('JP', 'Other Bank')] }))
  t.ok(faultOf(user, { permitted: [base('JP', 'Demo')] }), 'a part of a value is not the value')
  t.ok(faultOf(user, { permitted: [base('JP', 'Demo Bank', 'demo-shoji', 'user01', 'more')] }), 'longer than the name')
  t.ok(faultOf(user, { excluded: [base('JP', 'demo bank')] }))
  t.equal(faultOf(user, { permitted: [base('US'), base('JP')] }), undefined, 'one of several is enough')
  t.ok(faultOf(user, { permitted: [base('JP')], excluded: [base('JP', 'Demo Bank')] }), 'excluded wins')
  t.equal(faultOf([], { permitted: [base('JP')] }), undefined, 'an empty subject is no name')
  const san: GeneralName = { kind: 'directoryName', der: encodeName(subject('US')) }
  t.ok(faultOf(san, { permitted: [base('JP')] }), 'alternative directory names count')
})

t.test('e-mail attributes of the subject', async (t) => {
  const subject = [{ oid: '1.2.840.113549.1.9.1', value: 'a@example.com' }]
  t.ok(faultOf(subject, { permitted: [{ kind: 'email', value: 'example.jp' }] }))
  t.equal(faultOf(subject, { permitted: [{ kind: 'email', value: 'example.com' }] }), undefined)
})
