// The least an application behind Sekisho does: it believes the signed assertion and nothing else. Node 20 or later.
//
//   PORT=3000 JWKS=https://localhost:8442/.sekisho/jwks.json CA=certs/demo/root-ca.pem AUDIENCE=my-app node sample-app.js
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fetchKeySet, Keys, Refused, verifyAssertion } from './verify-assertion/verify-assertion.js'

const { PORT = '3000', JWKS, CA, AUDIENCE } = process.env
const ca = readFileSync(CA, 'utf8')
const keys = new Keys(() => fetchKeySet(JWKS, ca))

createServer(async (request, response) => {
  const { 'sekisho-assertion': assertion = '', 'client-cert': clientCert } = request.headers
  try {
    const claims = await verifyAssertion(assertion, { keys, audience: AUDIENCE, clientCert })
    response.end(`Hello ${claims.sub ?? 'guest'}, by ${claims.login_method}\n`)
  } catch (error) {
    console.error(`${request.headers['sekisho-request-id']}: ${error.message}`)
    if (error instanceof Refused) response.writeHead(403).end('This application answers its gateway only\n')
    else response.writeHead(503).end('The keys of the gateway cannot be read: try again\n')
  }
}).listen(Number(PORT), '127.0.0.1')
