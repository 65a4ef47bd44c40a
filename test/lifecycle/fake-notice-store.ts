// What notices need of a store, in memory: outbox, notes, history, people with certificates. It behaves as the port says, can be shared
// by several gateways, and fails when told to.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Contract, RecordedCertificate, User } from '../../src/control-path/directory-port.ts'
import type { Expiring } from '../../src/control-path/issuance-port.ts'
import type { Mail, MailResult, MailState, NewMail } from '../../src/control-path/outbox-port.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import type { CertificateKey } from '../../src/x509/certificate-key.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'

export const issuerId = 'a'.repeat(32)

export function certificateOf(changes: Partial<RecordedCertificate> & { serial?: string } = {}): RecordedCertificate {
  const { serial = '1f', ...rest } = changes
  return {
    key: certificateKey(issuerId, serial),
    loginId: 'user01',
    notBeforeMs: 0,
    notAfterMs: 0,
    state: 'current',
    revoked: false,
    recordedVersion: 1,
    ...rest,
  }
}

export function userOf(changes: Partial<User> = {}): User {
  const loginId = changes.loginId ?? 'user01'
  return {
    loginId,
    contractId: 'shoji',
    role: 'general',
    state: 'active',
    email: `${loginId}@shoji.example`,
    language: 'ja',
    ...changes,
  }
}

