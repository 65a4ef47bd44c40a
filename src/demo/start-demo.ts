import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import { type LoadedConfig, parseConfig } from '../config/load-config.ts'
import { maskRedisUrl, readRedisUrl } from '../config/redis-url.ts'
import { nameStore } from '../config/summarise-config.ts'
import type { DirectorySeed } from '../lifecycle/seed-directory.ts'
import { certificateKey } from '../x509/certificate-key.ts'
import { type BankApp, startBankApp } from './bank-app.ts'
import { createVerifyAssertion, fetchKeySet } from './bank-assertion.ts'
import { demoAudience, demoConfigText, demoPorts } from './demo-config.ts'
import type { DemoPki } from './demo-files.ts'
import { demoContracts, demoPasswordHashes, demoPeople } from './demo-people.ts'
import { ensureDemoPki } from './demo-pki.ts'
import { welcomeText } from './welcome-text.ts'

const offsetMax = 50_000
const certificatesPerContractMax = 100

export type DemoPlace = {
  /** The clone. */
  readonly root: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The demo as both its processes see it. It keeps trust in Redis where `SEKISHO_REDIS_URL` names one, else in its state folder. */
export type Demo = {
  readonly config: GatewayConfig
  readonly warnings: readonly string[]
  readonly files: readonly string[]
  /** Reads it again. */
  readonly load: () => LoadedConfig
  readonly pki: DemoPki
  /** Added to every port. */
  readonly offset: number
  readonly seed: DirectorySeed
}

/** Reads the demo's configuration; makes its PKI first if there is none. Throws `config_invalid` for environment variables. */
export async function loadDemo({ root, env }: DemoPlace): Promise<Demo> {
  const offset = readOffset(env.SEKISHO_PORT_OFFSET)
  const shared = usesRedis(env.SEKISHO_REDIS_URL)
  const pki = await ensureDemoPki({ folder: join(root, 'certs', 'demo'), clock: systemClock })
  const text = demoConfigText({ files: pki.files, folder: root, offset, shared })
  const load = () => parseConfig(text, { env, clock: systemClock, folder: root, source: 'the demo' })
  return { ...load(), load, pki, offset, seed: demoSeed(pki) }
}

/** The sample bank behind the demo's gateway. It belongs to the supervisor and outlives the gateway process. */
export class DemoBank {
  readonly #place: DemoPlace
  #app: BankApp | undefined
  #welcome = ''

  constructor(place: DemoPlace) {
    this.#place = place
  }

  /** Resolves when it answers; rejects when its port is taken. */
  async start(): Promise<void> {
    const { config, pki, offset } = await loadDemo(this.#place)
    this.#app = await startSampleBank(config, pki, offset)
    this.#welcome = welcomeText({ root: this.#place.root, pki, offset, store: describeStore(config) })
  }

  /** What to do with the demo, for people. */
  welcome(): string {
    return this.#welcome
  }

  async close(): Promise<void> {
    await this.#app?.close()
  }
}

function startSampleBank(config: GatewayConfig, pki: DemoPki, offset: number): Promise<BankApp> {
  const publicUrl = `https://localhost:${demoPorts.public + offset}`
  const ca = readFileSync(pki.files.rootCa, 'utf8')
  return startBankApp({
    host: '127.0.0.1',
    port: demoPorts.bankApp + offset,
    institution: config.institution,
    people: demoPeople,
    certificateUrl: `https://localhost:${demoPorts.certificate + offset}`,
    enrolmentUrl: '/.sekisho/issue',
    timeZone: config.timeZone,
    clock: systemClock,
    verifyAssertion: createVerifyAssertion({
      jwks: () => fetchKeySet({ url: `${publicUrl}/.sekisho/jwks.json`, ca }),
      audience: demoAudience,
      clock: systemClock,
    }),
  })
}

function demoSeed(pki: DemoPki): DirectorySeed {
  const certificates = pki.users.map(({ loginId, certificate }) => ({
    publicKeyHash: hash('sha256', certificate.publicKeyDer, 'base64url'),
    key: certificateKey(pki.issuerId, certificate.serial),
    loginId,
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
  }))
  const revoked = new Set(
    demoPeople.filter(({ certificate }) => certificate === 'revoked').map(({ loginId }) => loginId),
  )
  return {
    contracts: demoContracts.map(({ contractId, loginMethod, name }) => ({
      contractId,
      name: name.ja,
      loginMethod,
      certificateLimit: certificatesPerContractMax,
    })),
    users: demoPeople.map(({ loginId, contractId, role, displayName }) => ({
      loginId,
      contractId,
      role,
      name: displayName,
      email: `${loginId}@${contractId}.example`,
      credentials: demoPasswordHashes,
    })),
    certificates,
    revoked: certificates.filter(({ loginId }) => revoked.has(loginId)).map(({ key }) => key),
  }
}

function readOffset(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  const offset = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (offset <= offsetMax) return offset
  throw new GatewayError(
    'config_invalid',
    `Cannot use SEKISHO_PORT_OFFSET as a whole number from 0 to ${offsetMax}: current value is ${JSON.stringify(text)}`,
  )
}

/** Throws for what is no URL of Redis; a password in it is never repeated. */
function usesRedis(url: string | undefined): boolean {
  if (url === undefined || url === '') return false
  const read = readRedisUrl(url)
  if (!('fault' in read)) return true
  throw new GatewayError(
    'config_invalid',
    `Cannot use SEKISHO_REDIS_URL as a Redis URL such as redis://localhost:6379/0, redis://user:password@host:6379/0 or rediss://host:6379/0: current value is ${JSON.stringify(maskRedisUrl(url))} (${read.fault})`,
    { path: 'SEKISHO_REDIS_URL' },
  )
}

function describeStore({ store, stateFolder }: GatewayConfig): string {
  const folder = `${basename(stateFolder)}/`
  if (store.kind === 'embedded') return `${folder} (embedded)`
  return `${nameStore(store)}, shared by every gateway that uses it; snapshot in ${folder}`
}
