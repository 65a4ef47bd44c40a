// Goal: a gateway that resumes sessions, or does not answer with 200, never becomes a figure.
// Method: small TLS servers with and without tickets, asked by the same check that asks the gateways.
import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import t, { type Test } from 'tap'
import { createPki } from './pki.ts'
import { checkNoResumption } from './resumption-check.ts'

const pki = await createPki(t.testdir())

async function startServer(t: Test, options: { secureOptions: number; status: number }) {
  const server = createServer(
    {
      cert: readFileSync(pki.serverCertificateFile),
      key: readFileSync(pki.serverKeyFile),
      ca: readFileSync(pki.clientIssuersFile),
      requestCert: true,
      secureOptions: options.secureOptions,
    },
    (_request, response) => response.writeHead(options.status).end(),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  return { name: 'nginx' as const, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

t.test('a gateway that resumes is refused', async (t) => {
  const gateway = await startServer(t, { secureOptions: 0, status: 200 })
  await t.rejects(checkNoResumption(gateway, pki), /it resumed a session/)
})

t.test('a gateway that makes a full handshake again is accepted', async (t) => {
  const gateway = await startServer(t, { secureOptions: constants.SSL_OP_NO_TICKET, status: 200 })
  t.equal(await checkNoResumption(gateway, pki), 'resumption refused')
})

t.test('a gateway that denies is refused', async (t) => {
  const gateway = await startServer(t, { secureOptions: constants.SSL_OP_NO_TICKET, status: 403 })
  await t.rejects(checkNoResumption(gateway, pki), /it answered HTTP\/1\.1 403/)
})
