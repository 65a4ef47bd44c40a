// Two gateways over one Redis, to which they show certificates, with everything that can be watched, so that no panel of a board is without a source: an application, an
// issuing CA that is published, and another CA with a CRL and an OCSP responder of its own.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { keyOf } from '../behavior/directory-seed.ts'
import { type RedisServer, startRedisServer } from '../helpers/redis-server.ts'
import { createTestCa, type TestCa, type TestCertificate } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { ocspResponse, startTestResponder } from '../helpers/test-ocsp.ts'
import { plainAnswer, serveWebSocket, TestUpstream } from '../helpers/upstream.ts'
import { type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

/** Names of the issuers in the configuration. */
export const issuerName = 'test-issuing-ca'
export const branchName = 'branch'

const usersCount = 24
const dayMs = 86_400_000

export type BoardWorld = {
  readonly app: TestUpstream
  readonly gateways: readonly RunningGateway[]
  readonly ca: TestCa
  readonly branch: TestCa
  /** Certificates that pass, by login ID. */
  readonly users: ReadonlyMap<string, TestCertificate>
  readonly branchUser: TestCertificate
  /** What Prometheus has to scrape: ports by the name of the gateway. */
  readonly targets: Readonly<Record<string, number>>
  stop(): Promise<void>
}

/** Starts all of it; resolves when the doors of both gateways are open. */
export async function startBoardWorld(): Promise<BoardWorld> {
  const ends: (() => unknown)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    const ca = createTestCa({ commonName: issuerName })
    const branch = createTestCa({ commonName: branchName })
    const users = issueUsers(ca)
    const storeCa = createTestCa({ commonName: 'store-ca' })
    const redis = await startStore(storeCa)
    ends.push(() => redis.stop())
    const app = await startApplication()
    ends.push(() => app.stop())
    const lists = await startBranchPki(branch, ends)
    const gateways: RunningGateway[] = []
    for (const gatewayName of ['gateway-a', 'gateway-b']) {
      const folder = mkdtempSync(join(tmpdir(), 'sekisho-boards-'))
      ends.push(() => rmSync(folder, { recursive: true, force: true }))
      writeFileSync(join(folder, 'issuer.key'), ca.keyPem, { mode: 0o600 })
      writeStoreFiles(folder, storeCa, gatewayName)
      const gateway = await withGateway({
        upstreamPort: app.port,
        issuingCa: ca,
        moreIssuers: { [branchName]: branch },
        folder,
        config: configOf({ gatewayName, redisUrl: redis.url, ...lists }),
        ...(gateways.length === 0 && { seed: seedOf(ca, users) }),
      })
      ends.push(() => gateway.stop())
      gateways.push(gateway)
    }
    const targets = Object.fromEntries(gateways.map(({ ports }, at) => [`gateway-${'ab'[at]}:9464`, ports.ops]))
    const branchUser = branch.issueClient({ commonName: 'branch01' })
    return { app, gateways, ca, branch, users, branchUser, targets, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Redis over TLS that takes only certificates of its CA. */
function startStore(storeCa: TestCa): Promise<RedisServer> {
  const own = storeCa.issueServer({ names: ['127.0.0.1'] })
  return startRedisServer(undefined, { tls: { ...own, caPem: storeCa.certificatePem } })
}

const storeTls = { ca: 'store-ca.pem', certificate: 'store.pem', key: 'store.key' }

function writeStoreFiles(folder: string, storeCa: TestCa, gatewayName: string): void {
  const own = storeCa.issueClient({ commonName: gatewayName })
  writeFileSync(join(folder, storeTls.ca), storeCa.certificatePem)
  writeFileSync(join(folder, storeTls.certificate), own.certificatePem)
  writeFileSync(join(folder, storeTls.key), own.keyPem, { mode: 0o600 })
}

/** They expire over the weeks that are counted. */
function issueUsers(ca: TestCa): ReadonlyMap<string, TestCertificate> {
  const nowMs = systemClock.nowMs()
  return new Map(
    Array.from({ length: usersCount }, (_, at) => {
      const commonName = `user${String(at + 1).padStart(2, '0')}`
      return [commonName, ca.issueClient({ commonName, notAfterMs: nowMs + (3 + 5 * at) * dayMs })]
    }),
  )
}

function seedOf(ca: TestCa, users: ReadonlyMap<string, TestCertificate>): DirectorySeed {
  const nowMs = systemClock.nowMs()
  return {
    contracts: [
      { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 },
      { contractId: 'yubin', loginMethod: 'password', certificateLimit: 100 },
    ],
    users: [
      ...[...users.keys()].map((loginId) => ({
        loginId,
        contractId: 'shoji',
        role: 'general' as const,
        email: `${loginId}@customer.test`,
      })),
      { loginId: 'branch01', contractId: 'shoji', role: 'general' },
      { loginId: 'pass01', contractId: 'yubin', role: 'general' },
    ],
    certificates: [...users].map(([loginId, certificate], at) => ({
      key: keyOf(ca, certificate),
      loginId,
      notBeforeMs: nowMs - 3_600_000,
      notAfterMs: nowMs + (3 + 5 * at) * dayMs,
    })),
    revoked: [],
  }
}

/** Echoes; says what became of a login, answers late on `/slow`, keeps WebSockets open on `/rates`, and breaks off on `/breaks`. */
async function startApplication(): Promise<TestUpstream> {
  const app = await TestUpstream.start()
  let logins = 0
  app.handle('/login', ({ body, socket }) => {
    const result = logins++ % 4 === 3 ? 'refused' : 'accepted'
    body.then(
      () => socket.write(plainAnswer(result, `Sekisho-Login-Result: ${result}\r\n`)),
      () => {},
    )
  })
  app.handle('/slow', ({ socket }) => void setTimeout(() => socket.write(plainAnswer('late')), 80))
  app.handle('/rates', serveWebSocket())
  app.handle('/breaks', ({ socket }) => void socket.destroy())
  return app
}

async function startBranchPki(branch: TestCa, ends: (() => unknown)[]): Promise<{ crlUrl: string; ocspUrl: string }> {
  const list = crlOf(branch, systemClock.nowMs(), { number: 7, serials: ['a1', 'a2', 'a3'] })
  const server = createServer((_request, response) => void response.end(list)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  const responder = await startTestResponder(({ certId, nonce }) =>
    ocspResponse({ signer: branch, nonce, answers: [{ certId }] }),
  )
  ends.push(() => responder.close())
  return { crlUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/branch.crl`, ocspUrl: responder.url }
}

function configOf(options: { gatewayName: string; redisUrl: string; crlUrl: string; ocspUrl: string }) {
  const { gatewayName, redisUrl, crlUrl, ocspUrl } = options
  return {
    gatewayName,
    issuers: [
      { name: issuerName, certificate: 'issuer.pem' },
      {
        name: branchName,
        certificate: 'issuer-branch.pem',
        crls: [{ name: 'crl', from: [crlUrl], pollSeconds: 60 }],
        ocsp: { url: ocspUrl, policy: 'mustBeGood', validitySeconds: 60 },
      },
    ],
    store: { redis: { url: redisUrl, tls: storeTls } },
    directory: 'embedded',
    certificates: { mustBeRegistered: false },
    issuing: {
      issuer: issuerName,
      signer: { kind: 'file', key: 'issuer.key' },
      subject: ['C=JP', 'O=Test Bank', 'CN={loginId}'],
    },
    publication: { baseUrl: 'http://pki.bank.test' },
    publicationDoor: {},
    publicDoor: { loginRequests: [{ path: '/login' }] },
    portal: { serviceName: { ja: '試験', en: 'Test' } },
    // Whatever the hour is, mails go out.
    notices: { from: 'notice@bank.test', outboxFolder: 'outbox', sendHour: 0 },
    revocation: { pollMs: 100, reconcileSeconds: 10 },
    accessLog: { file: 'access.log' },
    logLevel: 'error',
  }
}
