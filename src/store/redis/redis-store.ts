import type { Clock } from '../../base/clock.ts'
import type { RedisConfig } from '../../config/gateway-config.ts'
import type * as directoryPort from '../../control-path/directory-port.ts'
import type * as issuancePort from '../../control-path/issuance-port.ts'
import type * as outboxPort from '../../control-path/outbox-port.ts'
import type { Actor, ControlLog, TrustEvent } from '../../control-path/ports.ts'
import type * as port from '../../control-path/store-port.ts'
import type { DirectoryAnswer } from '../../trust/directory-answer.ts'
import type { CertificateKey } from '../../x509/certificate-key.ts'
import { readByPublicKey, readCertificates, readStanding } from './certificate-records.ts'
import { nameOf } from './connection-options.ts'
import { readHoldings } from './contract-holdings.ts'
import * as directoryChanges from './directory-changes.ts'
import { DirectoryIndexes } from './directory-indexes.ts'
import * as directory from './directory-records.ts'
import { metaScript } from './directory-scripts.ts'
import { readExpiring } from './expiring-certificates.ts'
import { deleteReports, readReports, writeReport } from './gateway-reports.ts'
import * as issuance from './issuance-changes.ts'
import { KnownIssuers } from './known-issuers.ts'
import { readEnd, readLogPage } from './log-page.ts'
import * as mails from './mails.ts'
import { readNegative } from './negatives.ts'
import * as changes from './redis-changes.ts'
import { RedisConnection } from './redis-connection.ts'
import { redisKeys } from './redis-keys.ts'
import { RedisRemote } from './redis-remote.ts'
import { scriptCall } from './redis-script.ts'
import { ReplicaWait } from './replica-wait.ts'
import { textOf } from './replies.ts'
import { lostByStore, readRevocation, readRevocations } from './revocation-history.ts'
import * as rules from './rule-records.ts'
import { createServerFinder, type ServerFinder } from './server-finder.ts'
import * as notes from './shared-notes.ts'
import { readState } from './state-scan.ts'

export type RedisStoreOptions = {
  readonly clock: Clock
  readonly log: ControlLog
  /** Told of each member of a set of serial numbers that is none, whenever the state is read. */
  readonly unreadableMember?: (issuerId: string, member: string) => void
  /** Issuers whose sets are looked at though nobody has published a revocation of theirs yet. */
  readonly issuerIds?: readonly string[]
}

/**
 * The store of many gateways: Redis or Valkey, standalone, behind Sentinels, or a Cluster. README.md beside this file has its keys.
 * Each change is one run of a script; the time is that of Redis.
 */
export class RedisStore implements port.TrustStore {
  readonly remote: port.RemoteStore
  readonly #config: RedisConfig
  readonly #finder: ServerFinder
  readonly #commands: RedisConnection
  readonly #publishing: RedisConnection
  readonly #remote: RedisRemote
  readonly #issuers = new KnownIssuers()
  readonly #indexes: DirectoryIndexes
  readonly #replicas: ReplicaWait
  readonly #unreadableMember: (issuerId: string, member: string) => void

