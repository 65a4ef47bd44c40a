// Goal: the responder reads what clients send, and nothing that is malformed, two ways to read or too much. Method: requests of openssl
// and of our own client; each malformed one is one change away from a good one.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { tags } from '../../../src/x509/der-reader.ts'
import { derElement, derInteger, derSequence } from '../../../src/x509/der-writer.ts'
import { encodeExtension } from '../../../src/x509/encode-extensions.ts'
import { readIssuingCa } from '../../../src/x509/issuing-ca.ts'
import { buildOcspRequest } from '../../../src/x509/ocsp/build-request.ts'
import { certIdOf, encodeCertId, isOfIssuer } from '../../../src/x509/ocsp/cert-id.ts'
import { readOcspRequest } from '../../../src/x509/ocsp/read-request.ts'
import { oids } from '../../../src/x509/oids.ts'
import { createTestCa } from '../../helpers/test-ca.ts'

const root = createTestCa({ commonName: 'Request Root' })
const issuer = readIssuingCa({ name: 'users', certificatePem: root.certificatePem, chainPems: [] }, systemClock.nowMs())
const limits = { certificatesMax: 20 }
const certId = encodeCertId(certIdOf(issuer, 'abc123', 'sha1'))

/** An OCSPRequest; every part can be put in another way. */
function request(parts: {
  version?: Uint8Array
  requestor?: Uint8Array
  list?: readonly Uint8Array[]
  extensions?: readonly Uint8Array[]
  after?: readonly Uint8Array[]
}): Uint8Array {
  const { version, requestor, list = [derSequence(certId)], extensions, after = [] } = parts
  const explicit = (tag: number, content: Uint8Array | undefined) => (content ? [derElement(tag, content)] : [])
  return derSequence(
    derSequence(
      ...explicit(0xa0, version),
      ...explicit(0xa1, requestor),
      derSequence(...list),
      ...explicit(0xa2, extensions && derSequence(...extensions)),
    ),
    ...after,
  )
}

function nonceOf(octets: number): Uint8Array {
  const valueDer = derElement(tags.octetString, new Uint8Array(octets).fill(7))
  return encodeExtension({ oid: oids.ocspNonce, critical: false, valueDer })
}

function extension(oid: string, critical: boolean): Uint8Array {
  return encodeExtension({ oid, critical, valueDer: derSequence() })
}

t.test('requests of openssl', async (t) => {
  const folder = t.testdir({})
  const [issuerFile, certificateFile, out] = ['ca.pem', 'user.pem', 'request.der'].map((name) => join(folder, name))
  const user = root.issueClient({ commonName: 'user01' })
  writeFileSync(issuerFile as string, root.certificatePem)
  writeFileSync(certificateFile as string, user.certificatePem)
  const certificate = ['-issuer', issuerFile as string, '-cert', certificateFile as string]
  for (const [hash, nonce] of [
    ['-sha1', '-no_nonce'],
    ['-sha256', '-nonce'],
  ] as const) {
    execFileSync('openssl', ['ocsp', ...[hash, ...certificate], ...certificate, nonce, '-reqout', out as string])
    const { asked, nonce: read } = readOcspRequest(readFileSync(out as string), limits)
    t.ok(isOfIssuer(asked[0]?.certId as never, issuer), hash)
    t.equal(asked[0]?.certId.serial, user.serial)
    t.equal(read?.length, nonce === '-nonce' ? 16 : undefined)
    t.equal(asked.length, 2)
  }
})

t.test('requests of our own client, the CertID as it was sent', async (t) => {
  const nonce = Buffer.from('0123456789abcdef')
  const certIds = [certIdOf(issuer, '1f', 'sha1'), certIdOf(issuer, '2f', 'sha256')]
  const read = readOcspRequest(buildOcspRequest({ certIds, nonce }), limits)
  t.same(
    read.asked.map(({ certId }) => certId.serial),
    ['1f', '2f'],
  )
  t.same(
    read.asked.map(({ certIdDer }) => Buffer.from(certIdDer)),
    certIds.map((one) => Buffer.from(encodeCertId(one))),
  )
  t.same(Buffer.from(read.nonce ?? []), nonce)
})

