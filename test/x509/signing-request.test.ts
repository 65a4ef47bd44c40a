// Goal: a signing request is read once and for all, its sender holds the key, and whatever the bytes, reading ends with a request or
// with signing_request_invalid. Method: requests of our own and of OpenSSL, single faults, seeded random damage.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { buildSigningRequest } from '../../src/x509/build-signing-request.ts'
import { tags } from '../../src/x509/der-reader.ts'
import { derBitString, derElement, derInteger, derOid, derSequence, derText } from '../../src/x509/der-writer.ts'
import { oids } from '../../src/x509/oids.ts'
import { pemBlocks } from '../../src/x509/pem.ts'
import { readSigningRequest, signingRequestBytesMax, signingRequestDer } from '../../src/x509/signing-request.ts'
import { type KeyKind, makeKeys, subjectOf } from '../helpers/test-ca.ts'

const rich = (kind: KeyKind = 'p256') =>
  buildSigningRequest({
    privateKey: makeKeys(kind).privateKey,
    subject: subjectOf('user01'),
    challengePassword: 'ひみつ',
    extensions: {
      keyUsage: ['digitalSignature', 'keyCertSign'],
      extendedKeyUsage: [oids.clientAuth],
      subjectAltNames: [{ kind: 'uri', value: 'urn:user:user01' }],
      otherExtensions: [{ oid: '1.2.3.4', critical: true, valueDer: derText(tags.utf8String, 'x') }],
    },
    otherAttributes: [{ oid: '1.3.6.1.4.1.311.13.2.3', valueDer: derText(tags.ia5String, '10.0.26100.2') }],
  })

t.test('what was asked for is read back, and OpenSSL verifies it, for every kind of key', async (t) => {
  for (const kind of ['p256', 'p384', 'p521', 'rsa2048', 'ed25519', 'ed448'] as KeyKind[]) {
    const { der, pem } = rich(kind)
    const request = readSigningRequest(der)
    t.same(request.subject, subjectOf('user01'))
    t.equal(request.challengePassword, 'ひみつ')
    t.same(request.extensions.keyUsage, { digitalSignature: true, keyCertSign: true, cRLSign: false })
    t.same(request.extensions.extendedKeyUsage, [oids.clientAuth])
    t.same(request.extensions.subjectAltNames, [{ kind: 'uri', value: 'urn:user:user01' }])
    t.same(request.extensions.unknownCriticalExtensions, ['1.2.3.4'])
    t.same(request.extensionOids, [oids.keyUsage, oids.extKeyUsage, oids.subjectAltName, '1.2.3.4'])
    t.same(request.unknownAttributes, ['1.3.6.1.4.1.311.13.2.3'])
    t.equal(request.publicKeyHash, createHash('sha256').update(request.publicKeyDer).digest('base64url'))
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], { input: pem, stdio: 'pipe' })
    t.match(text.toString(), /URI:urn:user:user01/, kind)
  }
})

t.test('a bare request has nothing but a key', async (t) => {
  const { der } = buildSigningRequest({ privateKey: makeKeys('p256').privateKey })
  const request = readSigningRequest(der)
  t.same(request.subject, [])
  t.same(request.extensionOids, [])
  t.equal(request.challengePassword, undefined)
  t.same(request.unknownAttributes, [])
})

t.test('requests of OpenSSL are read, as DER, PEM and base64', async (t) => {
  const folder = t.testdir()
  const file = (name: string) => join(folder, name)
  const made = (...key: string[]) => {
    const options = [
      '-nodes',
      '-keyout',
      file('key'),
      '-subj',
      '/C=JP/CN=user01',
      '-addext',
      'extendedKeyUsage=clientAuth',
    ]
    return execFileSync('openssl', ['req', '-new', ...key, ...options], { stdio: 'pipe' }).toString()
  }
  for (const key of [
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    ['-newkey', 'rsa:2048'],
    ['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss'],
  ]) {
    const pem = made(...key)
    const [der = new Uint8Array()] = pemBlocks(pem, 'CERTIFICATE REQUEST')
    const base64 = Buffer.from(der).toString('base64')
    const windows = pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST').replaceAll('\n', '\r\n')
    for (const body of [der, pem, base64, `${base64.replace(/.{76}/g, '$&\r\n')}\r\n`, windows]) {
      t.same(signingRequestDer(Buffer.from(body as string)), Buffer.from(der))
    }
    const request = readSigningRequest(der)
    t.equal(request.subject.at(-1)?.value, 'user01')
    t.equal(request.signatureAlgorithm.hash, 'sha256')
  }
})

t.test('what is neither DER nor base64 nor PEM is refused', async (t) => {
  const long = 'A'.repeat(signingRequestBytesMax * 2)
  for (const body of [
    '',
    ' ',
    'MII',
    'MIIB*',
    'MI=B',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    long,
  ]) {
    t.throws(() => signingRequestDer(Buffer.from(body)), { code: 'signing_request_invalid' }, body.slice(0, 20))
  }
})

