// Goal: a certificate names exactly one login ID, from the configured place, or none (R2).
// Method: every source with none, one, several and ill-formed values.
import t from 'tap'
import { findLoginId } from '../../src/trust/login-id.ts'
import type { ClientCertificate, GeneralName } from '../../src/x509/client-certificate.ts'
import { oids } from '../../src/x509/oids.ts'

type Names = { subject?: ClientCertificate['subject']; subjectAltNames?: readonly GeneralName[] }

function certificate({ subject = [], subjectAltNames = [] }: Names): ClientCertificate {
  return { subject, subjectAltNames } as unknown as ClientCertificate
}

const cn = (...values: string[]) => certificate({ subject: values.map((value) => ({ oid: oids.commonName, value })) })
const uris = (...values: string[]) => certificate({ subjectAltNames: values.map((value) => ({ kind: 'uri', value })) })

t.test('common name', async (t) => {
  const from = { from: 'commonName' } as const
  t.strictSame(findLoginId(cn('user01'), from), { loginId: 'user01' })
  t.match(findLoginId(cn(), from), { missing: 'no common name' })
  t.match(findLoginId(cn('user01', 'user02'), from), { missing: /2 values/ })
  for (const value of ['', 'a b', 'a\0', '\t', 'é', 'ａ', 'x'.repeat(65)]) {
    t.match(findLoginId(cn(value), from), { missing: /1 to 64 visible ASCII/ }, JSON.stringify(value))
  }
})

t.test('another subject attribute', async (t) => {
  const from = { from: 'subjectAttribute', oid: '2.5.4.5' } as const
  const subject = [
    { oid: oids.commonName, value: 'Taro Yamada' },
    { oid: '2.5.4.5', value: 'user01' },
  ]
  t.strictSame(findLoginId(certificate({ subject }), from), { loginId: 'user01' })
  t.match(findLoginId(cn('user01'), from), { missing: 'no subject attribute 2.5.4.5' })
})

t.test('URI with a prefix; other URIs do not count', async (t) => {
  const from = { from: 'sanUri', prefix: 'urn:login:' } as const
  t.strictSame(findLoginId(uris('https://x.test/', 'urn:login:user01'), from), { loginId: 'user01' })
  t.match(findLoginId(uris('urn:login:user01', 'urn:login:user02'), from), { missing: /2 values/ })
  t.match(findLoginId(uris('URN:login:user01'), from), { missing: /no SAN URI/ })
  const email = certificate({ subjectAltNames: [{ kind: 'email', value: 'urn:login:user01' }] })
  t.match(findLoginId(email, from), { missing: /no SAN URI/ }, 'a name of another kind is no URI')
})

t.test('otherName by its type; one that is no character string does not count', async (t) => {
  const from = { from: 'sanOtherName', oid: '1.2.3' } as const
  const names = (...values: (string | undefined)[]) =>
    certificate({ subjectAltNames: values.map((value) => ({ kind: 'otherName', oid: '1.2.3', value })) })
  t.strictSame(findLoginId(names('user01'), from), { loginId: 'user01' })
  t.strictSame(findLoginId(names(undefined, 'user01'), from), { loginId: 'user01' })
  t.match(findLoginId(names(undefined), from), { missing: /no SAN otherName/ })
  const other = certificate({ subjectAltNames: [{ kind: 'otherName', oid: '1.2.4', value: 'user01' }] })
  t.match(findLoginId(other, from), { missing: /no SAN otherName/ })
})
