// Goal: the browser's signing request is one that issuing accepts and OpenSSL verifies. Method: make them with Node's WebCrypto.
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { keyAlgorithm, makeSigningRequest } from '../../../src/portal/browser/signing-request.ts'
import { readSigningRequest } from '../../../src/x509/signing-request.ts'

t.test('R7 the signing request proves possession of a P-256 key and asks for nothing', async (t) => {
  // Several, because r and s may be shorter than 32 bytes or need a leading zero.
  for (let round = 0; round < 40; round++) {
    const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
    const request = readSigningRequest(await makeSigningRequest(keys))
    t.same(request.publicKey, { algorithm: 'ec', curve: 'P-256', bits: 256 })
    t.same([request.subject, request.extensionOids], [[], []])
    const spki = Buffer.from(await crypto.subtle.exportKey('spki', keys.publicKey))
    t.same(Buffer.from(request.publicKeyDer), spki)
  }
})

t.test('OpenSSL verifies the signing request', async (t) => {
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  const input = await makeSigningRequest(keys)
  const text = execFileSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-text'], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  t.match(text, /ASN1 OID: prime256v1/)
})
