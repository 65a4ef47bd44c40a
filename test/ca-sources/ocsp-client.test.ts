// Goal: questions reach a responder as RFC 6960 A.1 has them, over connections that are kept, over TLS only where a configured CA vouches for it.
// Method: the real client against servers on loopback that note what comes.
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { OcspClient } from '../../src/ca-sources/ocsp-client.ts'
import { buildOcspRequest } from '../../src/x509/ocsp/build-request.ts'
import { encodeCertId } from '../../src/x509/ocsp/cert-id.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { startTestResponder } from '../helpers/test-ocsp.ts'
import { certIdFor } from './ocsp-world.ts'

const question = buildOcspRequest({ certIds: [certIdFor('a1')] })
const settings = { caPem: undefined, timeoutMs: 5_000, requestsAtOnceMax: 2 }

t.test('POST with the right types, over one connection', async (t) => {
  const seen: (string | undefined)[][] = []
  const ports = new Set<number | undefined>()
  const responder = await startTestResponder(({ request, certId }) => {
    const { method, url, headers } = request
    seen.push([method, url, headers['content-type'], headers.accept, headers['transfer-encoding']])
    ports.add(request.socket.remotePort)
    return encodeCertId(certId)
  })
  const client = new OcspClient({ ...settings, url: responder.url })
  t.teardown(() => {
    client.close()
    return responder.close()
  })
  for (let count = 0; count < 3; count++) {
    t.same(await client.ask(question), Buffer.from(encodeCertId(certIdFor('a1'))))
  }
  t.same(seen[2], ['POST', '/ocsp', 'application/ocsp-request', 'application/ocsp-response', undefined])
  t.equal(ports.size, 1)
})

t.test('a kept connection that the responder closes meanwhile is no failure', async (t) => {
  let count = 0
  const responder = await startTestResponder(({ request }) => {
    if (++count !== 2) return Buffer.of(1)
    request.socket.resetAndDestroy()
    return undefined
  })
  const client = new OcspClient({ ...settings, url: responder.url })
  t.teardown(() => {
    client.close()
    return responder.close()
  })
  await client.ask(question)
  await client.ask(question)
  t.equal(count, 3, 'asked once more on a new connection')
  count = 1
  const fresh = new OcspClient({ ...settings, url: responder.url })
  t.teardown(() => fresh.close())
  await t.rejects(fresh.ask(question), { code: 'ocsp_unavailable' }, 'on a new one it is')
})

t.test('64 KiB are read, and no more', async (t) => {
  let bytes = 65_536
  const responder = await startTestResponder(() => Buffer.alloc(bytes))
  const client = new OcspClient({ ...settings, url: responder.url })
  t.teardown(() => {
    client.close()
    return responder.close()
  })
  t.equal((await client.ask(question)).length, bytes)
  bytes++
  await t.rejects(client.ask(question), { code: 'ocsp_unavailable', message: /longer than 65536 bytes/ })
})

t.test('close ends what is under way, and nothing is asked later', async (t) => {
  const responder = await startTestResponder(() => undefined)
  t.teardown(() => responder.close())
  const client = new OcspClient({ ...settings, url: responder.url })
  const asked = client.ask(question)
  const failed = t.rejects(asked, { code: 'ocsp_unavailable' })
  await responder.questions(1)
  client.close()
  await failed
  await t.rejects(client.ask(question), { code: 'ocsp_unavailable', message: /stopping/ })
  t.equal(responder.asked.length, 1)
})

t.test('https: only with a CA that is configured, and for the right name', async (t) => {
  const webCa = createTestCa({ commonName: 'Web CA' })
  const good = webCa.issueServer()
  const misnamed = webCa.issueServer({ names: ['elsewhere.example'] })
  const listen = async ({ certificatePem, keyPem }: typeof good) => {
    const server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
      request.resume().on('end', () => response.setHeader('content-type', 'application/ocsp-response').end('yes'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }
  const ask = async (url: string, caPem: string | undefined) => {
    const client = new OcspClient({ ...settings, url, caPem })
    t.teardown(() => client.close())
    return client.ask(question)
  }
  const url = await listen(good)
  t.equal(String(await ask(url, webCa.certificatePem)), 'yes')
  const untrusted = { code: 'ocsp_unavailable', message: /not trusted/ }
  await t.rejects(ask(url, undefined), untrusted, 'no CA')
  await t.rejects(ask(url, createTestCa({ commonName: 'Web CA' }).certificatePem), untrusted, 'another CA of this name')
  await t.rejects(ask(await listen(misnamed), webCa.certificatePem), untrusted, 'another server’s certificate')
})
