// Goal: https places are known by the configured CAs and no other, and no redirect leads out of https.
// Method: real HTTPS servers on the loopback with certificates of two CAs.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { listOf, startCrlGateway, url } from './crl-setting.ts'

const nowMs = systemClock.nowMs()
const webCa = createTestCa({ commonName: 'Web CA' })

async function serve(t: Test, listener: RequestListener, secure: { maxVersion?: 'TLSv1.1' } | undefined) {
  const { chainPem, keyPem } = webCa.issueServer()
  const server =
    secure === undefined
      ? createServer(listener)
      : createSecureServer({ cert: chainPem, key: keyPem, minVersion: 'TLSv1', ...secure }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `${secure === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('the CA of the list decides', async (t) => {
  const ca = createTestCa({ commonName: 'Branch CA' })
  const place = await serve(
    t,
    (_request, response) => response.end(crlOf(ca, nowMs, { number: 1, serials: ['a1'] })),
    {},
  )
  const lists = [listOf({ from: [url(place)], caPem: createTestCa({ commonName: 'Other CA' }).certificatePem })]
  const gateway = await startCrlGateway(t, { ca, lists })
  t.match(await gateway.sources.lookNow(), [{ result: 'unreachable', fault: /cannot be transferred/ }])
  gateway.reload([listOf({ from: [url(place)] })])
  t.match(await gateway.sources.lookNow(), [{ result: 'unreachable', fault: /no CA is configured/ }])
  gateway.reload([listOf({ from: [url(place)], caPem: webCa.certificatePem })])
  t.match(await gateway.sources.lookNow(), [{ result: 'applied' }])
})

t.test('old TLS is not spoken', async (t) => {
  const place = await serve(t, (_request, response) => response.end(), { maxVersion: 'TLSv1.1' })
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(place)], caPem: webCa.certificatePem })] })
  t.match(await gateway.sources.lookNow(), [{ result: 'unreachable' }])
})

t.test('a redirect from https to http is not followed, one from http to https is', async (t) => {
  const ca = createTestCa({ commonName: 'Branch CA' })
  const list = crlOf(ca, nowMs, { number: 1, serials: ['a1'] })
  const plain = await serve(t, (_request, response) => response.end(list), undefined)
  const down = await serve(t, (_request, response) => response.writeHead(302, { location: plain }).end(), {})
  const secure = await serve(t, (_request, response) => response.end(list), {})
  const up = await serve(t, (_request, response) => response.writeHead(302, { location: secure }).end(), undefined)
  const { certificatePem: caPem } = webCa
  const gateway = await startCrlGateway(t, { ca, lists: [listOf({ from: [url(down)], caPem })] })
  t.match(await gateway.sources.lookNow(), [{ result: 'unreachable', fault: /from https to http/ }])
  gateway.reload([listOf({ from: [url(up)], caPem })])
  t.match(await gateway.sources.lookNow(), [{ result: 'applied' }])
})
