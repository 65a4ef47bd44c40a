// Goal: a signing request that cannot be used is refused with 400 or 413 and a reason, and costs nothing. Method: requests spoilt in
// every way, over TLS to the real server; each beside one that is still taken.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { buildSigningRequest } from '../../../src/x509/build-signing-request.ts'
import { encodeEstBody } from '../../../src/x509/certs-only.ts'
import { derElement, derOid, derSequence, derText } from '../../../src/x509/der-writer.ts'
import { oids } from '../../../src/x509/oids.ts'
import { signingRequestBytesMax } from '../../../src/x509/signing-request.ts'
import { createRandom } from '../../fuzz/random.ts'
import { makeKeys } from '../../helpers/test-ca.ts'
import { ask, certificateOf, commonName, newKey, requestFor } from './est-program.ts'
import { type EstWorld, password, startEstWorld } from './est-world.ts'

const basic = `user01:${password}`

const send = (world: EstWorld, body: string | Uint8Array, headers = {}) =>
  ask(world, { operation: 'simpleenroll', body, basic, headers })

/** A request of about so many bytes, correctly signed. */
function largeRequest(bytes: number): Uint8Array {
  const filler = { oid: '1.3.6.1.4.1.311.21.20', valueDer: derText(0x0c, 'x'.repeat(bytes)) }
  return buildSigningRequest({ privateKey: newKey(), otherAttributes: [filler] }).der
}

t.test('a request that cannot be used is refused with its reason, and the next one is taken', async (t) => {
  const world = await startEstWorld(t)
  const good = buildSigningRequest({ privateKey: newKey() }).der
  const otherSignature = Uint8Array.from(good)
  otherSignature[good.length - 1] = (good[good.length - 1] as number) ^ 1
  const extension = (oid: string, critical: boolean) => ({
    extensions: { otherExtensions: [{ oid, critical, valueDer: derSequence(derOid(oids.clientAuth)) }] },
  })
  const refused: readonly [string, string | Uint8Array, RegExp][] = [
    ['a wrong signature', otherSignature, /signature/],
    ['a weak curve', requestFor(makeKeys('p192').privateKey), /key must be one of|P-192/],
    ['a weak RSA key', requestFor(makeKeys('rsa1024').privateKey), /1024 bits/],
    ['a kind of key that is not issued', requestFor(makeKeys('ed25519').privateKey), /key must be one of/],
    ['SHA-1', requestFor(newKey(), { hash: 'sha1' }), /SHA-256/],
    ['another user’s name', requestFor(newKey(), { subject: commonName('user02') }), /subject must be empty/],
    [
      'an alternative name',
      requestFor(newKey(), { extensions: { subjectAltNames: [{ kind: 'dns', value: 'bank.example' }] } }),
      /alternative name/,
    ],
    ['the wish to be a CA', requestFor(newKey(), { extensions: { basicConstraints: { ca: true } } }), /to be a CA/],
    [
      'the wish to sign certificates',
      requestFor(newKey(), { extensions: { keyUsage: ['keyCertSign'] } }),
      /to sign certificates/,
    ],
    [
      'the purpose of a server',
      requestFor(newKey(), { extensions: { extendedKeyUsage: [oids.serverAuth] } }),
      /client authentication/,
    ],
    ['a critical extension nobody knows', requestFor(newKey(), extension('1.2.3.4', true)), /1\.2\.3\.4/],
    ['no base64', '****', /neither DER nor base64/],
    ['nothing', '', /empty/],
    ['a certificate of nothing', derSequence(), /signing request/],
  ]
  for (const [what, body, reason] of refused) {
    const { status, text } = await ask(world, {
      operation: 'simpleenroll',
      method: 'POST',
      body,
      basic,
      headers: { 'Content-Type': 'application/pkcs10' },
    })
    t.equal(status, 400, what)
    t.match(text, reason, what)
    t.match(text, /^Cannot /, what)
  }
  t.notOk(world.audited.some(({ event }) => event === 'certificate_issued'))
  certificateOf(await send(world, encodeEstBody(good)))
})

t.test('another media type is refused', async (t) => {
  const world = await startEstWorld(t)
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/pkcs10x']) {
    const { status, text } = await send(world, requestFor(newKey()), { 'Content-Type': type })
    t.equal(status, 400, type)
    t.match(text, /Content-Type/)
  }
})

t.test('a request of 17 KB gets 413, as DER and as base64, and one of 16 KB is taken', async (t) => {
  const world = await startEstWorld(t)
  const large = largeRequest(17_000)
  t.ok(large.length > signingRequestBytesMax)
  for (const body of [large, encodeEstBody(large), encodeEstBody(largeRequest(40_000)), 'A'.repeat(70_000)]) {
    const { status, text } = await send(world, body)
    t.equal(status, 413, `${body.length} bytes`)
    t.match(text, /^Cannot take /)
  }
  const fits = largeRequest(16_000)
  t.ok(fits.length <= signingRequestBytesMax)
  certificateOf(await send(world, encodeEstBody(fits)))
})

t.test('malformed DER at random offsets is refused, never a fault', async (t) => {
  const world = await startEstWorld(t)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const good = buildSigningRequest({
    privateKey,
    subject: commonName('user01'),
    extensions: { keyUsage: ['digitalSignature'], extendedKeyUsage: [oids.clientAuth] },
    challengePassword: 'x',
  }).der
  const random = createRandom(5)
  for (let round = 0; round < 300; round++) {
    const spoilt = spoil(good, random)
    const { status, text } = await send(world, round % 2 === 0 ? spoilt : encodeEstBody(spoilt))
    if (status !== 400) t.fail(`round ${round}: ${status} ${text}`)
  }
  certificateOf(await send(world, encodeEstBody(good)))
})

function spoil(good: Uint8Array, random: ReturnType<typeof createRandom>): Uint8Array {
  const bytes = Uint8Array.from(good)
  const at = random.integer(bytes.length)
  switch (random.integer(3)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 + random.integer(255))
      return bytes
    case 1:
      return bytes.subarray(0, at)
    default:
      return Buffer.concat([bytes.subarray(0, at), derElement(random.integer(31)), bytes.subarray(at)])
  }
}

t.test('a request that cannot be used counts as no wrong password', async (t) => {
  const world = await startEstWorld(t)
  for (let attempt = 0; attempt < 10; attempt++) {
    await ask(world, { operation: 'simpleenroll', body: 'AAAA', basic: 'user01:wrong' })
  }
  certificateOf(await send(world, requestFor(newKey())))
})

t.test('a body without end, and a client that goes away in the middle of one, harm nobody else', async (t) => {
  const world = await startEstWorld(t)
  await send(world, Buffer.alloc(3_000_000, 0x41)).catch(() => {})
  const socket = connect(world.socketPath)
  const head = 'POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: x\r\nSekisho-Login-Method: password\r\n'
  socket.end(`${head}Authorization: Basic ${btoa(basic)}\r\nContent-Length: 1000\r\n\r\nAAAA`)
  socket.resume()
  await once(socket, 'close')
  certificateOf(await send(world, requestFor(newKey())))
})
