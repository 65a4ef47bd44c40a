// A real portal server on a Unix socket with the real life of certificates over a real store, two TLS doors in front of it that write
// the identity lines as workers do, and people to enrol.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, request as startRequest } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { GatewayError } from '../../../src/base/errors.ts'
import { issuingFile } from '../../../src/config/issuing-file.ts'
import { passwordsFile, portalFile } from '../../../src/config/portal-file.ts'
import type { ControlAuditEvent } from '../../../src/control-path/ports.ts'
import type { PasswordVerifier } from '../../../src/lifecycle/password-verifier.ts'
import type { LifecyclePorts } from '../../../src/lifecycle/ports.ts'
import { estRoutes } from '../../../src/portal/est/est-routes.ts'
import { startPortalServer } from '../../../src/portal/portal-server.ts'
import { createFileSigner } from '../../../src/signing/file-signer.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { parseCertificateProfile } from '../../../src/x509/certificate-profile.ts'
import { readIssuingCa } from '../../../src/x509/issuing-ca.ts'
import { startFakeGateway } from '../../control-path/fake-gateway.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { createTestCa } from '../../helpers/test-ca.ts'

export const root = createTestCa({ commonName: 'Test Root' })
export const issuingCa = root.childCa({ commonName: 'test-issuing-ca' })
const server = root.issueServer()

export const password = 'sekisho-demo'

export type EstWorldOptions = {
  /** Fields of `issuing`. */
  readonly issuing?: Readonly<Record<string, unknown>>
  readonly verify?: PasswordVerifier['verify']
  readonly change?: (ports: LifecyclePorts) => LifecyclePorts
}

export type EstWorld = Awaited<ReturnType<typeof startEstWorld>>

