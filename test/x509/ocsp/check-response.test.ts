// Goal: only an answer about this certificate, signed by whom its issuer lets, and new enough counts; each other is refused by reason.
// Method: responses with one defect each, beside the right one.
import t from 'tap'
import { tags } from '../../../src/x509/der-reader.ts'
import { derElement, derSequence } from '../../../src/x509/der-writer.ts'
import { encodeExtension } from '../../../src/x509/encode-extensions.ts'
import { certIdOf } from '../../../src/x509/ocsp/cert-id.ts'
import { checkOcspResponse, type OcspExpectation } from '../../../src/x509/ocsp/check-response.ts'
import { readOcspResponse } from '../../../src/x509/ocsp/read-response.ts'
import { oids } from '../../../src/x509/oids.ts'
import { createTestCa } from '../../helpers/test-ca.ts'
import {
  type AnswerOptions,
  delegate,
  issuingCaOf,
  ocspFailureStatus,
  ocspResponse,
  type ResponseOptions,
} from '../../helpers/test-ocsp.ts'

const serial = 'a1b2'
const nowMs = Date.now()
const minuteMs = 60_000
const ca = createTestCa({ commonName: 'Bank CA' })
const issuer = issuingCaOf(ca)
const certId = certIdOf(issuer, serial, 'sha1')
const responder = delegate(ca)
const namesake = createTestCa({ commonName: 'Bank CA' })

function check(der: Uint8Array, expected: Partial<OcspExpectation> = {}) {
  return checkOcspResponse(readOcspResponse(der), {
    issuer,
    serial,
    nonce: undefined,
    nowMs,
    clockSkewMs: 5 * minuteMs,
    validityMaxMs: 60 * minuteMs,
    ...expected,
  })
}
function respond(options: Partial<ResponseOptions> & { answer?: Partial<AnswerOptions> } = {}) {
  const { answer, ...others } = options
  return ocspResponse({ signer: responder, answers: [{ certId, ...answer }], ...others })
}
const refused = (message: RegExp) => ({ code: 'ocsp_response_refused', message })

t.test('what counts', async (t) => {
  for (const responderId of ['name', 'key'] as const) {
    t.match(check(respond({ responderId })), { status: 'good' }, `a delegated responder, by ${responderId}`)
    t.match(
      check(respond({ signer: ca, certificates: [], responderId })),
      { status: 'good' },
      `the CA, by ${responderId}`,
    )
  }
  t.match(check(respond({ signer: ca })), { status: 'good' }, 'the CA, its certificate beside')
  t.match(check(respond({ certificates: [namesake.der, Uint8Array.of(0x30, 0), responder.der] })), { status: 'good' })
  for (const keyKind of ['rsa2048', 'p384', 'ed25519'] as const) {
    t.match(check(respond({ signer: delegate(ca, { keyKind }) })), { status: 'good' }, keyKind)
  }
  const sha256 = certIdOf(issuer, serial, 'sha256')
  t.match(check(respond({ answer: { certId: sha256, status: 'unknown' } })), { status: 'unknown' })
  const revoked = { status: 'revoked', reasonCode: 4, revokedAtMs: 1_700_000_000_000 } as const
  t.match(check(respond({ answer: revoked })), revoked)
  const other = certIdOf(issuer, 'ff', 'sha1')
  t.match(
    check(respond({ answers: [{ certId: other, status: 'revoked' }, { certId }] })),
    { status: 'good' },
    'several',
  )
  const twice = [{ certId }, { certId: sha256, status: 'revoked' as const }]
  t.match(check(respond({ answers: twice })), { status: 'revoked' }, 'revoked counts before good')
  const harmless = { oid: '1.2.3', critical: false, valueDer: derSequence() }
  t.match(check(respond({ extensions: [harmless], answer: { extensions: [harmless] } })), { status: 'good' })
})

