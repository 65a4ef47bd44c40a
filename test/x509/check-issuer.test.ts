// Goal: a certificate counts as issued by a CA only if name, key, path length and name constraints all say so.
// Method: a matrix of CAs and leaves made in memory, one thing wrong at a time.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { issuerFault } from '../../src/x509/check-issuer.ts'
import { type IssuingCa, readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { readCertificate } from '../../src/x509/read-certificate.ts'
import { isSignedBy } from '../../src/x509/verify-signature.ts'
import { createTestCa, type KeyKind, type TestCa, type TestCertificate } from '../helpers/test-ca.ts'

const issuerOf = (ca: TestCa, chainPems = ca.parentPems): IssuingCa =>
  readIssuingCa({ name: ca.commonName, certificatePem: ca.certificatePem, chainPems }, systemClock.nowMs())
const faultOf = ({ der }: Pick<TestCertificate, 'der'>, issuer: IssuingCa) =>
  issuerFault(der, readCertificate(der), issuer)

const root = createTestCa({ commonName: 'root' })
const issuing = root.childCa({ commonName: 'issuing', pathLength: 0 })
const other = root.childCa({ commonName: 'other', pathLength: 0 })
const twin = root.childCa({ commonName: 'issuing', pathLength: 0 })

t.test('issued', async (t) => {
  t.equal(faultOf(issuing.issueClient({ commonName: 'user01' }), issuerOf(issuing)), undefined)
  t.equal(faultOf(issuing.issueClient({ commonName: 'user01' }), issuerOf(issuing, [])), undefined, 'without a chain')
  t.equal(faultOf(root.issueClient({ commonName: 'user01' }), issuerOf(root)), undefined, 'by a root')
  for (const keyKind of ['p384', 'p521', 'rsa2048', 'ed25519', 'ed448'] as KeyKind[]) {
    const ca = createTestCa({ commonName: keyKind, keyKind })
    t.equal(faultOf(ca.issueClient({ commonName: 'user01' }), issuerOf(ca)), undefined, keyKind)
  }
  for (const hash of ['sha1', 'sha384', 'sha512'] as const) {
    t.equal(
      faultOf(issuing.issueClient({ commonName: 'x', hash }), issuerOf(issuing)),
      undefined,
      `${hash}: weak is another matter`,
    )
  }
})

t.test('not issued', async (t) => {
  const leaf = issuing.issueClient({ commonName: 'user01' })
  t.equal(faultOf(leaf, issuerOf(other)), 'name')
  t.equal(faultOf(leaf, issuerOf(root)), 'name', 'the CA above is not the issuer')
  t.equal(faultOf(leaf, issuerOf(twin)), 'signature', 'same name, other key')
  t.equal(faultOf(twin.issueClient({ commonName: 'user01' }), issuerOf(issuing)), 'signature')
  t.equal(faultOf(issuing.childCa({ commonName: 'below' }).issueClient({ commonName: 'x' }), issuerOf(issuing)), 'name')
  const rsaTwin = createTestCa({ commonName: 'issuing', keyKind: 'rsa2048' })
  t.equal(faultOf(rsaTwin.issueClient({ commonName: 'x' }), issuerOf(issuing)), 'signature', 'a key of another kind')
})

t.test('one changed bit anywhere in what is signed', async (t) => {
  const { der } = issuing.issueClient({ commonName: 'user01' })
  const issuer = issuerOf(issuing)
  const at = Buffer.from(der).indexOf('user01')
  const forged = Uint8Array.from(der)
  forged[at + 5] = '2'.charCodeAt(0)
  t.equal(readCertificate(forged).subject.at(-1)?.value, 'user02')
  t.equal(faultOf({ der: forged }, issuer), 'signature')
  const signature = Uint8Array.from(der)
  signature[der.length - 1] = (signature[der.length - 1] as number) ^ 1
  t.equal(faultOf({ der: signature }, issuer), 'signature')
  t.equal(isSignedBy(der, issuer.publicKey), true)
})

t.test('path length', async (t) => {
  const deep = issuing.childCa({ commonName: 'deep' })
  const leaf = deep.issueClient({ commonName: 'user01' })
  t.equal(faultOf(leaf, issuerOf(deep, [])), undefined, 'nothing is known of the CAs above')
  const above = [readCertificate(issuing.der), readCertificate(root.der)]
  t.equal(faultOf(leaf, { ...issuerOf(deep, []), chain: above }), 'path_length')
})

t.test('name constraints, of the issuer and of each CA above', async (t) => {
  const constraints = { permitted: [{ kind: 'email', value: 'example.jp' } as const], excluded: [] }
  const narrowRoot = createTestCa({ commonName: 'narrow', nameConstraints: constraints })
  const below = narrowRoot.childCa({ commonName: 'below' })
  const narrow = root.childCa({ commonName: 'narrow issuer', nameConstraints: constraints })
  for (const ca of [below, narrow]) {
    const withMail = (value: string) => ca.issueClient({ commonName: 'x', subjectAltNames: [{ kind: 'email', value }] })
    t.equal(faultOf(withMail('a@example.jp'), issuerOf(ca)), undefined)
    t.equal(faultOf(withMail('a@example.com'), issuerOf(ca)), 'name_constraints')
    t.equal(faultOf(ca.issueClient({ commonName: 'x' }), issuerOf(ca)), undefined, 'no name of that kind')
  }
  t.equal(
    faultOf(
      below.issueClient({ commonName: 'x', subjectAltNames: [{ kind: 'email', value: 'a@b.c' }] }),
      issuerOf(below, []),
    ),
    undefined,
    'a chain that is not configured binds nobody',
  )
})