  private constructor(config: RedisConfig, { clock, log, ...options }: RedisStoreOptions) {
    this.#config = config
    this.#issuers.add(options.issuerIds ?? [])
    this.#unreadableMember = options.unreadableMember ?? (() => {})
    this.#indexes = new DirectoryIndexes(config)
    this.#replicas = new ReplicaWait(config)
    this.#finder = createServerFinder(config, (to) => this.#restart(`the primary is at ${nameOf(to)} now`))
    const shared = { config, finder: this.#finder, clock, log, connected: () => this.#hurry() }
    this.#commands = new RedisConnection({ ...shared, purpose: 'commands' })
    // Whoever waits for replicas holds up what comes after on the same connection.
    const commandTimeoutMs = config.commandTimeoutMs + config.replicasTimeoutMs
    this.#publishing = new RedisConnection({ ...shared, purpose: 'publishing', commandTimeoutMs })
    this.#remote = new RedisRemote({
      commands: this.#commands,
      connectToListen: () => new RedisConnection({ ...shared, purpose: 'listening' }),
      issuers: this.#issuers,
      commandTimeoutMs: config.commandTimeoutMs,
      logEventsMax: config.logEventsMax,
    })
    this.remote = this.#remote
  }

  /**
   * Resolves also while Redis cannot be reached or used: it then goes on trying, and calls fail with `store_unavailable`. Throws
   * `config_invalid` for a Redis that may throw keys away, and `store_schema_newer`.
   */
  static async open(config: RedisConfig, options: RedisStoreOptions): Promise<RedisStore> {
    const store = new RedisStore(config, options)
    await store.#commands.client().catch(() => {})
    const { fault } = store.#commands
    if (fault?.code !== 'config_invalid' && fault?.code !== 'store_schema_newer') return store
    await store.close()
    throw fault
  }

  async position(): Promise<port.LogPosition> {
    return readEnd(await this.#commands.client())
  }

  async *state(): AsyncIterable<readonly TrustEvent[]> {
    const client = await this.#commands.client()
    yield* readState(client, { issuers: this.#issuers, unreadableMember: this.#unreadableMember })
  }

  async eventsSince(position: port.LogPosition, limit: number): Promise<port.LogPage> {
    return readLogPage(await this.#commands.client(), position, { limit, issuers: this.#issuers })
  }

  async publish(requests: readonly port.RevocationRequest[], actor: Actor): Promise<port.PublishResult> {
    if (requests.length === 0) return { outcomes: [], replicas: undefined }
    const client = await this.#publishing.client()
    const options = { how: 'publish', actorName: actor.name, ...this.#changing } as const
    const outcomes = await changes.revokeTogether(client, requests, options)
    const replicas = await this.#replicas.taken(client)
    return { outcomes: outcomes.filter((outcome) => outcome !== undefined), replicas }
  }

  async publishAgain(lost: port.LostTrust, aboveVersion: number): Promise<void> {
    const client = await this.#commands.client()
    const options = { ...this.#changing, above: aboveVersion }
    await rules.publishRulesAgain(client, lost.rules, options)
    const how = { how: 'again', actorName: 'sekisho', ...lostByStore } as const
    await changes.revokeInBatches(client, lost.revocations, { ...how, ...options })
  }

  async restore(key: CertificateKey, actor: Actor, aboveVersion = 0): Promise<port.RestoreResult> {
    const options = { actor, above: aboveVersion, ...this.#changing }
    return changes.restoreCertificate(await this.#commands.client(), key, options)
  }

  async restoreObstacle(key: CertificateKey): Promise<string | undefined> {
    return changes.readObstacle(await this.#commands.client(), key)
  }

  async publishRule(request: port.RuleRequest, actor: Actor): Promise<port.ChangeResult> {
    return rules.publishRule(await this.#commands.client(), request, { actor, ...this.#changing })
  }

  async withdrawRule(ruleId: string, actor: Actor, aboveVersion = 0): Promise<port.ChangeResult> {
    const options = { actor, above: aboveVersion, ...this.#changing }
    return rules.withdrawRule(await this.#commands.client(), ruleId, options)
  }

  async rules(): Promise<readonly port.RuleRecord[]> {
    return rules.readRules(await this.#commands.client())
  }

  async revocation(key: CertificateKey): Promise<port.RevocationRecord | undefined> {
    const found = await readRevocation(await this.#commands.client(), key)
    return found && { state: found.state, version: found.version, revocation: found.revocation }
  }

  async revocations(filter: port.RevocationFilter): Promise<port.RevocationPage> {
    return readRevocations(await this.#commands.client(), filter, this.#issuers)
  }

  async upsertContract(contract: directoryPort.Contract): Promise<void> {
    await directoryChanges.writeContract(await this.#commands.client(), contract, this.#changing)
  }

  async upsertUser(user: Omit<directoryPort.User, 'state'>): Promise<void> {
    await directoryChanges.writeUser(await this.#commands.client(), user, this.#changing)
  }

  async upsertCertificate(
    certificate: directoryPort.NewCertificate,
  ): Promise<'recorded' | 'known' | 'belongs_to_another'> {
    return directoryChanges.writeCertificate(await this.#commands.client(), certificate, this.#changing)
  }

  async contract(contractId: string): Promise<directoryPort.Contract | undefined> {
    return directory.readContract(await this.#commands.client(), contractId)
  }

  async user(loginId: string): Promise<directoryPort.User | undefined> {
    return directory.readUser(await this.#commands.client(), loginId)
  }

  async loginIds(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    return directory.readLoginIds(await this.#commands.client(), { prefix, limit, after })
  }

  async contractIds(prefix: string, limit: number, after = ''): Promise<readonly string[]> {
    const options = { prefix, limit, after, indexes: this.#indexes }
    return directory.readContractIds(await this.#commands.client(), options)
  }

  async recordedCertificate(key: CertificateKey): Promise<directoryPort.RecordedCertificate | undefined> {
    return (await readStanding(await this.#commands.client(), [key]))[0]
  }

  async certificatesOf(loginId: string, unexpiredAtMs: number): Promise<readonly directoryPort.RecordedCertificate[]> {
    return readCertificates(await this.#commands.client(), loginId, unexpiredAtMs)
  }

  async lookUp(loginId: string, key: CertificateKey): Promise<DirectoryAnswer> {
    return directory.readAnswer(await this.#commands.client(), loginId, key)
  }

  async *directory(): AsyncIterable<readonly directoryPort.DirectoryRecord[]> {
    yield* directory.readDirectory(await this.#commands.client())
  }

  async contractHoldings(
    contractId: string,
    unexpiredAtMs: number,
  ): Promise<issuancePort.ContractHoldings | undefined> {
    const options = { unexpiredAtMs, indexes: this.#indexes }
    return readHoldings(await this.#commands.client(), contractId, options)
  }

  async reserveCertificate(
    certificate: directoryPort.NewCertificate & { readonly publicKeyHash: string },
    guard: { readonly contractId: string; readonly revision: number; readonly replaces: readonly CertificateKey[] },
  ): Promise<'reserved' | 'moved' | 'key_reused'> {
    const options = { ...guard, ...this.#changing }
    return issuance.reserveCertificate(await this.#commands.client(), certificate, options)
  }

  async keepSigned(key: CertificateKey, der: Uint8Array): Promise<void> {
    await issuance.keepSigned(await this.#commands.client(), key, der)
  }

  async signedCertificate(key: CertificateKey): Promise<Uint8Array | undefined> {
    return issuance.readSigned(await this.#commands.client(), key)
  }

  async certificateOfPublicKey(publicKeyHash: string): Promise<directoryPort.RecordedCertificate | undefined> {
    return readByPublicKey(await this.#commands.client(), publicKeyHash)
  }

  async useCertificate(key: CertificateKey): Promise<issuancePort.UseResult> {
    return issuance.useCertificate(await this.#commands.client(), key, this.#changing)
  }

  async noteSightings(sightings: readonly issuancePort.Sighting[]): Promise<void> {
    await issuance.noteSightings(await this.#commands.client(), sightings, this.#changing)
  }

  async sightings(keys: readonly CertificateKey[]): Promise<readonly (issuancePort.SeenSpan | undefined)[]> {
    return issuance.readSightings(await this.#commands.client(), keys)
  }

  async *expiringCertificates(fromMs: number, toMs: number): AsyncIterable<readonly issuancePort.Expiring[]> {
    yield* readExpiring(await this.#commands.client(), { fromMs, toMs, indexes: this.#indexes })
  }

  async setSuspended(loginId: string, suspended: boolean): Promise<port.ChangeResult> {
    return directoryChanges.suspendUser(await this.#commands.client(), { loginId, suspended }, this.#changing)
  }

  async setLoginMethod(contractId: string, method: directoryPort.LoginMethod): Promise<port.ChangeResult> {
    return directoryChanges.setMethod(await this.#commands.client(), { contractId, method }, this.#changing)
  }

  async supersede(key: CertificateKey): Promise<port.ChangeResult> {
    return directoryChanges.supersedeCertificate(await this.#commands.client(), key, this.#changing)
  }

  async addMails(added: readonly outboxPort.NewMail[]): Promise<readonly boolean[]> {
    return mails.addMails(await this.#commands.client(), added, this.#changing)
  }

  async leaseMails(nowMs: number, leaseMs: number, limit: number): Promise<readonly outboxPort.Mail[]> {
    return mails.leaseMails(await this.#commands.client(), { nowMs, leaseMs, limit }, this.#changing)
  }

  async settleMail(id: string, result: outboxPort.MailResult): Promise<void> {
    await mails.settleMail(await this.#commands.client(), { ...result, id }, this.#changing)
  }

  async mails(filter: {
    state: outboxPort.MailState
    after?: string
    limit: number
  }): Promise<readonly outboxPort.Mail[]> {
    return mails.readMails(await this.#commands.client(), filter)
  }

  async mailCounts(): Promise<Readonly<Record<outboxPort.MailState, number>>> {
    return mails.countMails(await this.#commands.client())
  }

  async reviveMail(id: string): Promise<boolean> {
    return mails.reviveMail(await this.#commands.client(), id, this.#changing)
  }

  async forgetMails(beforeMs: number): Promise<number> {
    return mails.forgetMails(await this.#commands.client(), beforeMs, this.#changing)
  }

  async keepNote(name: string, value: string, lifeMs: number): Promise<void> {
    await notes.keepNote(await this.#commands.client(), name, { value, lifeMs })
  }

  async readNote(name: string): Promise<string | undefined> {
    return notes.readNote(await this.#commands.client(), name)
  }

  async takeNote(name: string): Promise<string | undefined> {
    return notes.takeNote(await this.#commands.client(), name)
  }

  async forgetNote(name: string): Promise<void> {
    await notes.forgetNote(await this.#commands.client(), name)
  }

  async countNote(name: string, lifeMs: number): Promise<number> {
    return notes.countNote(await this.#commands.client(), name, { lifeMs, ...this.#changing })
  }

  async readCount(name: string): Promise<{ readonly count: number; readonly lifeMs: number }> {
    return notes.readCount(await this.#commands.client(), name)
  }

  async addHistory(subject: string, entry: string): Promise<void> {
    await notes.addHistory(await this.#commands.client(), subject, entry)
  }

  async history(subject: string, limit: number): Promise<readonly string[]> {
    return notes.readHistory(await this.#commands.client(), subject, limit)
  }

  async readMeta(name: port.MetaName): Promise<port.MetaValue | undefined> {
    const client = await this.#commands.client()
    const { value, version } = readNegative(textOf(await client.call(['HGET', redisKeys.meta, name])))
    return value === undefined ? undefined : { value, revision: version }
  }

  async writeMeta(name: port.MetaName, value: string, expectedRevision: number): Promise<boolean> {
    const client = await this.#commands.client()
    const { keys, input } = scriptCall({ name, value, expectedRevision }, this.#changing)
    return Number(await client.run(metaScript, keys, input)) === 1
  }

  async reportGateway(report: port.GatewayReport): Promise<void> {
    await writeReport(await this.#commands.client(), report)
  }

  async withdrawGateway(gatewayId: string): Promise<void> {
    await deleteReports(await this.#commands.client(), [gatewayId])
  }

  async gateways(): Promise<port.GatewayList> {
    const client = await this.#commands.client()
    const { nowMs, gateways, gone } = await readReports(client)
    // Whoever may not write leaves it to the others.
    await deleteReports(client, gone).catch(() => {})
    return { nowMs, gateways }
  }

  async close(): Promise<void> {
    this.#finder.close()
    await Promise.all([this.#remote.close(), this.#commands.close(), this.#publishing.close()])
  }

  get #changing(): { readonly logEventsMax: number } {
    return { logEventsMax: this.#config.logEventsMax }
  }

  #hurry(): void {
    this.#commands.hurry()
    this.#publishing.hurry()
    this.#remote.hurry()
  }

  #restart(reason: string): void {
    this.#commands.restart(reason)
    this.#publishing.restart(reason)
    this.#remote.restart(reason)
  }
}
