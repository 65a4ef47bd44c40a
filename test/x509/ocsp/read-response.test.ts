// Goal: an OCSP response is read strictly: what is in it comes out, and every defect is refused with one code, never another.
// Method: responses of `openssl ocsp` and handmade ones; each byte of one changed, each prefix cut.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../../src/base/errors.ts'
import { tags } from '../../../src/x509/der-reader.ts'
import { derBitString, derElement, derInteger, derOid, derSequence, derText } from '../../../src/x509/der-writer.ts'
import { buildOcspRequest } from '../../../src/x509/ocsp/build-request.ts'
import { certIdOf, encodeCertId } from '../../../src/x509/ocsp/cert-id.ts'
import { readOcspResponse } from '../../../src/x509/ocsp/read-response.ts'
import { oids } from '../../../src/x509/oids.ts'
import { verifySignature } from '../../../src/x509/verify-signature.ts'
import { createTestCa } from '../../helpers/test-ca.ts'
import {
  delegate,
  generalizedTime,
  issuingCaOf,
  ocspFailureStatus,
  ocspResponse,
  wrapBasic,
} from '../../helpers/test-ocsp.ts'

const ca = createTestCa({ commonName: 'Bank CA' })
const issuer = issuingCaOf(ca)
const certId = certIdOf(issuer, 'a1', 'sha1')
const refused = { code: 'ocsp_response_refused' }

function basicOf(der: Uint8Array) {
  const response = readOcspResponse(der)
  if (response.status !== 'successful') throw new Error(response.status)
  return response.basic
}

t.test('what openssl ocsp answers', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ocsp-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const at = (name: string) => join(folder, name)
  const responder = delegate(ca, { keyKind: 'rsa2048' })
  writeFileSync(at('ca.pem'), ca.certificatePem)
  writeFileSync(at('responder.pem'), responder.certificatePem + responder.keyPem)
  const lines = [
    'V\t360101000000Z\t\tA1\tunknown\t/CN=a',
    'R\t360101000000Z\t260102030405Z,keyCompromise\tB2\tunknown\t/CN=b',
  ]
  writeFileSync(at('index.txt'), `${lines.join('\n')}\n`)
  const nonce = Buffer.alloc(32, 7)
  const certIds = ['a1', 'b2', 'c3'].map((serial) => certIdOf(issuer, serial, 'sha1'))
  writeFileSync(at('request.der'), buildOcspRequest({ certIds, nonce }))
  const files = ['-index', at('index.txt'), '-CA', at('ca.pem'), '-rsigner', at('responder.pem')]
  execFileSync('openssl', ['ocsp', ...files, '-reqin', at('request.der'), '-respout', at('r.der'), '-nmin', '5'])
  const basic = basicOf(readFileSync(at('r.der')))
  const said = basic.answers.map(({ certId, status, reasonCode }) => ({ serial: certId.serial, status, reasonCode }))
  t.same(said, [
    { serial: 'a1', status: 'good', reasonCode: undefined },
    { serial: 'b2', status: 'revoked', reasonCode: 1 },
    { serial: 'c3', status: 'unknown', reasonCode: undefined },
  ])
  t.equal(basic.answers[1]?.revokedAtMs, Date.UTC(2026, 0, 2, 3, 4, 5))
  const [first] = basic.answers
  t.equal((first?.nextUpdateMs ?? 0) - (first?.thisUpdateMs ?? 0), 300_000)
  t.same(Buffer.from(basic.nonce ?? []), nonce)
  t.equal(basic.responderId.by, 'name')
  t.equal(basic.certificates.length, 1)
  t.same(Buffer.from(basic.certificates[0] ?? []), Buffer.from(responder.der))
})

t.test('what a handmade response says', async (t) => {
  const answers = [
    { certId, nextUpdateMs: null, thisUpdateMs: 1_700_000_000_000 },
    { certId, status: 'revoked' as const, revokedAtMs: 1_600_000_000_000 },
  ]
  const basic = basicOf(ocspResponse({ signer: ca, answers, responderId: 'name', certificates: [] }))
  t.match(basic.answers[0], { status: 'good', thisUpdateMs: 1_700_000_000_000 })
  t.equal(basic.answers[0]?.nextUpdateMs, undefined)
  t.match(basic.answers[1], { status: 'revoked', revokedAtMs: 1_600_000_000_000 })
  t.equal(basic.answers[1]?.reasonCode, undefined)
  t.match(basic.responderId, { by: 'name' })
  t.equal(basic.nonce, undefined)
  t.same(basic.certificates, [])
  t.ok(verifySignature(basic, issuer.publicKey), 'signed over the bytes that were read')
})

t.test('status words', async (t) => {
  const words = { 1: 'malformedRequest', 2: 'internalError', 3: 'tryLater', 5: 'sigRequired', 6: 'unauthorized' }
  for (const [number, status] of Object.entries(words)) {
    t.same(readOcspResponse(ocspFailureStatus(Number(number))), { status })
  }
  for (const number of [0, 4, 7, 255]) t.throws(() => readOcspResponse(ocspFailureStatus(number)), refused, `${number}`)
})