t.test('a request of 17 KB is refused, one just below the limit is read', async (t) => {
  const sized = (length: number) =>
    buildSigningRequest({
      privateKey: makeKeys('p256').privateKey,
      otherAttributes: [{ oid: '1.2.3', valueDer: derElement(tags.octetString, new Uint8Array(length)) }],
    }).der
  t.ok(readSigningRequest(sized(16_000)))
  t.throws(() => readSigningRequest(sized(17 * 1_024)), {
    code: 'signing_request_invalid',
    message: /16384 bytes: current value is/,
  })
})

t.test('a signature by another key is refused: the sender must hold the key (proof of possession)', async (t) => {
  const { der } = rich()
  const broken = Uint8Array.from(der)
  broken[broken.length - 3] = (broken.at(-3) as number) ^ 1
  t.throws(() => readSigningRequest(broken), { code: 'signing_request_invalid', message: /not made with its key/ })
  const other = Uint8Array.from(der)
  // The last letter of the subject: user01 becomes user02.
  const at = Buffer.from(der).indexOf('user01') + 5
  other[at] = '2'.charCodeAt(0)
  t.throws(() => readSigningRequest(other), { code: 'signing_request_invalid', message: /not made with its key/ })
})

t.test('keys that cannot be verified with, or are spelled in another way, are refused', async (t) => {
  const { publicKey } = makeKeys('p256')
  const usual = publicKey.export({ type: 'spki', format: 'der' })
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const point = (first: number, ...rest: Uint8Array[]) => derBitString(Buffer.concat([Uint8Array.of(first), ...rest]))
  const named = derSequence(derOid(oids.ecPublicKey), derOid('1.2.840.10045.3.1.7'))
  const xOctets = Buffer.from(x, 'base64url')
  const compressed = [0x02, 0x03].map((first) => derSequence(named, point(first, xOctets)))
  const notOnCurve = derSequence(named, point(4, xOctets, xOctets))
  const explicit = derSequence(
    derSequence(derOid(oids.ecPublicKey), derSequence(derInteger('1'))),
    point(4, xOctets, xOctets),
  )
  const unknown = derSequence(derSequence(derOid('1.2.3')), derBitString(new Uint8Array(32)))
  const rsa = (modulus: Uint8Array) =>
    derSequence(
      derSequence(derOid(oids.rsaEncryption), derElement(tags.null)),
      derBitString(derSequence(derInteger(Buffer.from(modulus).toString('hex')), derInteger('10001'))),
    )
  const huge = rsa(Buffer.alloc(1_500, 0xff))
  const request = (key: Uint8Array) => {
    const info = derSequence(derInteger('0'), derSequence(), key, derElement(0xa0))
    return derSequence(info, derSequence(derOid('1.2.840.10045.4.3.2')), derBitString(new Uint8Array(70)))
  }
  const refusals: [Uint8Array, RegExp][] = [
    [usual, /not made with its key/],
    ...compressed.map((key): [Uint8Array, RegExp] => [key, /unusual way|no valid one/]),
    [notOnCurve, /no valid one/],
    [explicit, /curve is written out/],
    [unknown, /unknown kind 1\.2\.3/],
    [huge, /may have 8192 bits: current value is 12000/],
  ]
  for (const [key, message] of refusals) {
    t.throws(() => readSigningRequest(request(key)), { code: 'signing_request_invalid', message })
  }
})

t.test('attributes given twice, under either name, are refused', async (t) => {
  const { privateKey } = makeKeys('p256')
  const extension = derSequence(derSequence(derOid('1.2.3'), derElement(tags.octetString)))
  const twice = (first: string, second: string) =>
    buildSigningRequest({
      privateKey,
      otherAttributes: [
        { oid: first, valueDer: extension },
        { oid: second, valueDer: extension },
      ],
    }).der
  t.throws(() => readSigningRequest(twice(oids.extensionRequest, oids.microsoftExtensions)), { message: /given twice/ })
  t.throws(() => readSigningRequest(twice('1.2.9', '1.2.9')), { code: 'signing_request_invalid' })
  t.same(readSigningRequest(twice(oids.microsoftExtensions, '1.2.9')).extensionOids, ['1.2.3'], 'one of them is read')
})

t.test('damage at random offsets throws nothing but signing_request_invalid', async (t) => {
  const originals = [rich().der, rich('rsa2048').der]
  let state = 0x5eed
  const random = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  let refused = 0
  const attempt = (der: Uint8Array) => {
    try {
      readSigningRequest(der)
    } catch (fault) {
      if (!(fault instanceof GatewayError) || fault.code !== 'signing_request_invalid') throw fault
      refused++
    }
  }
  for (const der of originals) for (const length of der.keys()) attempt(der.subarray(0, length))
  t.equal(
    refused,
    originals.reduce((sum, der) => sum + der.length, 0),
    'every truncation is refused',
  )
  for (let round = 0; round < 20_000; round++) {
    const der = Uint8Array.from(originals[round % 2] as Uint8Array)
    for (let change = 0; change <= random(3); change++)
      der[random(2) === 0 ? random(der.length) : random(64)] = random(256)
    attempt(der)
  }
  t.ok(refused > 20_000, `${refused} refused: a change cannot keep the signature`)
})
