// Goal: a response says what it was made from, to our own client and to openssl. Method: build, read back, print and verify with openssl.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { readIssuingCa } from '../../../src/x509/issuing-ca.ts'
import {
  buildOcspResponse,
  type CertificateStatus,
  ocspFailureResponse,
  ocspFailures,
  ocspSigner,
} from '../../../src/x509/ocsp/build-response.ts'
import { certIdOf, encodeCertId } from '../../../src/x509/ocsp/cert-id.ts'
import { checkOcspResponse } from '../../../src/x509/ocsp/check-response.ts'
import { type BasicOcspResponse, readOcspResponse } from '../../../src/x509/ocsp/read-response.ts'
import { oids } from '../../../src/x509/oids.ts'
import { readCertificate } from '../../../src/x509/read-certificate.ts'
import { createTestCa, type KeyKind } from '../../helpers/test-ca.ts'

const nowMs = Math.floor(systemClock.nowMs() / 1_000) * 1_000
const ca = createTestCa({ commonName: 'Response Root' })
const issuer = readIssuingCa({ name: 'users', certificatePem: ca.certificatePem, chainPems: [] }, nowMs)

function signerOf(keyKind: KeyKind) {
  const made = ca.issueClient({ commonName: 'responder', keyKind, extendedKeyUsage: [oids.ocspSigning] })
  const { publicKeyDer } = readCertificate(made.der)
  return ocspSigner(made.privateKey, { der: made.der, publicKeyDer })
}

const statuses: readonly CertificateStatus[] = [
  { kind: 'good' },
  { kind: 'unknown' },
  { kind: 'revoked', revokedAtMs: nowMs - 86_400_000, reasonCode: 1 },
  { kind: 'revoked', revokedAtMs: Date.UTC(2051, 0, 2, 3, 4, 5), reasonCode: 0 },
]

function respond(keyKind: KeyKind = 'p256', nonce: Uint8Array | undefined = Buffer.from('0123456789abcdef')) {
  const answers = statuses.map((status, place) => ({
    certIdDer: encodeCertId(certIdOf(issuer, `a${place}`, place % 2 === 0 ? 'sha1' : 'sha256')),
    status,
    thisUpdateMs: nowMs + 999,
    nextUpdateMs: nowMs + 300_000,
  }))
  return buildOcspResponse({ answers, nonce, producedAtMs: nowMs }, signerOf(keyKind))
}

function basicOf(der: Uint8Array): BasicOcspResponse {
  const response = readOcspResponse(der)
  if (response.status !== 'successful') throw new Error(response.status)
  return response.basic
}

t.test('our own client reads what was said', async (t) => {
  const { answers, nonce, producedAtMs, certificates } = basicOf(respond())
  t.same(
    answers.map(({ status, revokedAtMs, reasonCode }) => ({ status, revokedAtMs, reasonCode })),
    [
      { status: 'good', revokedAtMs: undefined, reasonCode: undefined },
      { status: 'unknown', revokedAtMs: undefined, reasonCode: undefined },
      { status: 'revoked', revokedAtMs: nowMs - 86_400_000, reasonCode: 1 },
      { status: 'revoked', revokedAtMs: Date.UTC(2051, 0, 2, 3, 4, 5), reasonCode: undefined },
    ],
  )
  t.same(
    answers.map(({ certId }) => certId.serial),
    ['a0', 'a1', 'a2', 'a3'],
  )
  t.match(answers[0], { thisUpdateMs: nowMs, nextUpdateMs: nowMs + 300_000 }, 'parts of a second are cut')
  t.equal(producedAtMs, nowMs)
  t.equal(Buffer.from(nonce ?? []).toString(), '0123456789abcdef')
  t.equal(certificates.length, 1)
})

t.test('it believes them, with keys of every kind, and no longer after one bit has changed', async (t) => {
  const nonce = Buffer.from('0123456789abcdef')
  const expected = { issuer, serial: 'a0', nonce, nowMs, clockSkewMs: 60_000, validityMaxMs: 3_600_000 }
  for (const keyKind of ['p256', 'p384', 'rsa2048', 'ed25519'] as const) {
    const der = respond(keyKind)
    t.equal(checkOcspResponse(readOcspResponse(der), expected).status, 'good', keyKind)
    const place = Buffer.from(der).indexOf(encodeCertId(certIdOf(issuer, 'a0', 'sha1')))
    const changed = new Uint8Array(der)
    // The contents of the status after the CertID: good becomes unknown.
    const status = place + encodeCertId(certIdOf(issuer, 'a0', 'sha1')).length
    t.equal(changed[status], 0x80)
    changed[status] = 0x82
    t.throws(() => checkOcspResponse(readOcspResponse(changed), expected), { code: 'ocsp_response_refused' }, keyKind)
  }
})

t.test('openssl reads the same, and verifies it', async (t) => {
  const folder = t.testdir({})
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const response = file('response.der', respond())
  const root = file('root.pem', ca.certificatePem)
  const printed = execFileSync('openssl', ['ocsp', '-respin', response, '-CAfile', root, '-resp_text'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  }).toString()
  t.same(
    [...printed.matchAll(/Cert Status: (\w+)/g)].map(([, status]) => status),
    ['good', 'unknown', 'revoked', 'revoked'],
  )
  t.match(printed, /Revocation Reason: keyCompromise \(0x1\)/)
  t.equal([...printed.matchAll(/Revocation Reason/g)].length, 1, 'unspecified is not written')
  t.match(printed, /OCSP Nonce:/)
  t.match(printed, /Responder Id: [0-9A-F]{40}/)
})

t.test('a response without nonce has no extension', async (t) => {
  const answers = [{ certIdDer: encodeCertId(certIdOf(issuer, '1', 'sha1')), status: { kind: 'good' } as const }]
  const times = { thisUpdateMs: nowMs, nextUpdateMs: nowMs + 1_000 }
  const content = { answers: answers.map((answer) => ({ ...answer, ...times })), nonce: undefined, producedAtMs: nowMs }
  t.match(basicOf(buildOcspResponse(content, signerOf('p256'))), { nonce: undefined, extensions: [] })
})

t.test('failures are five bytes, without a signature', async (t) => {
  for (const [failure, number] of Object.entries(ocspFailures)) {
    const der = ocspFailureResponse(failure as keyof typeof ocspFailures)
    t.same([...der], [0x30, 3, 0x0a, 1, number])
    t.equal(readOcspResponse(der).status, failure)
  }
})
