import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startJudgingApp } from '../../behavior/judging-app.ts'
import { LiveClient, operatorOf, verdictOf, visitWithNode } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import type { ConfigChanges, DoorPorts } from '../../helpers/gateway-files.ts'
import { type SupervisedGateway, superviseGateway } from '../../helpers/supervised-gateway.ts'
import { createTestCa, type TestCertificate } from '../../helpers/test-ca.ts'
import { type GatewayUnderTest, type RunningGateway, withGateway } from '../../helpers/with-gateway.ts'

export const issuerName = 'test-issuing-ca'
export const ca = createTestCa({ commonName: issuerName })

let users = 0
/** A new user's certificate. */
export function newUser(loginId = `user${String(++users).padStart(2, '0')}`): TestCertificate {
  return ca.issueClient({ commonName: loginId })
}

/** Configuration of a gateway over a Redis at this port. */
export function overRedis(port: number, more: ConfigChanges = {}): ConfigChanges {
  return {
    ...more,
    store: { redis: { url: `redis://127.0.0.1:${port}`, connectTimeoutMs: 500, commandTimeoutMs: 500 } },
    revocation: { pollMs: 50, connectedCheckMs: 200, ...(more.revocation as object | undefined) },
  }
}

export async function startApp(t: Test): Promise<{ port: number }> {
  const app = await startJudgingApp()
  t.teardown(() => app.stop())
  return app
}

/** A gateway in this process; it ends with the test. */
export async function startHere(t: Test, options: GatewayUnderTest): Promise<RunningGateway> {
  const gateway = await withGateway({ issuingCa: ca, ...options })
  t.teardown(() => gateway.stop())
  return gateway
}

/** A gateway as an operator runs it, in processes of its own; it ends with the test. */
export async function startSupervisedHere(t: Test, options: GatewayUnderTest): Promise<SupervisedGateway> {
  const gateway = await superviseGateway({ issuingCa: ca, ...options })
  t.teardown(() => gateway.remove())
  return gateway
}

/** A folder for a gateway that is started more than once. */
export function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-redis-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

type Doors = { readonly ports: DoorPorts; readonly operatorsCa: RunningGateway['operatorsCa'] }

export function connect({ ports }: Pick<Doors, 'ports'>, certificate: TestCertificate): Promise<LiveClient> {
  return LiveClient.connect({ port: ports.certificate, certificate })
}

/** What a new connection with this certificate hears. */
export async function verdictAt({ ports }: Pick<Doors, 'ports'>, certificate: TestCertificate): Promise<string> {
  return verdictOf((await visitWithNode({ port: ports.certificate, certificate })).visited)
}

/** Resolves once a new connection with this certificate hears this. */
export async function untilVerdict(
  gateway: Pick<Doors, 'ports'>,
  certificate: TestCertificate,
  wanted: string,
): Promise<void> {
  await eventually(
    () => verdictAt(gateway, certificate),
    (verdict) => verdict === wanted,
    20_000,
  )
}

/** Revokes by serial number through the admin door; throws unless it was applied. */
export async function push(gateway: Doors, ...certificates: readonly TestCertificate[]) {
  const { status, body } = await operatorOf(gateway).call('POST', '/v1/revocations', {
    certificates: certificates.map(({ serial }) => ({ issuer: issuerName, serial })),
  })
  if (status !== 200) throw new Error(`Cannot revoke: ${JSON.stringify(body)}`)
  return body
}

/** The key of the set of revoked serial numbers, as a security team's script knows it. */
export const revokedSet = `{sekisho}:revoked:${ca.issuerId}`