t.test('about another certificate, or none at all', async (t) => {
  for (const status of [1, 2, 3, 5, 6])
    t.throws(() => check(ocspFailureStatus(status)), refused(/the responder says \w+$/))
  const otherSerial = certIdOf(issuer, 'a1b3', 'sha1')
  t.throws(() => check(respond({ answer: { certId: otherSerial } })), refused(/about other certificates \(a1b3\)/))
  const otherIssuer = certIdOf(issuingCaOf(namesake), serial, 'sha1')
  t.throws(() => check(respond({ answer: { certId: otherIssuer } })), refused(/a certificate of another issuer/))
})

t.test('signed by somebody else', async (t) => {
  const refuses = (options: Partial<ResponseOptions>, message: RegExp) =>
    t.throws(() => check(respond(options)), refused(message))
  refuses({ signer: ca.issueClient({ commonName: 'Client' }) }, /is not for signing OCSP responses/)
  const any = delegate(ca, { extendedKeyUsage: [oids.anyExtendedKeyUsage, oids.clientAuth] })
  refuses({ signer: any }, /is not for signing OCSP responses/)
  refuses({ signer: delegate(ca, { extendedKeyUsage: null }) }, /is not for signing OCSP responses/)
  refuses({ signer: delegate(ca, { keyUsage: ['keyEncipherment'] }) }, /may not sign \(key usage\)/)
  refuses({ signer: delegate(namesake) }, /was not issued by bank itself: signature/)
  refuses({ signer: delegate(createTestCa({ commonName: 'Other CA' })) }, /was not issued by bank itself: name/)
  const below = ca.childCa({ commonName: 'Below' })
  refuses({ signer: delegate(below), certificates: [delegate(below).der, below.der] }, /responder ID is neither/)
  const distant = delegate(below)
  refuses({ signer: distant, certificates: [distant.der, below.der] }, /was not issued by bank itself: name/)
  refuses({ signer: namesake, certificates: [], responderId: 'name' }, /is not signed by the key of bank/)
  refuses({ signer: namesake, responderId: 'name' }, /was not issued by bank itself/)
  refuses({ signer: delegate(ca, { notAfterMs: nowMs - 2_000 }) }, /is valid from .* only/)
  refuses({ signer: delegate(ca, { notBeforeMs: nowMs + 6 * minuteMs }) }, /is valid from .* only/)
  t.match(
    check(respond({ signer: delegate(ca, { notBeforeMs: nowMs + 4 * minuteMs }) })),
    { status: 'good' },
    'clock skew',
  )
  refuses({ signer: delegate(ca, { keyKind: 'rsa1024' }) }, /is too weak: RSA key of 1024 bits/)
  const strange = { oid: '1.2.3', critical: true, valueDer: derSequence() }
  refuses({ signer: delegate(ca, { otherExtensions: [strange] }) }, /unknown critical extensions 1\.2\.3/)
  const noCheck = { oid: oids.ocspNoCheck, critical: true, valueDer: derElement(tags.null) }
  t.match(check(respond({ signer: delegate(ca, { otherExtensions: [noCheck] }) })), { status: 'good' }, 'no-check')
  const isRevoked = (one: string) => one === responder.serial
  t.throws(() => check(respond(), { isRevoked }), refused(/is revoked$/))
  t.match(check(respond(), { isRevoked: () => false }), { status: 'good' })
})

t.test('a responder ID or signature that does not fit', async (t) => {
  const other = delegate(ca, { commonName: 'Other' })
  t.throws(
    () => check(respond({ certificates: [] })),
    refused(/responder ID is neither/),
    'the certificate is not there',
  )
  t.throws(() => check(respond({ claimedSigner: other })), refused(/responder ID is neither/), 'another ID')
  const both = [responder.der, other.der]
  t.throws(() => check(respond({ claimedSigner: other, certificates: both })), refused(/signature does not fit/))
  t.throws(() => check(respond({ claimedSigner: ca })), refused(/is not signed by the key of bank/), 'the ID of the CA')
  const namesakes = [other.der, responder.der]
  t.match(check(respond({ certificates: namesakes })), { status: 'good' })
  const same = delegate(ca)
  const byName = { responderId: 'name', certificates: [same.der, responder.der] } as const
  t.match(check(respond(byName)), { status: 'good' }, 'two of one name: the one that fits')
  const changed = Uint8Array.from(respond({ certificates: [] }))
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1
  t.throws(() => check(changed), { code: 'ocsp_response_refused' })
})

