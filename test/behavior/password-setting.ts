import { join } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { DirectorySeed } from '../../src/lifecycle/seed-directory.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { TestUpstream } from '../helpers/upstream.ts'
import { type ConfigChanges, type GatewayUnderTest, type RunningGateway, withGateway } from '../helpers/with-gateway.ts'

/** One contract in each mode, and one more in password mode. */
export const passwordSeed: DirectorySeed = {
  contracts: [
    { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 },
    { contractId: 'yubin', loginMethod: 'password', certificateLimit: 100 },
    { contractId: 'kisen', loginMethod: 'password', certificateLimit: 100 },
  ],
  users: [
    { loginId: 'user01', contractId: 'shoji', role: 'general' },
    { loginId: 'pass01', contractId: 'yubin', role: 'general' },
    { loginId: 'pass02', contractId: 'yubin', role: 'general' },
    { loginId: 'pass03', contractId: 'kisen', role: 'general' },
  ],
  certificates: [],
  revoked: [],
}

/** Logins on `/login` and on everything below `/api/sessions`, sealed cookies, the directory above. */
export function passwordConfig(more: ConfigChanges = {}): ConfigChanges {
  return {
    directory: 'embedded',
    certificates: { mustBeRegistered: false },
    revocation: { pollMs: 10 },
    identity: { sealCookies: ['BANKSESSION'], sealingKey: Buffer.alloc(32, 7).toString('base64') },
    ...more,
    publicDoor: {
      loginRequests: [
        { path: '/login', bodyBytesMax: 4_096 },
        { path: '/api/sessions', loginIdField: 'login_id', includeBelow: true },
      ],
      ...more.publicDoor,
    },
  }
}

/** A gateway that knows the application's logins, and the application. */
export async function startPasswordSetting(
  t: Test,
  { config, ...options }: Omit<GatewayUnderTest, 'upstreamPort'> = {},
): Promise<{ app: TestUpstream; gateway: RunningGateway }> {
  const app = await TestUpstream.start()
  const gateway = await withGateway({
    upstreamPort: app.port,
    seed: passwordSeed,
    config: passwordConfig(config),
    ...options,
  })
  t.teardown(async () => {
    await gateway.stop()
    await app.stop()
  })
  return { app, gateway }
}

/** Its embedded store, opened as another process would. */
export function openStoreOf({ folder }: RunningGateway): Promise<EmbeddedStore> {
  return EmbeddedStore.open(join(folder, 'state', 'sekisho.db'), { clock: systemClock })
}

/** Logs in on a connection of its own; the session cookie as the browser keeps it. Throws unless the application answered. */
export async function sessionOf(gateway: RunningGateway, loginId: string, more = ''): Promise<string> {
  const client = await RawClient.connect(gateway, { door: 'public' })
  const answer = await client.send(formLogin(loginId, more)).answer()
  client.close()
  const cookie = answer.value('set-cookie')?.split(';')[0]
  if (cookie === undefined) throw new Error(`No session, but ${answer.status}`)
  return cookie
}

/** A login as a browser sends it. */
export function formLogin(loginId: string, more = ''): string {
  return requestOf(`loginId=${loginId}&password=secret`, more)
}

/** A POST to `/login` with this body. `more`: header lines, each with CRLF; Content-Type is among them unless it is a form. */
export function requestOf(body: string, more = ''): string {
  const type = /content-type:/i.test(more) ? '' : 'Content-Type: application/x-www-form-urlencoded\r\n'
  return `POST /login HTTP/1.1\r\nHost: localhost\r\n${type}${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
