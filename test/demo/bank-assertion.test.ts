// Goal: an assertion is accepted while it lives and its key is the gateway's, also after a new key, and asking for keys is
// bounded. Method: assertions signed on the spot, key sets from a function and from a real HTTPS server.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { exportJWK } from 'jose'
import t from 'tap'
import { createVerifyAssertion, fetchKeySet } from '../../src/demo/bank-assertion.ts'
import { app, audience, call, clock, fromCertificateDoor, keySet, next, sign, time } from './bank-client.ts'

t.teardown(() => app.close())

t.test('an assertion that was accepted once ends with its life', async (t) => {
  const headers = await fromCertificateDoor('user01')
  t.equal((await call({ headers })).status, 200)
  time.nowMs += 61_000
  t.equal((await call({ headers })).status, 403)
})

t.test('a new key of the gateway is found, but strangers cannot make the app ask all the time', async (t) => {
  let asked = 0
  const verify = createVerifyAssertion({
    audience,
    clock,
    jwks: async () => {
      asked++
      return keySet
    },
  })
  const claims = { sub: 'user01', login_method: 'certificate' }
  const assertion = await sign(claims, { ...next, kid: 'second' })
  await t.rejects(verify(assertion))
  for (let i = 0; i < 20; i++) await t.rejects(verify(assertion))
  t.equal(asked, 1)
  keySet.keys.push({ ...(await exportJWK(next.publicKey)), kid: 'second', alg: 'ES256' })
  time.monotonicMs += 1_000
  t.same(await verify(assertion), { loginMethod: 'certificate', loginId: 'user01' })
  t.equal(asked, 2)
})

t.test('the key set is fetched over HTTPS from whom the given CA vouches for', async (t) => {
  const folder = t.testdir()
  const [key, ca] = [join(folder, 'key.pem'), join(folder, 'ca.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...options, ...subject, '-keyout', key, '-out', ca], { stdio: 'ignore' })
  const answers: [status: number, body: string][] = []
  const server = createServer({ key: readFileSync(key), cert: readFileSync(ca) }, (_request, response) => {
    const [status, body] = answers.shift() ?? [500, '']
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  const pem = readFileSync(ca, 'utf8')
  answers.push([200, JSON.stringify(keySet)])
  t.same(await fetchKeySet({ url, ca: pem }), keySet)
  answers.push([404, '{}'], [200, 'no JSON'], [200, 'x'.repeat(1_000_000)])
  await t.rejects(fetchKeySet({ url, ca: pem }), /status is 404/)
  await t.rejects(fetchKeySet({ url, ca: pem }), SyntaxError)
  await t.rejects(fetchKeySet({ url, ca: pem }), /too large/)
  await t.rejects(fetchKeySet({ url, ca: rootCertificates[0] ?? '' }), /self-signed|unable to/)
})