t.test('a weak signature', async (t) => {
  const signer = delegate(ca, { keyKind: 'rsa2048' })
  t.throws(() => check(respond({ signer, hash: 'sha1' })), refused(/it is signed with hash sha1/))
  t.match(check(respond({ signer, hash: 'sha512' })), { status: 'good' })
})

t.test('nonce', async (t) => {
  const nonce = Buffer.alloc(32, 1)
  t.match(check(respond({ nonce }), { nonce }), { status: 'good' })
  t.match(check(respond(), { nonce }), { status: 'good' }, 'signed in advance')
  t.match(check(respond({ nonce })), { status: 'good' }, 'none was sent')
  t.throws(() => check(respond({ nonce: Buffer.alloc(32, 2) }), { nonce }), refused(/its nonce is not the one sent/))
  t.throws(() => check(respond({ nonce: nonce.subarray(1) }), { nonce }), refused(/its nonce is not the one sent/))
})

t.test('extensions that must be known', async (t) => {
  const strange = {
    oid: '1.2.3',
    critical: true,
    valueDer: encodeExtension({ oid: '1.2', critical: false, valueDer: derSequence() }),
  }
  t.throws(() => check(respond({ extensions: [strange] })), refused(/unknown critical extensions 1\.2\.3/))
  t.throws(() => check(respond({ answer: { extensions: [strange] } })), refused(/unknown critical extensions 1\.2\.3/))
})

t.test('dates', async (t) => {
  // Whole seconds, as responses have them.
  const at = Math.floor(nowMs / 1_000) * 1_000
  const dates = (thisUpdateMs: number, nextUpdateMs: number | null, expected: Partial<OcspExpectation> = {}) =>
    check(
      respond({
        answer: { thisUpdateMs: at + thisUpdateMs, nextUpdateMs: nextUpdateMs === null ? null : at + nextUpdateMs },
      }),
      { nowMs: at, ...expected },
    ).goodUntilMs - at
  const hour = 60 * minuteMs
  const skew = 5 * minuteMs
  t.equal(dates(-minuteMs, 10 * minuteMs), 15 * minuteMs, 'until nextUpdate, by any clock')
  t.equal(dates(-minuteMs, 48 * hour), hour, 'no longer than what is configured')
  t.equal(dates(-40 * hour, 10 * minuteMs), 15 * minuteMs, 'signed long before')
  t.equal(dates(-minuteMs, null), hour - minuteMs, 'without nextUpdate: from thisUpdate on')
  t.equal(dates(skew, null), hour, 'a responder’s clock that is ahead gains nothing')
  t.equal(dates(-10 * minuteMs, -skew + 1_000), 1_000, 'expired by less than clocks may be off')
  const refuses = (message: RegExp, ...values: Parameters<typeof dates>) =>
    t.throws(() => dates(...values), refused(message))
  refuses(/has expired: its nextUpdate is 20/, -10 * minuteMs, -skew)
  refuses(/has expired/, -10 * minuteMs, 0, { clockSkewMs: 0 })
  refuses(/thisUpdate is in the future/, skew + 1_000, hour)
  refuses(/thisUpdate is in the future/, skew + 1_000, null)
  refuses(/no nextUpdate and its thisUpdate is too old/, -hour, null)
  refuses(/nextUpdate is before its thisUpdate/, minuteMs, 0)
})
