// Goal: what is said of a certificate for good: its issuer by key and not by name, its strength, its use, its identity.
// Method: certificates of several CAs, some of the same name; the earliest fault in judging order is named (the order of
// all pairs is in judging-order.test.ts).
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { formOpinion } from '../../src/trust/certificate-opinion.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { oids } from '../../src/x509/oids.ts'
import { type ClientOptions, createTestCa, type KeyKind, type TestCa } from '../helpers/test-ca.ts'

const root = createTestCa({ commonName: 'root', notAfterMs: systemClock.nowMs() + 86_400_000 * 400 })
const first = root.childCa({ commonName: 'issuing' })
const rekeyed = root.childCa({ commonName: 'issuing' })
const configured = (ca: TestCa, name: string) =>
  readIssuingCa({ name, certificatePem: ca.certificatePem, chainPems: ca.parentPems }, systemClock.nowMs())
const rules = {
  issuers: [configured(first, 'first'), configured(rekeyed, 'rekeyed')],
  loginId: { from: 'commonName' },
  rsaBitsMin: 2_048,
} as const
const opinionOf = (ca: TestCa, options: Partial<ClientOptions> = {}) =>
  formOpinion(ca.issueClient({ commonName: 'user01', ...options }).der, rules)

t.test('of two configured CAs with one name, the one whose key signed counts', async (t) => {
  t.match(opinionOf(first), { fault: undefined, issuer: { name: 'first', issuerId: first.issuerId } })
  t.match(opinionOf(rekeyed), { fault: undefined, issuer: { name: 'rekeyed', issuerId: rekeyed.issuerId } })
  const third = root.childCa({ commonName: 'issuing' })
  t.match(opinionOf(third), {
    fault: { reason: 'issuer_not_trusted', detail: /not signed by the key/ },
    key: undefined,
  })
  t.match(opinionOf(root), { fault: { reason: 'issuer_not_trusted', detail: /no configured issuing CA/ } })
})

t.test('identity is issuer and serial; the entries in the index follow from it', async (t) => {
  const [one, other] = [opinionOf(first, { serial: '4f' }), opinionOf(rekeyed, { serial: '4f' })]
  t.equal(one.key, `${first.issuerId}:4f`)
  t.not(one.key, other.key)
  t.strictSame(one.revokedEntry, fingerprintOf('revoked', `${first.issuerId}:4f`))
  t.strictSame(one.supersededEntry, fingerprintOf('superseded', `${first.issuerId}:4f`))
  t.strictSame(one.suspendedEntry, fingerprintOf('suspended', 'user01'))
  t.strictSame(one.ruleSubject, {
    issuerId: first.issuerId,
    loginEntry: fingerprintOf('login_rule', 'user01'),
    notBeforeMs: one.certificate.notBeforeMs,
  })
  t.equal(opinionOf(root).ruleSubject, undefined, 'no rule is on a CA that is not configured')
  t.equal(opinionOf(first, { commonName: undefined }).ruleSubject?.loginEntry, undefined)
  t.match(one.presented, { serial: '4f', subjectCommonName: 'user01', issuerCommonName: 'issuing' })
})

t.test('the window of the chain is the narrowest of all CAs in it', async (t) => {
  const opinion = opinionOf(first)
  const [issuer] = rules.issuers
  t.equal(opinion.issuerValidToMs, issuer.chain[0]?.notAfterMs)
  t.equal(opinion.issuerValidFromMs, Math.max(issuer.certificate.notBeforeMs, issuer.chain[0]?.notBeforeMs ?? 0))
})

t.test('strength', async (t) => {
  for (const keyKind of ['p256', 'p384', 'p521', 'rsa2048', 'rsa3072', 'ed25519', 'ed448'] satisfies KeyKind[]) {
    t.equal(opinionOf(first, { keyKind }).fault, undefined, keyKind)
  }
  for (const keyKind of ['rsa1024', 'p192', 'secp256k1'] satisfies KeyKind[]) {
    t.match(opinionOf(first, { keyKind }), { fault: { reason: 'key_too_weak' } }, keyKind)
  }
  t.match(opinionOf(first, { hash: 'sha1' }), { fault: { reason: 'key_too_weak', detail: /sha1/ } })
})

t.test('use: an absent extension restricts nothing, a present one must name client authentication', async (t) => {
  t.equal(opinionOf(first, { keyUsage: null, extendedKeyUsage: null, basicConstraints: null }).fault, undefined)
  t.equal(opinionOf(first, { extendedKeyUsage: [oids.serverAuth, oids.clientAuth] }).fault, undefined)
  const refused: Partial<ClientOptions>[] = [
    { extendedKeyUsage: [oids.serverAuth] },
    { extendedKeyUsage: [oids.anyExtendedKeyUsage] },
    { keyUsage: ['keyEncipherment'] },
    { keyUsage: ['keyCertSign'] },
    { basicConstraints: { ca: true } },
  ]
  for (const options of refused) {
    t.match(opinionOf(first, options), { fault: { reason: 'usage_not_allowed' } }, JSON.stringify(options))
  }
})

t.test('an unknown critical extension makes it unreadable, one that is not critical does not', async (t) => {
  const extension = (critical: boolean) => [{ oid: '1.2.3.4', critical, valueDer: Uint8Array.of(5, 0) }]
  t.match(opinionOf(first, { otherExtensions: extension(true) }), {
    fault: { reason: 'certificate_unreadable', detail: /1\.2\.3\.4/ },
  })
  t.equal(opinionOf(first, { otherExtensions: extension(false) }).fault, undefined)
})

t.test('bytes that are no certificate', async (t) => {
  for (const der of [new Uint8Array(), Uint8Array.of(0x30, 0), Uint8Array.of(1, 2, 3)]) {
    t.throws(() => formOpinion(der, rules), { code: 'certificate_unreadable' })
  }
})

t.test('a certificate without a login ID has an opinion all the same; the reason says what is missing', async (t) => {
  t.match(opinionOf(first, { commonName: undefined }), {
    fault: undefined,
    loginId: undefined,
    loginIdMissing: 'no common name',
    suspendedEntry: undefined,
  })
})