/** Users master01, user01 to user03 of the contract demo-shoji, who may have three certificates; pass01 logs in with a password. */
export async function startEstWorld(t: Test, options: EstWorldOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-est-'))
  const clock = new FakeClock(systemClock.nowMs())
  const store = await EmbeddedStore.open(join(folder, 'sekisho.db'), { clock, busyMaxMs: 200 })
  const gateway = await startFakeGateway(t, { store })
  const audited: ControlAuditEvent[] = []
  await addPeople(gateway)
  const base = portsOver(gateway, { clock, audited, options })
  const ports = options.change?.(base) ?? base
  const socketPath = join(folder, 'portal.sock')
  const portal = await startPortalServer({
    socketPath,
    routes: estRoutes<{ lifecycle: LifecyclePorts }>(),
    services: { lifecycle: ports },
    limits: () => ({ bodyBytesMax: 65_536, requestsAtOnceMax: 64 }),
    faultAnswer: (error) => ({
      status: error instanceof GatewayError ? error.status : 500,
      contentType: 'text/html',
      body: `page: ${error instanceof GatewayError ? error.code : error}`,
    }),
    log: { error: (message, fields) => t.comment(message, fields) },
  })
  const publicPort = await startDoor(t, { socketPath, door: 'public' })
  const certificatePort = await startDoor(t, { socketPath, door: 'certificate' })
  t.teardown(async () => {
    await portal.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { ...gateway, ports, clock, audited, folder, socketPath, publicPort, certificatePort }
}

async function addPeople({ store }: Awaited<ReturnType<typeof startFakeGateway>>): Promise<void> {
  const contractId = 'demo-shoji'
  await store.upsertContract({ contractId, loginMethod: 'certificate', certificateLimit: 3 })
  await store.upsertUser({ loginId: 'master01', contractId, role: 'master' })
  for (const loginId of ['user01', 'user02', 'user03', 'a:b']) {
    await store.upsertUser({ loginId, contractId, role: 'general' })
  }
  await store.upsertContract({ contractId: 'demo-yubin', loginMethod: 'password', certificateLimit: 100 })
  await store.upsertUser({ loginId: 'pass01', contractId: 'demo-yubin', role: 'master' })
}

function portsOver(
  gateway: Awaited<ReturnType<typeof startFakeGateway>>,
  { clock, audited, options }: { clock: FakeClock; audited: ControlAuditEvent[]; options: EstWorldOptions },
): LifecyclePorts {
  const { store, publisher, workers } = gateway
  const { certificatePem } = issuingCa
  const ca = readIssuingCa({ name: 'test-issuing-ca', certificatePem, chainPems: [root.certificatePem] }, clock.nowMs())
  const written = issuingFile.parse({
    issuer: ca.name,
    signer: { kind: 'file', key: 'unused.key' },
    subject: ['C=JP', 'O=Test Bank', 'OU={contractId}', 'CN={loginId}'],
    renewalDays: 400,
    ...options.issuing,
  })
  if (written === undefined) throw new Error('no issuing')
  const config = { ...written, signer: { kind: 'file', keyPem: issuingCa.keyPem, keyPassword: undefined } } as const
  const maker = { kind: 'own', signer: createFileSigner({ keyPem: issuingCa.keyPem, keyPassword: undefined }) } as const
  const issuing = { config, ca, profile: parseCertificateProfile(config), maker }
  const { verifier: _verifier, ...passwords } = passwordsFile.parse({})
  const {
    enabled: _enabled,
    publicAuthority: _public,
    certificateAuthority: _certificate,
    ...portal
  } = portalFile.parse({})
  const verify: PasswordVerifier['verify'] = async (_kind, _loginId, shown) => (shown === password ? 'right' : 'wrong')
  return {
    store,
    publisher,
    workers,
    issuers: [{ name: ca.name, issuerId: ca.issuerId }],
    issuingCas: () => [ca],
    directory: 'embedded',
    audit: (event) => void audited.push(event),
    issuing: () => issuing,
    passwords: () => ({ ...passwords, verifier: { kind: 'directory' } }),
    portal: () => ({ ...portal, publicAuthority: undefined, certificateAuthority: 'login.bank.example:443' }),
    revokedUntilMs: async () => undefined,
    revokedByRule: async () => new Set(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    verifier: { verify: options.verify ?? verify },
    nowMs: () => clock.nowMs(),
    pause: async () => {},
  }
}

/** Does what a worker does for the pages: takes away what a client says of itself, and says who is there. */
async function startDoor(t: Test, { socketPath, door }: { socketPath: string; door: 'public' | 'certificate' }) {
  const tls: ServerOptions = {
    cert: server.chainPem,
    key: server.keyPem,
    ...(door === 'certificate'
      ? { requestCert: true, rejectUnauthorized: true, ca: [root.certificatePem, issuingCa.certificatePem] }
      : {}),
  }
  const listener = createServer(tls, (request, response) => forward(request, response, { socketPath, door }))
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => {
    listener.closeAllConnections()
    listener.close()
  })
  return (listener.address() as AddressInfo).port
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { socketPath, door }: { socketPath: string; door: 'public' | 'certificate' },
): void {
  const identity = door === 'public' ? { 'sekisho-login-method': 'password' } : identityOf(request.socket as TLSSocket)
  const headers = {
    ...request.headers,
    ...identity,
    'x-forwarded-for': request.socket.remoteAddress,
    'sekisho-request-id': 'request-1',
  }
  const { method, url } = request
  const upstream = startRequest({ socketPath, method, path: url, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  upstream.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502).end()
  })
  request.pipe(upstream)
}

function identityOf(socket: TLSSocket) {
  const certificate = socket.getPeerX509Certificate()
  const der = (bytes: Uint8Array) => `:${Buffer.from(bytes).toString('base64')}:`
  return {
    'sekisho-login-method': 'certificate',
    'sekisho-login-id': /^CN=(.*)$/m.exec(certificate?.subject ?? '')?.[1],
    'sekisho-contract-id': 'demo-shoji',
    'sekisho-user-role': 'general',
    'client-cert': der(certificate?.raw ?? new Uint8Array()),
    'client-cert-chain': der(issuingCa.der),
  }
}
