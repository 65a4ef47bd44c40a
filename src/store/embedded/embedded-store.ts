import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { GatewayError } from '../../base/errors.ts'
import type * as people from '../../control-path/directory-port.ts'
import type * as issuance from '../../control-path/issuance-port.ts'
import type * as outbox from '../../control-path/outbox-port.ts'
import type { Actor, TrustEvent } from '../../control-path/ports.ts'
import type * as port from '../../control-path/store-port.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import * as certificates from './certificate-rows.ts'
import { Database, isPassing } from './database.ts'
import * as changes from './directory-changes.ts'
import { type DirectoryCursor, readDirectoryPage } from './directory-pages.ts'
import * as directory from './directory-rows.ts'
import * as events from './event-rows.ts'
import * as gateways from './gateway-rows.ts'
import * as issuing from './issuance-rows.ts'
import * as mails from './mail-rows.ts'
import { readMetaRow, writeMetaRow } from './meta-rows.ts'
import * as notes from './note-rows.ts'
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
const pageRecords = 500

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
      const page = await this.#use((database) => readState(database, { after, through, limit: pageRecords }))
      yield page
      if (page.length < pageRecords) return
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

  upsertContract(contract: people.Contract): Promise<void> {
    return this.#change((database) => changes.upsertContractRow(database, contract, this.#context))
  }

  upsertUser(user: Omit<people.User, 'state'>): Promise<void> {
    return this.#change((database) => changes.upsertUserRow(database, user, this.#context))
  }

  upsertCertificate(certificate: people.NewCertificate): Promise<'recorded' | 'known' | 'belongs_to_another'> {
    return this.#change((database) => changes.upsertCertificateRow(database, certificate, this.#context))
  }

  contract(contractId: string): Promise<people.Contract | undefined> {
    return this.#use((database) => directory.readContract(database, contractId))
  }

  user(loginId: string): Promise<people.User | undefined> {
    return this.#use((database) => directory.readUser(database, loginId))
  }

  loginIds(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    return this.#use((database) => directory.readLoginIds(database, prefix, { limit, after }))
  }

  contractIds(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    return this.#use((database) => directory.readContractIds(database, prefix, { limit, after }))
  }

  async *directory(): AsyncGenerator<readonly people.DirectoryRecord[], void, void> {
    let cursor: DirectoryCursor | undefined
    do {
      const page = await this.#use((database) => readDirectoryPage(database, cursor, pageRecords))
      yield page.records
      cursor = page.next
      await nextTurn()
    } while (cursor !== undefined)
  }

  certificatesOf(loginId: string, unexpiredAtMs: number): Promise<readonly people.RecordedCertificate[]> {
    return this.#use((database) => directory.readCertificates(database, loginId, unexpiredAtMs))
  }

  recordedCertificate(key: CertificateKey): Promise<people.RecordedCertificate | undefined> {
    return this.#use((database) => directory.readRecordedCertificate(database, key))
  }

  lookUp(loginId: string, key: CertificateKey): Promise<DirectoryAnswer> {
    return this.#use((database) => directory.readAnswer(database, loginId, key))
  }

  contractHoldings(contractId: string, unexpiredAtMs: number): Promise<issuance.ContractHoldings | undefined> {
    return this.#use((database) => issuing.readHoldings(database, contractId, unexpiredAtMs))
  }

  reserveCertificate(
    certificate: issuing.Reservation,
    guard: issuing.ReservationGuard,
  ): Promise<'reserved' | 'moved' | 'key_reused'> {
    return this.#change((database) => issuing.reserveRow(database, certificate, { ...guard, ...this.#context }))
  }

  keepSigned(key: CertificateKey, der: Uint8Array): Promise<void> {
    return this.#change((database) => {
      certificates.forgetEnded(database, this.#clock.nowMs())
      certificates.keepSignedRow(database, key, der)
    })
  }

  signedCertificate(key: CertificateKey): Promise<Uint8Array | undefined> {
    return this.#use((database) => certificates.readSigned(database, key))
  }

  certificateOfPublicKey(publicKeyHash: string): Promise<people.RecordedCertificate | undefined> {
    return this.#use((database) => issuing.readOfPublicKey(database, publicKeyHash))
  }

  useCertificate(key: CertificateKey): Promise<issuance.UseResult> {
    return this.#change((database) => issuing.useRow(database, key, this.#context))
  }

  noteSightings(sightings: readonly issuance.Sighting[]): Promise<void> {
    return this.#changeFleeting((database) => {
      certificates.forgetEnded(database, this.#clock.nowMs())
      certificates.noteSightingRows(database, sightings)
    })
  }

  sightings(keys: readonly CertificateKey[]): Promise<readonly (issuance.SeenSpan | undefined)[]> {
    return this.#use((database) => certificates.readSightings(database, keys))
  }

  async *expiringCertificates(fromMs: number, toMs: number): AsyncGenerator<readonly issuance.Expiring[], void, void> {
    let cursor: issuing.ExpiringCursor | undefined = { notAfterMs: fromMs, key: '' }
    while (cursor !== undefined) {
      const after: issuing.ExpiringCursor = cursor
      const page = await this.#use((database) => issuing.readExpiring(database, after, { toMs, limit: pageRecords }))
      yield page.found
      cursor = page.next
      await nextTurn()
    }
  }

  addMails(added: readonly outbox.NewMail[]): Promise<readonly boolean[]> {
    return this.#change((database) => added.map((mail) => mails.addMailRow(database, mail, this.#clock.nowMs())))
  }

  leaseMails(nowMs: number, leaseMs: number, limit: number): Promise<readonly outbox.Mail[]> {
    return this.#change((database) => mails.leaseMailRows(database, { nowMs, leaseMs, limit }))
  }

  settleMail(id: string, result: outbox.MailResult): Promise<void> {
    return this.#change((database) => mails.settleMailRow(database, id, result))
  }

  mails(filter: { state: outbox.MailState; after?: string; limit: number }): Promise<readonly outbox.Mail[]> {
    return this.#use((database) => mails.readMails(database, filter))
  }

  mailCounts(): Promise<Readonly<Record<outbox.MailState, number>>> {
    return this.#use((database) => mails.countMails(database))
  }

  reviveMail(id: string): Promise<boolean> {
    return this.#change((database) => mails.reviveMailRow(database, id, this.#clock.nowMs()))
  }

  async forgetMails(beforeMs: number): Promise<number> {
    for (let forgotten = 0; ; await nextTurn()) {
      const more = await this.#change((database) => mails.forgetMailRows(database, beforeMs, pageRecords))
      forgotten += more
      if (more < pageRecords) return forgotten
    }
  }

  keepNote(name: string, value: string, lifeMs: number): Promise<void> {
    return this.#change((database) =>
      notes.keepNoteRow(database, { name, value }, { lifeMs, nowMs: this.#clock.nowMs() }),
    )
  }

  readNote(name: string): Promise<string | undefined> {
    return this.#use((database) => notes.readNoteRow(database, name, this.#clock.nowMs()))
  }

  takeNote(name: string): Promise<string | undefined> {
    return this.#change((database) => {
      const value = notes.readNoteRow(database, name, this.#clock.nowMs())
      if (value !== undefined) notes.forgetNoteRow(database, name)
      return value
    })
  }

  forgetNote(name: string): Promise<void> {
    return this.#change((database) => notes.forgetNoteRow(database, name))
  }

  countNote(name: string, lifeMs: number): Promise<number> {
    // Whoever guesses at passwords cannot take the power away, and must not keep the disk busy.
    return this.#changeFleeting((database) =>
      notes.countNoteRow(database, name, { lifeMs, nowMs: this.#clock.nowMs() }),
    )
  }

  readCount(name: string): Promise<{ readonly count: number; readonly lifeMs: number }> {
    return this.#use((database) => notes.readCountRow(database, name, this.#clock.nowMs()))
  }

  addHistory(subject: string, entry: string): Promise<void> {
    return this.#change((database) => notes.addHistoryRow(database, subject, entry))
  }

  history(subject: string, limit: number): Promise<readonly string[]> {
    return this.#use((database) => notes.readHistory(database, subject, limit))
  }

  setSuspended(loginId: string, suspended: boolean): Promise<port.ChangeResult> {
    return this.#change((database) => changes.suspendRow(database, { loginId, suspended }, this.#context))
  }

  setLoginMethod(contractId: string, method: people.LoginMethod): Promise<port.ChangeResult> {
    return this.#change((database) => changes.setMethodRow(database, { contractId, method }, this.#context))
  }

  supersede(key: CertificateKey): Promise<port.ChangeResult> {
    return this.#change((database) => changes.supersedeRow(database, key, this.#context))
  }

  readMeta(name: port.MetaName): Promise<port.MetaValue | undefined> {
    return this.#use((database) => readMetaRow(database, name))
  }

  writeMeta(name: port.MetaName, value: string, expectedRevision: number): Promise<boolean> {
    return this.#change((database) => writeMetaRow(database, name, { value, expectedRevision }))
  }

  reportGateway(report: port.GatewayReport): Promise<void> {
    // Reports come often and live for a minute: no reason to wait for the disk.
    return this.#changeFleeting((database) => gateways.writeReport(database, report, this.#clock.nowMs()))
  }

  withdrawGateway(gatewayId: string): Promise<void> {
    return this.#changeFleeting((database) => gateways.deleteReport(database, gatewayId))
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

  /** What may be lost with the power; see `Database.writeFleeting`. */
  #changeFleeting<T>(work: (database: Database) => T): Promise<T> {
    return this.#use((database) => database.writeFleeting(() => work(database)))
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