/** A BasicOCSPResponse with parts replaced. Its signature is not looked at here. */
function basicWith(parts: {
  data?: readonly Uint8Array[]
  answer?: readonly Uint8Array[]
  after?: readonly Uint8Array[]
}) {
  const now = generalizedTime(1_700_000_000_000)
  const answer = derSequence(...(parts.answer ?? [encodeCertId(certId), Uint8Array.of(0x80, 0), now]))
  const id = derElement(0xa2, derElement(tags.octetString, new Uint8Array(20)))
  const data = derSequence(...(parts.data ?? [id, now, derSequence(answer)]))
  const algorithm = derSequence(derOid('1.2.840.10045.4.3.2'))
  return derSequence(data, algorithm, derBitString(new Uint8Array(8)), ...(parts.after ?? []))
}

t.test('what is malformed or too large is refused', async (t) => {
  const id = encodeCertId(certId)
  const good = Uint8Array.of(0x80, 0)
  const now = generalizedTime(1_700_000_000_000)
  const key = derElement(0xa2, derElement(tags.octetString, new Uint8Array(20)))
  const answer = derSequence(id, good, now)
  const list = derSequence(answer)
  const nonce = (value: Uint8Array) => derSequence(derOid(oids.ocspNonce), derElement(tags.octetString, value))
  const extensions = (...all: Uint8Array[]) => derElement(0xa1, derSequence(...all))
  const octets = derElement(tags.octetString, Uint8Array.of(1))
  t.equal(basicOf(wrapBasic(basicWith({}))).answers.length, 1, 'the good one')
  const version = (hex: string) => [derElement(0xa0, derInteger(hex)), key, now, list]
  t.equal(basicOf(wrapBasic(basicWith({ data: version('0') }))).answers.length, 1, 'version 1 written out')
  const bad: Readonly<Record<string, Uint8Array>> = {
    'version 2': basicWith({ data: version('1') }),
    'no answers': basicWith({ data: [key, now, derSequence()] }),
    '101 answers': basicWith({ data: [key, now, derSequence(...Array.from({ length: 101 }, () => answer))] }),
    'no responder ID': basicWith({ data: [now, list] }),
    'another responder ID': basicWith({ data: [derElement(0xa3, octets), now, list] }),
    'a broken responder name': basicWith({ data: [derElement(0xa1, derSequence(derSequence())), now, list] }),
    'surplus data': basicWith({ data: [key, now, list, octets] }),
    'producedAt as UTCTime': basicWith({ data: [key, derText(tags.utcTime, '260101000000Z'), list] }),
    'a fraction of a second': basicWith({ data: [key, derText(tags.generalizedTime, '20260101000000.5Z'), list] }),
    'no thisUpdate': basicWith({ answer: [id, good] }),
    'good with contents': basicWith({ answer: [id, Uint8Array.of(0x80, 1, 0), now] }),
    'another status': basicWith({ answer: [id, Uint8Array.of(0x83, 0), now] }),
    'revoked without a time': basicWith({ answer: [id, Uint8Array.of(0xa1, 0), now] }),
    'surplus in an answer': basicWith({ answer: [id, good, now, octets] }),
    'empty extensions': basicWith({ data: [key, now, list, derElement(0xa1, derSequence())] }),
    'a nonce without its type': basicWith({ data: [key, now, list, extensions(nonce(Uint8Array.of(1, 2, 3)))] }),
    'two nonces': basicWith({ data: [key, now, list, extensions(nonce(octets), nonce(octets))] }),
    '17 certificates': basicWith({ after: [derElement(0xa0, derSequence(...Array.from({ length: 17 }, () => list)))] }),
    'surplus after the signature': basicWith({ after: [octets] }),
  }
  for (const [what, basic] of Object.entries(bad)) t.throws(() => readOcspResponse(wrapBasic(basic)), refused, what)
  t.throws(() => readOcspResponse(wrapBasic(basicWith({}), '1.2.3')), refused, 'another type of response')
  t.throws(() => readOcspResponse(new Uint8Array(65_537).fill(0x30)), { ...refused, message: /65537 bytes/ })
  t.throws(() => readOcspResponse(new Uint8Array(0)), refused, 'nothing')
  t.throws(() => readOcspResponse(Buffer.from('<html>')), {
    ...refused,
    message: /^Cannot use .* cannot be read: .* at byte 0$/,
  })
})

t.test('any change and any cut is read or refused, and nothing else happens', async (t) => {
  const signer = delegate(ca)
  const answers = [{ certId, status: 'revoked' as const, reasonCode: 1 }]
  const der = ocspResponse({ signer, answers, nonce: Buffer.alloc(32, 1) })
  let readable = 0
  const tryReading = (bytes: Uint8Array) => {
    try {
      readOcspResponse(bytes)
      readable++
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'ocsp_response_refused') throw error
    }
  }
  for (let at = 0; at < der.length; at++) {
    for (const change of [0x01, 0x80, 0xff]) {
      const changed = Uint8Array.from(der)
      changed[at] = (changed[at] as number) ^ change
      tryReading(changed)
    }
    t.throws(() => readOcspResponse(der.subarray(0, at)), refused)
  }
  t.ok(readable > 0, 'changed signatures are still readable')
})
