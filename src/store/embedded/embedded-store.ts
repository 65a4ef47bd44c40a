import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { GatewayError } from '../../base/errors.ts'
import type { Actor, TrustEvent } from '../../control-path/ports.ts'
import type * as port from '../../control-path/store-port.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { Database, isPassing } from './database.ts'
import * as changes from './directory-changes.ts'
import * as directory from './directory-rows.ts'
import * as events from './event-rows.ts'
import * as gateways from './gateway-rows.ts'
import * as revocations from './revocation-rows.ts'
import * as rules from './rule-rows.ts'
import { storeSchema } from './schema.ts'
import { readHighestVersion, readState } from './state-rows.ts'

export type EmbeddedStoreOptions = {
  readonly clock: Clock
  /** How long a call goes on trying while another process holds the file. Unit: milliseconds. Default 5 000. */
  readonly busyMaxMs?: number
  /** Events kept in the log; a follower further behind reads the state instead. Default 100 000. */
  readonly eventsMax?: number
}

const firstPauseMs = 2
const longestPauseMs = 100
/** Small enough not to hold this thread for long. */
const statePageEvents = 500

/**
 * The store of a single machine: one SQLite file, which several processes may share. SQLite blocks, so only the control thread
 * may use it, and each call blocks for milliseconds at most: locks of other processes are waited for asynchronously.
 *
 * A file that is replaced while open is opened anew; one that disappears is a fault, never made afresh in silence; one that a
 * newer program has brought to its own schema is `store_schema_newer` from then on.
 */
export class EmbeddedStore implements port.TrustStore {
  readonly remote = undefined
  readonly #file: string
  readonly #clock: Clock
  readonly #busyMaxMs: number
  readonly #context: events.WriteContext
  #database: Database | undefined
  #closed = false

  private constructor(file: string, options: EmbeddedStoreOptions) {
    this.#file = file
    this.#clock = options.clock
    this.#busyMaxMs = options.busyMaxMs ?? 5_000
    this.#context = { clock: options.clock, eventsMax: options.eventsMax ?? 100_000 }
  }

