// Goal: after a reload a certificate is read anew only where the rules or its issuer changed, and then it always is.
// Method: readers made one from the other, as reloads do; whether the same object comes back tells which it was.
import t from 'tap'
import { CertificateReader } from '../../src/data-path/presented-certificate.ts'
import { formOpinion, type OpinionRules } from '../../src/trust/certificate-opinion.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { createTestCa, type TestCa } from '../helpers/test-ca.ts'

const issuerOf = (ca: TestCa) =>
  readIssuingCa({ name: ca.commonName, certificatePem: ca.certificatePem, chainPems: [] }, Date.now())
const [firstCa, secondCa] = [createTestCa({ commonName: 'first-ca' }), createTestCa({ commonName: 'second-ca' })]
const [first, second] = [issuerOf(firstCa), issuerOf(secondCa)]
const rules: OpinionRules = { issuers: [first], loginId: { from: 'commonName' }, rsaBitsMin: 2_048 }
const der = Buffer.from(firstCa.issueClient({ commonName: 'user01' }).der)
const presented = { kind: 'certificate', opinion: formOpinion(der, rules), opensslFault: undefined } as const

/** What a reader with these rules says that follows one with `rules`. */
const after = (next: Partial<OpinionRules>) =>
  new CertificateReader({ ...rules, ...next }, new CertificateReader(rules)).readAgain(der, presented)

t.test('what did not change for a certificate is not read anew', async (t) => {
  t.equal(after({}), presented)
  t.equal(after({ issuers: [second, first] }), presented, 'other issuers come and go')
})

t.test('an issuer that is gone, or another one under the same name', async (t) => {
  t.match(after({ issuers: [second] }), { opinion: { fault: { reason: 'issuer_not_trusted' }, issuer: undefined } })
  const impostor = issuerOf(createTestCa({ commonName: 'first-ca' }))
  t.match(after({ issuers: [impostor] }), { opinion: { fault: { reason: 'issuer_not_trusted' } } })
  const again = after({ issuers: [issuerOf(firstCa)] })
  t.not(again, presented)
  t.match(again, { opinion: { fault: undefined, loginId: 'user01' } })
})

t.test('other rules', async (t) => {
  t.not(after({ rsaBitsMin: 3_072 }), presented)
  const renamed = after({ loginId: { from: 'subjectAttribute', oid: '2.5.4.11' } })
  t.match(renamed, { opinion: { loginId: undefined } })
})

t.test('an issuer that was added since makes a certificate good that was refused', async (t) => {
  const other = Buffer.from(secondCa.issueClient({ commonName: 'user02' }).der)
  const refused = { kind: 'certificate', opinion: formOpinion(other, rules), opensslFault: 'UNKNOWN' } as const
  const next = new CertificateReader({ ...rules, issuers: [first, second] }, new CertificateReader(rules))
  t.match(next.readAgain(other, refused), { opinion: { fault: undefined }, opensslFault: 'UNKNOWN' })
})
