// Goal: another CA issues over EST, and nothing but a certificate of the configured CA for the requested key comes back. Method: a small
// EST server on loopback with a certificate of its own, which answers as the test says.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type EstClientOptions, enrolAt } from '../../src/signing/enrol-at.ts'
import { buildSigningRequest } from '../../src/x509/build-signing-request.ts'
import { buildCertsOnly, decodeEstBody, encodeEstBody } from '../../src/x509/certs-only.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { readSigningRequest } from '../../src/x509/signing-request.ts'
import { createTestCa, makeKeys, type TestCa } from '../helpers/test-ca.ts'

const serverCa = createTestCa({ commonName: 'server ca' })
const issuing = createTestCa({ commonName: 'issuing' })
const gatewayCa = createTestCa({ commonName: 'gateway ca' })
const gateway = gatewayCa.issueClient({ commonName: 'sekisho' })
const keys = makeKeys('p256')
const { der: csrDer } = buildSigningRequest({ privateKey: keys.privateKey })

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

async function serve(t: Test, answer: Answer, server = serverCa.issueServer()) {
  const listener = createServer(
    {
      key: server.keyPem,
      cert: server.certificatePem,
      ca: gatewayCa.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => answer(request, response, Buffer.concat(chunks)))
    },
  )
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => {
    listener.closeAllConnections()
    listener.close()
  })
  const url = `https://localhost:${(listener.address() as AddressInfo).port}/.well-known/est/users`
  return { ...options, url }
}

const options: EstClientOptions = {
  url: 'https://localhost:1/.well-known/est',
  caPem: serverCa.certificatePem,
  username: undefined,
  password: undefined,
  certificatePem: undefined,
  keyPem: undefined,
  timeoutMs: 10_000,
  issuer: readIssuingCa({ name: 'users', certificatePem: issuing.certificatePem, chainPems: [] }, systemClock.nowMs()),
}

function issue(ca: TestCa, body: Buffer): Uint8Array {
  const { publicKeyDer } = readSigningRequest(decodeEstBody(body.toString()))
  const { publicKey } = keys
  if (Buffer.compare(publicKey.export({ type: 'spki', format: 'der' }), publicKeyDer) !== 0) throw new Error('key')
  return ca.issueClient({ commonName: 'user01', publicKey, privateKey: keys.privateKey }).der
}

function send(response: ServerResponse, ...ders: Uint8Array[]): void {
  response.setHeader('content-type', 'application/pkcs7-mime; smime-type=certs-only')
  response.end(encodeEstBody(buildCertsOnly(ders)))
}

const unavailable = (message: RegExp) => ({ code: 'signer_unavailable', message })

t.test('the certificate comes back, asked for as RFC 7030 says', async (t) => {
  let head: IncomingMessage | undefined
  const at = await serve(t, (request, response, body) => {
    head = request
    send(response, issue(issuing, body))
  })
  const der = await enrolAt({ ...at, url: `${at.url}/`, username: 'gateway', password: 'päss' }, csrDer)
  t.match(Buffer.from(der).toString('latin1'), /user01/)
  t.equal(head?.method, 'POST')
  t.equal(head?.url, '/.well-known/est/users/simpleenroll')
  t.match(head?.headers, { 'content-type': 'application/pkcs10', 'content-transfer-encoding': 'base64' })
  t.equal(head?.headers.authorization, `Basic ${Buffer.from('gateway:päss').toString('base64')}`)
})

t.test('the gateway shows its client certificate where it has one', async (t) => {
  const seen: (boolean | undefined)[] = []
  const at = await serve(t, (request, response, body) => {
    seen.push((request.socket as TLSSocket).authorized)
    send(response, issue(issuing, body))
  })
  await enrolAt(at, csrDer)
  await enrolAt({ ...at, certificatePem: gateway.certificatePem, keyPem: gateway.keyPem }, csrDer)
  t.same(seen, [false, true])
})

