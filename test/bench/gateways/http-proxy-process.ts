/**
 * The baseline as its users run it: node:https asks for the client certificate, http-proxy forwards, the agent keeps
 * upstream connections. Answers the message `sessionsResumed` with the number of TLS sessions it resumed.
 */
import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { createRequire } from 'node:module'
import type { TLSSocket } from 'node:tls'

type Settings = {
  readonly port: number
  readonly upstreamPort: number
  readonly certificateFile: string
  readonly keyFile: string
  readonly clientIssuersFile: string
}
type Identity = { readonly serial: string; readonly name: string; readonly certificate: string }
/** The part of http-proxy used here; the package carries no types. */
type Proxy = {
  web(request: IncomingMessage, response: ServerResponse): void
  on(event: 'error', listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): void
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings
const { createProxyServer } = createRequire(import.meta.url)('http-proxy') as {
  createProxyServer(options: object): Proxy
}
const proxy = createProxyServer({
  target: `http://127.0.0.1:${settings.upstreamPort}`,
  agent: new Agent({ keepAlive: true, maxSockets: 256 }),
  xfwd: true,
})
proxy.on('error', (_error, _request, response) => {
  response.writeHead(502).end()
})

const identities = new WeakMap<TLSSocket, Identity>()
let sessionsResumed = 0
const server = createServer(
  {
    cert: readFileSync(settings.certificateFile),
    key: readFileSync(settings.keyFile),
    ca: readFileSync(settings.clientIssuersFile),
    requestCert: true,
    rejectUnauthorized: true,
    ecdhCurve: 'X25519:P-256',
    // As for the others, no session may be resumed: without tickets Node would need a session store to do so.
    secureOptions: constants.SSL_OP_NO_TICKET,
    keepAliveTimeout: 300_000,
  },
  (request, response) => {
    const identity = identities.get(request.socket as TLSSocket)
    request.headers['x-client-serial'] = identity?.serial
    request.headers['x-client-dn'] = identity?.name
    request.headers['client-cert'] = identity?.certificate
    proxy.web(request, response)
  },
)
server.on('secureConnection', (socket) => {
  if (socket.isSessionReused()) sessionsResumed++
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return
  identities.set(socket, {
    serial: certificate.serialNumber,
    name: certificate.subject.replaceAll('\n', ','),
    certificate: `:${certificate.raw.toString('base64')}:`,
  })
})
process.on('message', () => process.send?.(sessionsResumed))
process.on('disconnect', () => process.exit(0))
server.listen({ host: '127.0.0.1', port: settings.port, backlog: 1_024 })
