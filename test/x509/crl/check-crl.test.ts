// Goal: a list is taken as an issuer's only if that issuer's key made it, well, for its own certificates, by now; each refusal says
// why in a sentence. Method: lists with one defect each, beside the good one that is taken.
import { createPublicKey } from 'node:crypto'
import t from 'tap'
import { checkCrl } from '../../../src/x509/crl/check-crl.ts'
import { derTime } from '../../../src/x509/der-writer.ts'
import { encodeName } from '../../../src/x509/encode-name.ts'
import { readIssuingCa } from '../../../src/x509/issuing-ca.ts'
import { createTestCa, subjectOf, type TestCa } from '../../helpers/test-ca.ts'
import * as written from './written-list.ts'
import { ca, entryOf, type ListParts, readBytes, reasonExtension, writeList } from './written-list.ts'

const hourMs = 3_600_000
const nowMs = written.thisUpdateMs + hourMs
const clockSkewMs = 300_000
const issuerOf = ({ certificatePem }: TestCa) => readIssuingCa({ name: 'main', certificatePem, chainPems: [] }, nowMs)
const issuer = issuerOf(ca)
/** The same name, another key. */
const twin = createTestCa({ commonName: 'crl-ca' })

const judge = (parts: ListParts, time: { nowMs?: number; clockSkewMs?: number } = {}) =>
  checkCrl(readBytes(writeList(parts), { publicKey: issuer.publicKey }), issuer, { nowMs, clockSkewMs, ...time })
const refused = (message: RegExp) => ({ code: 'crl_refused', message })

t.test('good lists', async (t) => {
  const good = { kind: 'good', warnings: [] }
  t.strictSame(judge({}), good)
  t.strictSame(judge({ extensions: [written.numberExtension(1), written.keyExtension()] }), good, 'it names the key')
  t.strictSame(judge({ extensions: [written.numberExtension(2), written.deltaExtension(1)] }), good, 'a delta list')
  const users = written.pointExtension(written.flag(0x81))
  t.strictSame(judge({ extensions: [written.numberExtension(1), users] }), good, 'about certificates of users')
  const unknown = written.unknownExtension(false)
  const entries = [entryOf('1', { extensions: [unknown] })]
  t.strictSame(judge({ entries, extensions: [written.numberExtension(1), unknown] }), good, 'unknown, not critical')
})

t.test('what an operator should know of a list that is taken', async (t) => {
  const warnings = (parts: ListParts) => judge(parts).warnings
  t.match(warnings({ entries: [entryOf(Uint8Array.of(2, 1, 0))] }), [/^1 entries were passed over/])
  t.match(warnings({ version: null, extensions: null }), [/^it has no number/])
  const some = written.pointExtension(Uint8Array.of(0x83, 2, 5, 0x60))
  t.match(warnings({ extensions: [written.numberExtension(1), some] }), [
    /^it names only certificates revoked for some/,
  ])
  const removed = [entryOf('1', { extensions: [reasonExtension(8)] })]
  t.match(warnings({ entries: removed }), [/^1 entries say removeFromCRL/])
  const delta = [written.numberExtension(2), written.deltaExtension(1)]
  t.strictSame(warnings({ entries: removed, extensions: delta }), [], 'which belongs into a delta list')
})

t.test('lists that another made', async (t) => {
  t.throws(
    () => judge({ issuer: encodeName(subjectOf('other')) }),
    refused(/^Cannot take the CRL as one of issuer main: its issuer name is another/),
  )
  const byTwin = (parts: ListParts) => () =>
    checkCrl(readBytes(writeList(parts, twin.privateKey)), issuer, { nowMs, clockSkewMs })
  t.throws(byTwin({}), refused(/its signature was not made by the issuer’s key/))
  t.throws(
    byTwin({ extensions: [written.keyExtension(createPublicKey(twin.privateKey))] }),
    refused(/made by another key of the same name: it names key [0-9a-f]{40}, and the issuer has [0-9a-f]{40}/),
  )
  t.throws(
    byTwin({ extensions: [written.keyExtension()] }),
    refused(/its signature was not made/),
    'a lie about its key',
  )
  t.throws(
    () => checkCrl(readBytes(writeList(), { publicKey: undefined }), issuer, { nowMs, clockSkewMs }),
    refused(/its signature was not made/),
    'a list that nobody verified',
  )
})

