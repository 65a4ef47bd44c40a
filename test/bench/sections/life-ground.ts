import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '../../../src/base/clock.ts'
import type { TrustStore } from '../../../src/control-path/store-port.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { readPemCertificate } from '../../../src/x509/read-pem-certificate.ts'
import { openRedisStore } from '../bench-store.ts'
import { nextMessage, startClient } from '../client-process.ts'
import { type IssuingSekisho, startIssuingSekisho, storeFileIn } from '../life-gateway.ts'
import type { IssueReport, IssueSettings } from '../life-issue-client.ts'
import type { LifeOptions } from '../life-options.ts'
import type { Order } from '../life-orders.ts'
import { contractAt, contractsOf, contractUsers, loginIdAt, type People } from '../life-people.ts'
import type { LifePki } from '../life-pki.ts'
import { seedFile, seedStore } from '../life-seeding.ts'
import { startRedis } from '../redis-process.ts'
import type { Bar, Section } from '../report.ts'
import { makeClient, type Pair } from '../revocation-pki.ts'
import { type Ground, siteOf } from '../session.ts'

/** Where trust is kept. */
export const storeKinds = ['embedded', 'redis'] as const
export type StoreKind = (typeof storeKinds)[number]
export const storeLabels: Readonly<Record<StoreKind, string>> = { embedded: 'embedded store', redis: 'Redis' }

/** What one part has found. */
export type PartResult = {
  readonly section: Section
  readonly bars: readonly Bar[]
  readonly notes?: readonly string[]
}

/** Seeding that takes longer is given up. Unit: milliseconds. */
export const seedTimeoutMs = 420_000

/** A gateway that issues, with users who have no certificate yet. */
export type LifeGateway = IssuingSekisho & {
  readonly kind: StoreKind
  /** The store that it uses, opened by this program. */
  readonly store: TrustStore
  /** The master of a contract of 100 users, who all have a certificate. */
  readonly master: Pair
  /** So many login IDs that were not taken before, none of which has a certificate. Throws when there are no more. */
  readonly takeLoginIds: (count: number) => string[]
}

/** What the parts share: a gateway over each kind of store, started when it is first asked for. */
export class LifeGround {
  readonly ground: Ground & { readonly pki: LifePki }
  readonly options: LifeOptions
  readonly #gateways = new Map<StoreKind, Promise<LifeGateway>>()

  constructor(ground: Ground & { readonly pki: LifePki }, options: LifeOptions) {
    this.ground = ground
    this.options = options
  }

  get pki(): LifePki {
    return this.ground.pki
  }

  tell(line: string): void {
    this.ground.tell(`life: ${line}`)
  }

  folder(name: string): string {
    return join(this.ground.folder, name)
  }

  /** A new Redis with nothing in it. It shares the load's CPU: the gateway has its own. */
  startRedis() {
    const { folder, cores, processes } = this.ground
    return startRedis({ folder, cores: cores.load, processes })
  }

  gateway(kind: StoreKind): Promise<LifeGateway> {
    let gateway = this.#gateways.get(kind)
    if (gateway === undefined) {
      gateway = this.#start(kind)
      this.#gateways.set(kind, gateway)
    }
    return gateway
  }

  /**
   * Has the client program ask for these certificates while `meanwhile` runs, if it is given; then the client ends with it. Throws when
   * one was not issued.
   */
  async issue<T = undefined>(
    gateway: Pick<IssuingSekisho, 'publicPort' | 'output'>,
    job: { orders: readonly Order[]; perSecond: number; meanwhile?: () => Promise<T> },
  ): Promise<IssueReport & { readonly meanwhile: T | undefined }> {
    const { processes, cores } = this.ground
    const ordersFile = this.folder('orders.json')
    await writeFile(ordersFile, JSON.stringify(job.orders))
    const settings: IssueSettings = {
      port: gateway.publicPort,
      rootFile: this.pki.rootFile,
      ordersFile,
      perSecond: job.perSecond,
    }
    const client = startClient('life-issue-client.ts', { processes, cores: cores.load, settings })
    try {
      const wait = { what: `issue ${job.orders.length} certificates`, timeoutMs: issueTimeoutMs }
      await nextMessage(client, wait)
      const reported = nextMessage(client, wait) as Promise<IssueReport>
      reported.catch(() => {})
      client.child.send('begin')
      const meanwhile = await job.meanwhile?.()
      if (job.meanwhile !== undefined && client.child.connected) client.child.send('stop')
      const report = await reported
      if (report.failed === 0) return { ...report, meanwhile }
      throw new Error(`Cannot ${wait.what}: ${report.failed} failed, such as\n${report.failures.join('\n')}`)
    } finally {
      await processes.end(client)
    }
  }

