// Goal: a gateway that does not answer over HTTP/2 is never measured as one that does. Method: small TLS servers that
// choose HTTP/1.1, refuse, or answer as they should.
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import t from 'tap'
import { checkHttp2 } from './http2-check.ts'
import { createPki } from './pki.ts'

t.test('only HTTP/2 with 200 passes', async (t) => {
  const pki = await createPki(t.testdir())
  const tls = { cert: readFileSync(pki.serverCertificateFile), key: readFileSync(pki.serverKeyFile) }
  const check = async (server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())))
    await checkHttp2({ name: 'nginx', port: (server.address() as AddressInfo).port }, pki)
  }
  const answering = (status: number): Server => {
    const server = createSecureServer(tls)
    server.on('request', (_request, response) => response.writeHead(status).end('x'))
    return server
  }
  await check(answering(200))
  await t.rejects(check(answering(403)), /Cannot measure nginx over HTTP\/2: .*answered 403/)
  const older = createServer(tls, (_request, response) => response.writeHead(200).end('x'))
  await t.rejects(check(older), /Cannot measure nginx over HTTP\/2/)
})