export class FakeNoticeStore {
  readonly contracts = new Map<string, Contract>()
  readonly users = new Map<string, User>()
  readonly certificates: RecordedCertificate[] = []
  readonly outbox = new Map<string, Mail>()
  readonly entries: [subject: string, entry: string][] = []
  readonly #notes = new Map<string, { value: string; endsMs: number }>()
  readonly #counts = new Map<string, { count: number; endsMs: number }>()
  readonly #nowMs: () => number
  /** Calls of the methods, by name. */
  readonly calls: string[] = []
  /** Rejects every call of these methods. */
  readonly failing = new Set<string>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.contracts.set('shoji', { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 })
  }

  add(user: User, ...certificates: readonly RecordedCertificate[]): void {
    this.users.set(user.loginId, user)
    this.certificates.push(...certificates)
  }

  change(key: CertificateKey, changes: Partial<RecordedCertificate>): void {
    const place = this.certificates.findIndex((certificate) => certificate.key === key)
    this.certificates[place] = { ...(this.certificates[place] as RecordedCertificate), ...changes }
  }

  async #turn(name: string): Promise<void> {
    this.calls.push(name)
    await nextTurn()
    if (this.failing.has(name)) throw new Error('store_unavailable')
  }

  async addMails(mails: readonly NewMail[]): Promise<boolean[]> {
    await this.#turn('addMails')
    return mails.map((mail) => {
      if (this.outbox.has(mail.id)) return false
      this.outbox.set(mail.id, { ...mail, state: 'waiting', attempts: 0, lastError: '', changedMs: this.#nowMs() })
      return true
    })
  }

  async leaseMails(nowMs: number, leaseMs: number, limit: number): Promise<Mail[]> {
    await this.#turn('leaseMails')
    const due = [...this.outbox.values()]
      .filter((mail) => mail.state === 'waiting' && mail.dueMs <= nowMs)
      .toSorted((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit)
    return due.map((mail) => {
      const leased = { ...mail, attempts: mail.attempts + 1, dueMs: nowMs + leaseMs }
      this.outbox.set(mail.id, leased)
      return leased
    })
  }

  async settleMail(id: string, result: MailResult): Promise<void> {
    await this.#turn('settleMail')
    const mail = this.outbox.get(id)
    if (mail === undefined || mail.state === 'sent' || (mail.state === 'dead' && result.state !== 'sent')) return
    const lastError = result.state === 'sent' ? mail.lastError : result.error
    const dueMs = result.state === 'waiting' ? result.dueMs : mail.dueMs
    this.outbox.set(id, { ...mail, state: result.state, lastError, dueMs, changedMs: result.atMs })
  }

  async mails({ state, after, limit }: { state: MailState; after?: string; limit: number }): Promise<Mail[]> {
    await this.#turn('mails')
    const all = [...this.outbox.values()]
      .filter((mail) => mail.state === state)
      .toSorted((a, b) => b.changedMs - a.changedMs || (a.id < b.id ? 1 : -1))
    const first = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1
    return all.slice(first, first + limit)
  }

  async mailCounts(): Promise<Record<MailState, number>> {
    await this.#turn('mailCounts')
    const count = (state: MailState) => [...this.outbox.values()].filter((mail) => mail.state === state).length
    return { waiting: count('waiting'), sent: count('sent'), dead: count('dead') }
  }

  async reviveMail(id: string): Promise<boolean> {
    await this.#turn('reviveMail')
    const mail = this.outbox.get(id)
    if (mail?.state !== 'dead') return false
    this.outbox.set(id, { ...mail, state: 'waiting', attempts: 0, dueMs: this.#nowMs(), changedMs: this.#nowMs() })
    return true
  }

  async forgetMails(beforeMs: number): Promise<number> {
    await this.#turn('forgetMails')
    const old = [...this.outbox.values()].filter(({ state, changedMs }) => state !== 'waiting' && changedMs < beforeMs)
    for (const { id } of old) this.outbox.delete(id)
    return old.length
  }

  async keepNote(name: string, value: string, lifeMs: number): Promise<void> {
    await this.#turn('keepNote')
    this.#notes.set(name, { value, endsMs: this.#nowMs() + lifeMs })
  }

  async readNote(name: string): Promise<string | undefined> {
    await this.#turn('readNote')
    const note = this.#notes.get(name)
    return note !== undefined && note.endsMs > this.#nowMs() ? note.value : undefined
  }

  async forgetNote(name: string): Promise<void> {
    await this.#turn('forgetNote')
    this.#notes.delete(name)
    this.#counts.delete(name)
  }

  async countNote(name: string, lifeMs: number): Promise<number> {
    await this.#turn('countNote')
    const known = this.#counts.get(name)
    const kept =
      known !== undefined && known.endsMs > this.#nowMs() ? known : { count: 0, endsMs: this.#nowMs() + lifeMs }
    this.#counts.set(name, { ...kept, count: kept.count + 1 })
    return kept.count + 1
  }

  /** What an emptied store has lost. */
  loseNotes(): void {
    this.#notes.clear()
    this.#counts.clear()
  }

  async addHistory(subject: string, entry: string): Promise<void> {
    await this.#turn('addHistory')
    this.entries.push([subject, entry])
  }

  async user(loginId: string): Promise<User | undefined> {
    await this.#turn('user')
    return this.users.get(loginId)
  }

  async contract(contractId: string): Promise<Contract | undefined> {
    await this.#turn('contract')
    return this.contracts.get(contractId)
  }

  async contractHoldings(contractId: string, unexpiredAtMs: number) {
    await this.#turn('contractHoldings')
    const contract = this.contracts.get(contractId)
    if (contract === undefined) return undefined
    const users = [...this.users.values()].filter((user) => user.contractId === contractId)
    return {
      contract,
      revision: 1,
      users: users.map((user) => ({ user, certificates: this.#certificatesOf(user.loginId, unexpiredAtMs) })),
    }
  }

  async certificatesOf(loginId: string, unexpiredAtMs: number): Promise<RecordedCertificate[]> {
    await this.#turn('certificatesOf')
    return this.#certificatesOf(loginId, unexpiredAtMs)
  }

  #certificatesOf(loginId: string, unexpiredAtMs: number): RecordedCertificate[] {
    return this.certificates.filter((one) => one.loginId === loginId && one.notAfterMs + 1_000 > unexpiredAtMs)
  }

  async *expiringCertificates(fromMs: number, toMs: number): AsyncGenerator<readonly Expiring[]> {
    await this.#turn('expiringCertificates')
    yield []
    for (const certificate of this.certificates) {
      const user = this.users.get(certificate.loginId)
      const { notAfterMs, revoked, state } = certificate
      if (user === undefined || notAfterMs < fromMs || notAfterMs > toMs || revoked || state === 'superseded') continue
      yield [{ user, certificate }]
    }
  }

  /** For ports that hold the whole store, though only this much of it is used. */
  get asStore(): LifecyclePorts['store'] {
    return this as unknown as LifecyclePorts['store']
  }
}
