import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'
import { type LoadedConfig, parseConfig } from '../config/load-config.ts'
import type { DirectorySeed } from '../lifecycle/seed-directory.ts'
import { certificateKey } from '../x509/certificate-key.ts'
import { type BankApp, startBankApp } from './bank-app.ts'
import { createVerifyAssertion, fetchKeySet } from './bank-assertion.ts'
import { demoAudience, demoConfigText, demoPorts } from './demo-config.ts'
import type { DemoPki } from './demo-files.ts'
import { demoContracts, demoPasswords, demoPeople } from './demo-people.ts'
import { ensureDemoPki } from './demo-pki.ts'

const offsetMax = 50_000
const certificatesPerContractMax = 100

export type DemoPlace = {
  /** The clone. */
  readonly root: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The demo as both its processes see it. */
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
  if (env.SEKISHO_REDIS_URL) {
    throw new GatewayError(
      'config_invalid',
      'Cannot use SEKISHO_REDIS_URL as a store: this version has the embedded store only',
    )
  }
  const pki = await ensureDemoPki({ folder: join(root, 'certs', 'demo'), clock: systemClock })
  const text = demoConfigText({ files: pki.files, folder: root, offset })
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
    this.#welcome = welcome(this.#place.root, pki, offset)
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
    key: certificateKey(pki.issuerId, certificate.serial),
    loginId,
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
  }))
  const revoked = new Set(
    demoPeople.filter(({ certificate }) => certificate === 'revoked').map(({ loginId }) => loginId),
  )
  return {
    contracts: demoContracts.map(({ contractId, loginMethod }) => ({
      contractId,
      loginMethod,
      certificateLimit: certificatesPerContractMax,
    })),
    users: demoPeople.map(({ loginId, contractId, role }) => ({ loginId, contractId, role })),
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

function welcome(root: string, pki: DemoPki, offset: number): string {
  const place = (file: string) => relative(root, file)
  const url = (name: 'certificate' | 'public') => `https://localhost:${demoPorts[name] + offset}/`
  const curl = `curl --cacert ${place(pki.files.rootCa)}`
  const as = (loginId: string) => `--cert certs/demo/users/${loginId}.pem --key certs/demo/users/${loginId}.key`
  return `
Sekisho demo bank / せきしょデモ銀行
  Open    ${url('certificate')}  (client certificate)   ${url('public')}  (login top page)
  Import  ${place(pki.files.rootCa)} as a trusted root, certs/demo/users/user01.p12 as yours (password ${demoPasswords.pkcs12})
  Log in  as user01 with the login password ${demoPasswords.login}
  Try     allowed          ${curl} ${as('user01')} ${url('certificate')}
          no certificate   ${curl} ${url('certificate')}
          revoked          ${curl} ${as('user06')} ${url('certificate')}
  Revoke  npx sekisho revoke --login-id user02 --apply
  Watch   http://127.0.0.1:${demoPorts.ops + offset}/metrics    Stop: Ctrl-C
`
}
