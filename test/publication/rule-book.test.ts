// Goal: rules put those certificates on the list that the doors refuse because of them, and no others.
// Method: random rules, certificates and restores; the shared index, which the doors ask, gives the answer that is wanted.
import t from 'tap'
import type { RuleRecord } from '../../src/control-path/store-port.ts'
import { RuleBook } from '../../src/publication/rule-book.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { futureMs, issuerA, issuerB } from '../store/samples.ts'

t.test('as the doors judge', async (t) => {
  const index = new RevocationIndexWriter()
  const book = new RuleBook(issuerA, index)
  const random = (below: number) => Math.floor(Math.random() * below)
  const why = { reason: 'keyCompromise', comment: '', actor: '', publishedAtMs: 0 } as const
  const withdrawn: string[] = []
  for (let version = 1; version <= 40; version++) {
    const notBeforeMaxMs = random(100) * 1_000 + random(1_000)
    const issuerId = version % 8 === 1 ? issuerB : issuerA
    const range = {
      by: 'issuer',
      issuerId,
      notBeforeMinMs: Math.max(0, notBeforeMaxMs - 5_500),
      notBeforeMaxMs,
    } as const
    const rule = version % 4 === 1 ? range : ({ by: 'loginId', loginId: `user${version}`, notBeforeMaxMs } as const)
    const record: RuleRecord = { ...why, ruleId: `rule-${version}`, rule, version }
    book.take([record])
    index.setRule(record.ruleId, { ...rule, version })
    if (version % 10 === 0) withdrawn.push(record.ruleId)
  }
  for (const ruleId of withdrawn) {
    book.withdraw(ruleId)
    index.removeRule(ruleId)
  }
  let revoked = 0
  for (let serial = 1; serial <= 20_000; serial++) {
    const issuerId = serial % 10 === 0 ? issuerB : issuerA
    const key = certificateKey(issuerId, serial.toString(16))
    const certificate = { key, loginId: `user${random(45)}`, notBeforeMs: random(100_000), notAfterMs: futureMs }
    if (serial % 3 === 0) index.setExemption(fingerprintOf('revoked', key), 1 + random(45))
    const loginEntry = fingerprintOf('login_rule', certificate.loginId)
    const covering = index.coveringRule({ issuerId, loginEntry, notBeforeMs: certificate.notBeforeMs })
    const wanted = covering > 0 && index.exemption(fingerprintOf('revoked', key)) <= covering
    if (issuerId === issuerB) continue
    if (wanted) revoked++
    if ((book.entryFor(certificate, 0) !== undefined) !== wanted) t.fail(`${key} ${JSON.stringify(certificate)}`)
  }
  t.ok(revoked > 500, 'enough of them are revoked')
})

t.test('the earliest rule tells time and reason; one that had expired by then is not named', async (t) => {
  const book = new RuleBook(issuerA, new RevocationIndexWriter())
  const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 50_000 } as const
  const range = { by: 'issuer', issuerId: issuerA, notBeforeMinMs: 0, notBeforeMaxMs: 50_000 } as const
  const why = { comment: '', actor: '' }
  book.take([
    { ...why, ruleId: 'two', rule, version: 9, reason: 'superseded', publishedAtMs: 90_000 },
    { ...why, ruleId: 'one', rule: range, version: 7, reason: 'cACompromise', publishedAtMs: 70_000 },
  ])
  const certificate = {
    key: certificateKey(issuerA, 'a1'),
    loginId: 'user01',
    notBeforeMs: 1_000,
    notAfterMs: futureMs,
  }
  const entry = { serial: 'a1', revokedAtMs: 70_000, reasonCode: 2, version: 7 }
  t.strictSame(book.entryFor(certificate, 0), entry)
  t.strictSame(book.entryFor(certificate, 8), { ...entry, version: 8 }, 'recorded after the rule')
  t.match(book.entryFor({ ...certificate, notAfterMs: 80_000 }, 0), entry)
  t.equal(book.entryFor({ ...certificate, notAfterMs: 60_000 }, 0), undefined)
  book.withdraw('one')
  t.match(book.entryFor(certificate, 0), { revokedAtMs: 90_000, reasonCode: 4 })
})