  async #start(kind: StoreKind): Promise<LifeGateway> {
    const folder = this.folder(`life-${kind}`)
    const users = contractUsers * (1 + contractsOf(usersNeeded(this.options)))
    this.tell(`starting Sekisho over the ${storeLabels[kind]}, with ${users} users`)
    const redis = kind === 'redis' ? await this.startRedis() : undefined
    const people: People = {
      users,
      certified: contractUsers,
      issuerId: this.pki.issuerId,
      nowMs: systemClock.nowMs(),
    }
    const seeding = { people, tell: () => {}, timeoutMs: seedTimeoutMs }
    const file = storeFileIn(folder)
    if (redis === undefined) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await seedFile(file, seeding)
    }
    const store =
      redis === undefined ? await EmbeddedStore.open(file, { clock: systemClock }) : await openRedisStore(redis.port)
    if (redis !== undefined) await seedStore(store, seeding)
    const master = await this.#addPeopleWithKeys(store)
    const site = { ...siteOf(this.ground), pki: this.pki }
    const gateway = await startIssuingSekisho(site, { folder, redisUrl: redis?.url })
    const takeLoginIds = createLoginIds(users)
    const end = async () => {
      await gateway.end()
      await store.close()
      await redis?.end()
    }
    return { ...gateway, kind, store, master, takeLoginIds, end }
  }

  /** Whoever comes with a certificate must be known: the load's client, and the master. */
  async #addPeopleWithKeys(store: TrustStore): Promise<Pair> {
    await store.upsertContract({ ...contractAt(0), contractId: 'bench', name: 'Bench' })
    await store.upsertUser({ loginId: 'bench-client', contractId: 'bench', role: 'master' })
    const client = await readFile(this.pki.clientFile, 'utf8')
    const master = makeClient(this.pki.issuing, loginIdAt(0))
    for (const [loginId, pem] of [
      ['bench-client', client],
      [loginIdAt(0), master.certificatePem],
    ] as const) {
      const { serial, notBeforeMs, notAfterMs } = readPemCertificate(pem)
      await store.upsertCertificate({
        key: certificateKey(this.pki.issuerId, serial),
        loginId,
        notBeforeMs,
        notAfterMs,
      })
    }
    return master
  }

  /** Ends the gateways; those that could not be started have nothing to end. */
  async end(): Promise<void> {
    const started = await Promise.allSettled(this.#gateways.values())
    this.#gateways.clear()
    await Promise.all(started.map((gateway) => (gateway.status === 'fulfilled' ? gateway.value.end() : undefined)))
  }
}

/**
 * Login IDs of the contracts after the first, each once, a contract after the other: whoever asks at the same time is seldom of the same
 * company.
 */
function createLoginIds(users: number): LifeGateway['takeLoginIds'] {
  const contracts = contractsOf(users) - 1
  let next = 0
  return (count) => {
    const left = contracts * contractUsers - next
    if (count > left) throw new Error(`Cannot take ${count} users: ${left} are left`)
    const places = Array.from({ length: count }, (_, index) => {
      const turn = next + index
      return contractUsers * (1 + (turn % contracts)) + Math.floor(turn / contracts)
    })
    next += count
    return places.map(loginIdAt)
  }
}

const issueTimeoutMs = 300_000

/** Issues that are not counted, before those that are: code gets compiled, connections get made. */
export const warmIssues = 50

/** A load run beside issues takes longer than one without; orders for so many times its length are ready. */
export const ordersShare = 2.5

/** So many orders stand ready for one load run. */
export function ordersOfTurn({ rate, turnMs }: Pick<LifeOptions, 'rate' | 'turnMs'>): number {
  return Math.ceil((rate * turnMs * ordersShare) / 1_000) + rate
}

function usersNeeded(options: LifeOptions): number {
  return 3 * (options.issues + warmIssues) + 2 * options.rounds * ordersOfTurn(options)
}