t.test('issuers that may not sign lists', async (t) => {
  const signOnly = createTestCa({ commonName: 'crl-ca', keyUsage: ['keyCertSign'] })
  const silent = createTestCa({ commonName: 'crl-ca', keyUsage: null })
  const judgeBy = (authority: TestCa) => () => {
    const key = createPublicKey(authority.privateKey)
    const reading = readBytes(writeList({}, authority.privateKey), { publicKey: key })
    return checkCrl(reading, issuerOf(authority), { nowMs, clockSkewMs })
  }
  t.throws(judgeBy(signOnly), refused(/may not sign CRLs \(key usage\)/))
  t.equal(judgeBy(silent)().kind, 'good', 'a certificate without key usage permits it')
})

t.test('weak signatures', async (t) => {
  const weak = {
    ...readBytes(writeList()),
    signatureAlgorithm: { oid: '1.2.840.10045.4.1', hash: 'sha1', keyType: 'ec', saltLength: undefined },
  } as const
  t.throws(
    () => checkCrl(weak, issuer, { nowMs, clockSkewMs }),
    refused(/its signature is too weak: signed with hash sha1 \(1\.2\.840\.10045\.4\.1\)/),
  )
  t.throws(
    () =>
      checkCrl({ ...weak, signatureAlgorithm: { ...weak.signatureAlgorithm, hash: 'md5' } }, issuer, {
        nowMs,
        clockSkewMs,
      }),
    refused(/hash md5/),
  )
})

t.test('lists about something else', async (t) => {
  const point = (tag: number) => ({ extensions: [written.pointExtension(written.flag(tag))] })
  t.throws(() => judge(point(0x82)), refused(/about certificates of CAs only/))
  t.throws(() => judge(point(0x85)), refused(/about attribute certificates only/))
  t.throws(
    () => judge(point(0x84)),
    refused(/indirect CRLs are not taken: it may name .* \(issuing distribution point\)/),
  )
  t.throws(
    () => judge({ entries: [entryOf('1', { extensions: [written.certificateIssuerExtension()] })] }),
    refused(/indirect CRLs are not taken: it names certificates of other issuers/),
  )
  const unknown = [written.unknownExtension(true)]
  t.throws(() => judge({ extensions: unknown }), refused(/it has unknown critical extensions 1\.2\.3\.4$/))
  t.throws(
    () => judge({ entries: [entryOf('1', { extensions: unknown })] }),
    refused(/its entries have unknown critical extensions 1\.2\.3\.4$/),
  )
})

t.test('times, to the millisecond', async (t) => {
  const { thisUpdateMs, nextUpdateMs } = written
  t.equal(judge({}, { nowMs: thisUpdateMs - clockSkewMs }).kind, 'good')
  t.throws(
    () => judge({}, { nowMs: thisUpdateMs - clockSkewMs - 1 }),
    refused(/its thisUpdate lies in the future: current value is 2026-01-01T00:00:00\.000Z/),
  )
  t.equal(judge({}, { nowMs: nextUpdateMs + clockSkewMs }).kind, 'good')
  t.equal(judge({}, { nowMs: nextUpdateMs + clockSkewMs + 1 }).kind, 'expired')
  t.equal(judge({}, { nowMs: nextUpdateMs + 1, clockSkewMs: 0 }).kind, 'expired')
  t.throws(() => judge({ nextUpdate: null }), refused(/it does not say when the next one is due \(nextUpdate\)/))
  t.throws(() => judge({ nextUpdate: derTime(thisUpdateMs) }), refused(/its nextUpdate .* is not after its thisUpdate/))
  t.throws(() => judge({ nextUpdate: derTime(thisUpdateMs - 1_000) }), refused(/is not after its thisUpdate/))
  t.equal(judge({ nextUpdate: derTime(thisUpdateMs + 1_000) }, { nowMs: thisUpdateMs }).kind, 'good')
})
