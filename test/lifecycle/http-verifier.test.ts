// Goal: the banking application is asked as README.md says, and only its clear yes or no counts. Method: applications on loopback, with
// and without TLS, that answer well, late, wrongly, endlessly or not at all.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { GatewayError } from '../../src/base/errors.ts'
import { HttpVerifier, type HttpVerifierConfig } from '../../src/lifecycle/http-verifier.ts'
import { createPasswordVerifier } from '../../src/lifecycle/verifier-in-force.ts'
import { eventually } from '../helpers/eventually.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { passwords } from './samples.ts'

type Answerer = (request: IncomingMessage, response: ServerResponse, body: string) => void
const about = { requestId: 'r-1' }
const patience = { timeoutMs: 20_000 }
const plain = { caPem: undefined, certificatePem: undefined, keyPem: undefined }

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function startApplication(t: Test, answer: Answerer, changes: Partial<HttpVerifierConfig> = {}) {
  const requests: { readonly line: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString()
      requests.push({ line: `${request.method} ${request.url}`, headers: request.headers, body })
      answer(request, response, body)
    })
  })
  const port = await listen(t, server)
  const url = `http://127.0.0.1:${port}/internal/check-password?v=1`
  const config = { kind: 'http', url, ...patience, requestsAtOnceMax: 32, ...plain, ...changes } as const
  const verifier = new HttpVerifier(config)
  t.teardown(() => verifier.close())
  return { verifier, requests, server, config }
}

const json = (response: ServerResponse, body: string, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
const honest: Answerer = (_request, response, body) => {
  const { kind, password } = JSON.parse(body)
  json(response, JSON.stringify({ result: password === kind ? 'right' : 'wrong' }))
}

t.test('a clear yes and a clear no are passed on, and the question is what README.md says', async (t) => {
  const { verifier, requests } = await startApplication(t, honest)
  t.equal(await verifier.verify('login', 'user01', 'login', about), 'right')
  t.equal(await verifier.verify('login', 'user01', 'パスワード"\\', about), 'wrong')
  t.equal(await verifier.verify('confirmation', 'user01', 'confirmation', about), 'right')
  t.match(requests[0], {
    line: 'POST /internal/check-password?v=1',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
  })
  t.strictSame(JSON.parse(requests[1]?.body ?? ''), {
    kind: 'login',
    loginId: 'user01',
    password: 'パスワード"\\',
    requestId: 'r-1',
  })
  t.equal(JSON.parse(requests[2]?.body ?? '').kind, 'confirmation')
})

t.test('more fields, another order and a charset are no obstacle', async (t) => {
  const { verifier } = await startApplication(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
    response.end('{"note":"日本","result":"right"}\n')
  })
  t.equal(await verifier.verify('login', 'user01', 'x', about), 'right')
})

t.test('anything but a clear yes or no denies, and no message holds what was said', async (t) => {
  const secret = 'secret-9f86d081'
  const answers: Readonly<Record<string, Answerer>> = {
    'an empty answer': (_, response) => json(response, ''),
    garbage: (_, response) => json(response, `<html>${secret}`),
    'another word': (_, response) => json(response, '{"result":"RIGHT"}'),
    'a boolean': (_, response) => json(response, '{"result":true}'),
    'a list': (_, response) => json(response, '["right"]'),
    'no object': (_, response) => json(response, '"right"'),
    null: (_, response) => json(response, 'null'),
    'broken UTF-8': (_, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(Buffer.from('{"result":"right","x":"\xff"}', 'latin1')),
    'status 401': (_, response) => json(response, '{"result":"right"}', 401),
    'status 204': (_, response) => void response.writeHead(204).end(),
    'status 500': (_, response) => json(response, '{"result":"right"}', 500),
    'a redirect': (_, response) => void response.writeHead(307, { location: '/elsewhere' }).end(),
    'another type': (_, response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('{"result":"right"}'),
    'no type': (_, response) => void response.end('{"result":"right"}'),
    'a huge answer': (_, response) => json(response, JSON.stringify({ result: 'right', x: 'x'.repeat(5_000) })),
    'an endless answer': (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = (): void => void (response.destroyed || response.write('x'.repeat(1_000), () => setImmediate(more)))
      more()
    },
    'half an answer': (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{"result":"right"}', () => response.destroy())
    },
    'a closed connection': (request) => void request.socket.destroy(),
  }
  for (const [name, answer] of Object.entries(answers)) {
    const { verifier } = await startApplication(t, answer)
    const error = await verifier.verify('login', 'user01', secret, about).then(
      () => undefined,
      (reason: GatewayError) => reason,
    )
    t.match(error, { code: 'verifier_unavailable', message: /^Cannot check the password as/ }, name)
    t.notMatch(`${error?.message} ${String(error?.cause)}`, secret, name)
  }
})

t.test('an application that is down or slow denies, within the time given', async (t) => {
  const { verifier, server } = await startApplication(t, honest)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await t.rejects(verifier.verify('login', 'user01', 'login', about), {
    code: 'verifier_unavailable',
    message: /ECONNREFUSED/,
  })

  const never: Answerer = () => {}
  const slow = await startApplication(t, never, { timeoutMs: 50 })
  const late = { code: 'verifier_unavailable', message: /within 50 ms/ }
  await t.rejects(slow.verifier.verify('login', 'user01', 'login', about), late)
  const trickling: Answerer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{"result":')
  }
  const trickle = await startApplication(t, trickling, { timeoutMs: 50 })
  await t.rejects(trickle.verifier.verify('login', 'user01', 'login', about), late)
})

t.test('so many are asked at once, the others wait for their turn, and no longer than the time given', async (t) => {
  const held: ServerResponse[] = []
  const { verifier, requests } = await startApplication(t, (_, response) => void held.push(response), {
    requestsAtOnceMax: 2,
  })
  const asked = Array.from({ length: 5 }, () => verifier.verify('login', 'user01', 'login', about))
  await eventually(
    () => held.length,
    (length) => length === 2,
  )
  for (let answered = 0; answered < 5; answered++) {
    await eventually(
      () => held.length,
      (length) => length > 0,
    )
    t.ok(requests.length <= answered + 2, 'never more than two at once')
    json(held.shift() as ServerResponse, '{"result":"wrong"}')
  }
  t.strictSame(
    await Promise.all(asked),
    Array.from({ length: 5 }, () => 'wrong'),
  )

  const stuck = await startApplication(t, () => {}, { requestsAtOnceMax: 1, timeoutMs: 50 })
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => stuck.verifier.verify('login', 'user01', 'x', about)))
  t.strictSame(
    outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code),
    ['verifier_unavailable', 'verifier_unavailable', 'verifier_unavailable'],
  )
})