t.test('what changes nothing is passed over', async (t) => {
  const name = derElement(0xa4, derSequence())
  const signature = derElement(0xa0, derSequence(derSequence(), derElement(tags.bitString, Uint8Array.of(0))))
  const acceptable = '1.3.6.1.5.5.7.48.1.4'
  const single = derElement(0xa0, derSequence(extension('1.3.6.1.5.5.7.48.1.7', false)))
  for (const [what, der] of Object.entries({
    plain: request({}),
    'the default version written out': request({ version: derInteger('0') }),
    'who asks': request({ requestor: name }),
    'a signature': request({ after: [signature] }),
    'acceptable responses': request({ extensions: [extension(acceptable, true)] }),
    'an unknown extension': request({ extensions: [extension('1.2.3.4', false)] }),
    'an extension of one certificate': request({ list: [derSequence(certId, single)] }),
  })) {
    t.equal(readOcspRequest(der, limits).asked[0]?.certId.serial, 'abc123', what)
  }
})

t.test('malformed requests', async (t) => {
  const good = request({})
  const critical = derElement(0xa0, derSequence(extension('1.3.6.1.5.5.7.48.1.7', true)))
  const negative = derSequence(derSequence(certId.subarray(2, -6), derElement(tags.integer, Uint8Array.of(0x80))))
  const reasons: Readonly<Record<string, [Uint8Array, RegExp]>> = {
    nothing: [new Uint8Array(), /cut off|tag -1/],
    garbage: [Buffer.from('garbage, and more of it'), /./],
    'cut off': [good.subarray(0, -1), /beyond/],
    surplus: [Buffer.concat([good, Uint8Array.of(0)]), /surplus/],
    'version 2': [request({ version: derInteger('1') }), /version 2/],
    'no certificate': [request({ list: [] }), /no certificate/],
    'a negative serial number': [request({ list: [negative] }), /negative/],
    'an unknown critical extension': [request({ extensions: [extension('1.2.3.4', true)] }), /1\.2\.3\.4 is unknown/],
    'the same for one certificate': [request({ list: [derSequence(certId, critical)] }), /48\.1\.7 is unknown/],
    'no extension in a list of them': [request({ extensions: [] }), /./],
    'an extension twice': [request({ extensions: [nonceOf(16), nonceOf(16)] }), /twice/],
    'a nonce that is no OCTET STRING': [request({ extensions: [extension(oids.ocspNonce, false)] }), /tag 48/],
    'two things in place of a signature': [request({ after: [derSequence(), derSequence()] }), /surplus/],
  }
  for (const [what, [der, message]] of Object.entries(reasons)) {
    t.throws(() => readOcspRequest(der, limits), { code: 'ocsp_request_malformed', message }, what)
  }
  for (let length = 0; length < good.length; length++) {
    t.throws(() => readOcspRequest(good.subarray(0, length), limits), { code: 'ocsp_request_malformed' }, `${length}`)
  }
})

t.test('nonces of 1 to 128 octets', async (t) => {
  for (const octets of [1, 16, 32, 128]) {
    t.equal(readOcspRequest(request({ extensions: [nonceOf(octets)] }), limits).nonce?.length, octets)
  }
  for (const octets of [0, 129, 1_000]) {
    const malformed = { code: 'ocsp_request_malformed', message: `its nonce has ${octets} octets` }
    const expected = { ...malformed, message: new RegExp(malformed.message) }
    t.throws(() => readOcspRequest(request({ extensions: [nonceOf(octets)] }), limits), expected)
  }
})

t.test('as many certificates as are allowed, and not one more', async (t) => {
  const listOf = (count: number) => request({ list: Array.from({ length: count }, () => derSequence(certId)) })
  t.equal(readOcspRequest(listOf(20), limits).asked.length, 20)
  t.throws(() => readOcspRequest(listOf(21), limits), { code: 'ocsp_request_malformed', message: /more than 20/ })
  // Garbage after the bound shows that the rest is not even read.
  const many = [...Array.from({ length: 20 }, () => derSequence(certId)), ...Array(9_980).fill(Uint8Array.of(5, 0))]
  t.throws(() => readOcspRequest(request({ list: many }), limits), { message: /more than 20/ })
})