  /** Opens the file, makes it if it is missing. Throws `store_schema_newer` and `store_unavailable`. */
  static async open(file: string, options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const store = new EmbeddedStore(file, options)
    await store.#retry(() => {
      store.#database ??= new Database(file, { schema: storeSchema })
    })
    return store
  }

  position(): Promise<port.LogPosition> {
    return this.#use((database) => events.readPosition(database))
  }

  async *state(): AsyncGenerator<readonly TrustEvent[], void, void> {
    const through = await this.#use((database) => readHighestVersion(database))
    for (let after = 0; after < through; ) {
      const page = await this.#use((database) => readState(database, { after, through, limit: statePageEvents }))
      yield page
      if (page.length < statePageEvents) return
      after = page.at(-1)?.version ?? through
      await nextTurn()
    }
  }

  eventsSince(position: port.LogPosition, limit: number): Promise<port.LogPage> {
    return this.#use((database) => events.readEvents(database, position, { limit, clock: this.#clock }))
  }

  publish(requests: readonly port.RevocationRequest[], actor: Actor): Promise<port.PublishResult> {
    return this.#change((database) => ({
      outcomes: requests.map((request) => revocations.publishRow(database, request, { ...this.#context, actor })),
      replicas: undefined,
    }))
  }

  restore(key: CertificateKey, actor: Actor, aboveVersion = 0): Promise<port.RestoreResult> {
    return this.#change((database) => revocations.restoreRow(database, key, { ...this.#context, actor, aboveVersion }))
  }

  restoreObstacle(key: CertificateKey): Promise<string | undefined> {
    return this.#use((database) => revocations.readRestoreObstacle(database, key))
  }

  publishRule(request: port.RuleRequest, actor: Actor): Promise<port.ChangeResult> {
    return this.#change((database) => rules.publishRuleRow(database, request, { ...this.#context, actor }))
  }

  withdrawRule(ruleId: string, actor: Actor, aboveVersion = 0): Promise<port.ChangeResult> {
    return this.#change((database) =>
      rules.withdrawRuleRow(database, ruleId, { ...this.#context, actor, aboveVersion }),
    )
  }

  rules(): Promise<readonly port.RuleRecord[]> {
    return this.#use((database) => rules.readRules(database))
  }

  publishAgain(lost: port.LostTrust, aboveVersion: number): Promise<void> {
    return this.#change((database) => {
      events.raiseVersion(database, aboveVersion)
      for (const known of lost.revocations) revocations.publishRowAgain(database, known, this.#context)
      for (const known of lost.rules) rules.publishRuleRowAgain(database, known, this.#context)
    })
  }

  revocation(key: CertificateKey): Promise<port.RevocationRecord | undefined> {
    return this.#use((database) => revocations.readRevocation(database, key))
  }

  revocations(filter: port.RevocationFilter): Promise<port.RevocationPage> {
    return this.#use((database) => revocations.readRevocations(database, filter))
  }

  upsertContract(contract: port.Contract): Promise<void> {
    return this.#change((database) => changes.upsertContractRow(database, contract, this.#context))
  }

  upsertUser(user: Omit<port.User, 'state'>): Promise<void> {
    return this.#change((database) => changes.upsertUserRow(database, user, this.#context))
  }

  upsertCertificate(certificate: port.NewCertificate): Promise<'recorded' | 'known' | 'belongs_to_another'> {
    return this.#change((database) => changes.upsertCertificateRow(database, certificate, this.#context))
  }

  contract(contractId: string): Promise<port.Contract | undefined> {
    return this.#use((database) => directory.readContract(database, contractId))
  }

  user(loginId: string): Promise<port.User | undefined> {
    return this.#use((database) => directory.readUser(database, loginId))
  }

  loginIds(prefix: string, limit: number): Promise<readonly string[]> {
    return this.#use((database) => directory.readLoginIds(database, prefix, limit))
  }

  certificatesOf(loginId: string, unexpiredAtMs: number): Promise<readonly port.RecordedCertificate[]> {
    return this.#use((database) => directory.readCertificates(database, loginId, unexpiredAtMs))
  }

  lookUp(loginId: string, key: CertificateKey): Promise<DirectoryAnswer> {
    return this.#use((database) => directory.readAnswer(database, loginId, key))
  }

  setSuspended(loginId: string, suspended: boolean): Promise<port.ChangeResult> {
    return this.#change((database) => changes.suspendRow(database, { loginId, suspended }, this.#context))
  }

  setLoginMethod(contractId: string, method: port.LoginMethod): Promise<port.ChangeResult> {
    return this.#change((database) => changes.setMethodRow(database, { contractId, method }, this.#context))
  }

  supersede(key: CertificateKey): Promise<port.ChangeResult> {
    return this.#change((database) => changes.supersedeRow(database, key, this.#context))
  }

  readMeta(name: port.MetaName): Promise<port.MetaValue | undefined> {
    return this.#use((database) => {
      const row = database.one('SELECT value, revision FROM meta WHERE name = ?', name)
      return row === undefined ? undefined : { value: String(row.value), revision: Number(row.revision) }
    })
  }

  writeMeta(name: port.MetaName, value: string, expectedRevision: number): Promise<boolean> {
    return this.#change((database) => {
      const changed =
        expectedRevision === 0
          ? database.run(
              'INSERT INTO meta (name, value, revision) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING',
              name,
              value,
            )
          : database.run(
              'UPDATE meta SET value = ?, revision = revision + 1 WHERE name = ? AND revision = ?',
              value,
              name,
              expectedRevision,
            )
      return changed > 0
    })
  }

  reportGateway(report: port.GatewayReport): Promise<void> {
    // Reports come often and live for a minute: no reason to wait for the disk.
    return this.#use((database) =>
      database.writeFleeting(() => gateways.writeReport(database, report, this.#clock.nowMs())),
    )
  }

  withdrawGateway(gatewayId: string): Promise<void> {
    return this.#use((database) => database.writeFleeting(() => gateways.deleteReport(database, gatewayId)))
  }

  gateways(): Promise<port.GatewayList> {
    return this.#use((database) => gateways.readReports(database, this.#clock.nowMs()))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#database?.close()
    this.#database = undefined
  }

  #use<T>(work: (database: Database) => T): Promise<T> {
    return this.#retry(() => work(this.#current()))
  }

  #change<T>(work: (database: Database) => T): Promise<T> {
    return this.#retry(() => {
      const database = this.#current()
      return database.write(() => work(database))
    })
  }

  #current(): Database {
    if (this.#closed) throw new GatewayError('store_unavailable', `Cannot use ${this.#file}: it was closed`)
    if (this.#database?.isCurrent() !== true) {
      this.#database?.close()
      this.#database = undefined
      this.#database = new Database(this.#file, { schema: storeSchema, mustExist: true })
    }
    this.#database.checkSchema()
    return this.#database
  }

  async #retry<T>(work: () => T): Promise<T> {
    const deadlineMs = this.#clock.monotonicMs() + this.#busyMaxMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        return work()
      } catch (error) {
        if (error instanceof GatewayError) throw error
        if (!isPassing(error) || this.#clock.monotonicMs() >= deadlineMs) throw this.#unavailable(error)
      }
      await wait(pauseMs)
    }
  }

  #unavailable(cause: unknown): GatewayError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new GatewayError('store_unavailable', `Cannot use ${this.#file} as the store: ${why}`, { cause })
  }
}