t.test('a connection that the application closed while it was idle costs nobody a login', async (t) => {
  let answers = 0
  const { verifier, requests } = await startApplication(t, (request, response, body) => {
    // What an idle timeout looks like from the other side: the connection is reset when the next question comes.
    if (answers++ === 1) return void request.socket.resetAndDestroy()
    honest(request, response, body)
  })
  t.equal(await verifier.verify('login', 'user01', 'login', about), 'right')
  t.equal(await verifier.verify('login', 'user01', 'login', about), 'right')
  t.equal(requests.length, 3)
})

t.test('over TLS only the configured CA is trusted, and our own certificate is shown', async (t) => {
  const ca = createTestCa({ commonName: 'app-ca' })
  const stranger = createTestCa({ commonName: 'other-ca' })
  const own = ca.issueClient({ commonName: 'gateway' })
  const shown: string[] = []
  const start = async (authority: typeof ca, name = '127.0.0.1') => {
    const { chainPem: cert, keyPem: key } = authority.issueServer({ names: [name] })
    const server = createTlsServer({ cert, key, ca: ca.certificatePem, requestCert: true, rejectUnauthorized: true })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      shown.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN))
      json(response, '{"result":"right"}')
    })
    return `https://127.0.0.1:${await listen(t, server)}/check`
  }
  const base = { kind: 'http', ...patience, requestsAtOnceMax: 2 } as const
  const mine = { caPem: ca.certificatePem, certificatePem: own.certificatePem, keyPem: own.keyPem }
  const ask = async (url: string, tls: Partial<typeof mine>) => {
    const verifier = new HttpVerifier({ ...base, url, ...plain, ...tls })
    t.teardown(() => verifier.close())
    return await verifier.verify('login', 'user01', 'login', about)
  }
  const good = await start(ca)
  t.equal(await ask(good, mine), 'right')
  t.strictSame(shown, ['gateway'])
  await t.rejects(ask(good, { caPem: mine.caPem }), { code: 'verifier_unavailable' }, 'without our certificate')
  await t.rejects(ask(await start(stranger), mine), { code: 'verifier_unavailable', message: /CERT|ISSUER|SIGNATURE/ })
  const elsewhere = await start(ca, 'other.example')
  await t.rejects(ask(elsewhere, mine), { code: 'verifier_unavailable', message: /ALTNAME/ })
  t.equal(shown.length, 1, 'nobody else was told a password')
})

t.test('a reload changes whom is asked from the next question on', async (t) => {
  const yes = await startApplication(t, (_, response) => json(response, '{"result":"right"}'))
  const no = await startApplication(t, (_, response) => json(response, '{"result":"wrong"}'))
  let verifier: typeof passwords.verifier = yes.config
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const store = { user: async () => undefined }
  const inForce = createPasswordVerifier({ passwords: () => ({ ...passwords, verifier }), log, store })
  t.equal(await inForce.verify('login', 'user01', 'x', about), 'right')
  verifier = no.config
  t.equal(await inForce.verify('login', 'user01', 'x', about), 'wrong')
  verifier = { ...yes.config }
  t.equal(await inForce.verify('login', 'user01', 'x', about), 'right')
  verifier = { kind: 'directory' }
  t.equal(await inForce.verify('login', 'user01', 'x', about), 'wrong')
  t.strictSame([yes.requests.length, no.requests.length], [2, 1])
})