t.test('certificates of the CA beside it are passed over', async (t) => {
  const at = await serve(t, (_, response, body) => send(response, issuing.der, issue(issuing, body)))
  t.match(Buffer.from(await enrolAt(at, csrDer)).toString('latin1'), /user01/)
})

t.test('only the pinned CA is trusted for the service', async (t) => {
  const answer: Answer = (_, response, body) => send(response, issue(issuing, body))
  const at = await serve(t, answer)
  await t.rejects(enrolAt({ ...at, caPem: issuing.certificatePem }, csrDer), unavailable(/not trusted/))
  await t.rejects(enrolAt({ ...at, caPem: '' }, csrDer), { code: 'config_invalid' }, 'nor the system’s roots')
  const elsewhere = await serve(t, answer, serverCa.issueServer({ names: ['other.example'] }))
  await t.rejects(enrolAt(elsewhere, csrDer), unavailable(/ERR_TLS_CERT_ALTNAME_INVALID/))
})

t.test('a certificate of another CA, or for another key, is refused', async (t) => {
  const foreign = createTestCa({ commonName: 'issuing' })
  const byName = createTestCa({ commonName: 'elsewhere' })
  const at = await serve(t, (_, response, body) => send(response, issue(foreign, body)))
  await t.rejects(enrolAt(at, csrDer), unavailable(/not issued by users: signature/))
  const named = await serve(t, (_, response, body) => send(response, issue(byName, body)))
  await t.rejects(enrolAt(named, csrDer), unavailable(/not issued by users: name/))
  const other = await serve(t, (_, response) => send(response, issuing.issueClient({ commonName: 'user01' }).der))
  await t.rejects(enrolAt(other, csrDer), unavailable(/bears the requested key/))
})

t.test('answers other than a certificate say what to do', async (t) => {
  const answers: [number, Record<string, string>, string, string, RegExp][] = [
    [202, { 'retry-after': '120' }, '', 'signer_unavailable', /answers later; Retry-After: 120/],
    [202, { 'retry-after': 'x\u00e9<script>' }, '', 'signer_unavailable', /Retry-After: unknown/],
    [400, { 'content-type': 'text/plain' }, 'no\nsuch\tuser', 'signing_request_refused', /no such user/],
    [400, { 'content-type': 'text/html' }, '<b>no</b>', 'signing_request_refused', /refuses the request$/],
    [401, { 'www-authenticate': 'Basic' }, '', 'signer_unavailable', /check its certificate, username and password/],
    [302, { location: 'https://elsewhere.example/' }, '', 'signer_unavailable', /status 302/],
    [503, {}, '', 'signer_unavailable', /status 503/],
    [200, { 'content-type': 'text/html' }, 'hello', 'signer_unavailable', /no certs-only message/],
    [200, { 'content-type': 'application/pkcs7-mime' }, 'AAAA', 'signer_unavailable', /cannot be read/],
    [200, { 'content-type': 'application/pkcs7-mime' }, 'hello!', 'signer_unavailable', /cannot be read/],
    [200, { 'content-type': 'application/pkcs7-mime' }, 'A'.repeat(2_000_000), 'signer_unavailable', /too large/],
  ]
  for (const [status, headers, body, code, message] of answers) {
    const at = await serve(t, (_, response) => response.writeHead(status, headers).end(body))
    await t.rejects(enrolAt(at, csrDer), { code, message }, `${status} ${body.slice(0, 20)}`)
  }
})

t.test('a service that is away, silent or breaks off', async (t) => {
  await t.rejects(enrolAt(options, csrDer), unavailable(/ECONNREFUSED/))
  const silent = await serve(t, () => undefined)
  await t.rejects(enrolAt({ ...silent, timeoutMs: 200 }, csrDer), unavailable(/not answered within 200 ms/))
  const broken = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('AAAA', () => response.destroy())
  })
  await t.rejects(enrolAt(broken, csrDer), unavailable(/cannot be reached/))
})

t.test('a request that is none is not sent', async (t) => {
  await t.rejects(enrolAt(options, Uint8Array.of(1)), { code: 'signing_request_invalid' })
})
