import type { RuleRecord } from '../control-path/store-port.ts'
import { parseCertificateKey } from '../x509/certificate-key.ts'
import type { FeedEvent, FeedNews } from './feed-inbox.ts'
import type { CrlEntry, CrlRecord, FeedMessage, PublicationPorts } from './ports.ts'
import { readRevocationPages } from './revocation-pages.ts'
import { RuleBook } from './rule-book.ts'
import { RuledEntries } from './ruled-entries.ts'

export type FeedContentOptions = {
  readonly ports: Pick<PublicationPorts, 'store' | 'index'>
  readonly issuerId: string
  readonly post: (message: FeedMessage) => void
  /** True ends all reading. */
  readonly isOver: () => boolean
}

/** With more rules than this, a new one is taken from its event, without its reason: they can only be read all together. */
const rulesReadMax = 1_000

/**
 * What is in the list: reads it from the store, and tells the thread of it. Remembers no entries, only up to where it has read, the
 * rules, and what was taken away since the base. Methods may throw `store_unavailable`; they may be called again with the same.
 */
export class FeedContent {
  readonly #options: FeedContentOptions
  readonly #book: RuleBook
  readonly #ruled: RuledEntries
  readonly #removed = new Map<string, number>()
  /** All revocations up to this version have been told. */
  #readTo = 0
  #version = 0
  #told = 0
  #base = { version: 0, changes: 0 }

  constructor(options: FeedContentOptions) {
    const { ports, issuerId, isOver } = options
    this.#options = options
    this.#book = new RuleBook(issuerId, ports.index)
    this.#ruled = new RuledEntries({ ports, issuerId, book: this.#book, isOver })
  }

  /** Highest version of a change that the thread has been told. */
  get version(): number {
    return this.#version
  }

  /** Serial numbers taken away since the base, with the versions that did it. */
  get removed(): ReadonlyMap<string, number> {
    return this.#removed
  }

  /** Entries told since the base. */
  get changes(): number {
    return this.#base.changes
  }

  /** How often the thread has been told something. */
  get told(): number {
    return this.#told
  }

  get hasRules(): boolean {
    return this.#book.size > 0
  }

  /** Tells everything there is. */
  async load(): Promise<void> {
    const { store } = this.#options.ports
    this.#book.take(await store.rules())
    this.#readTo = 0
    await this.#catchUp(0)
    await this.#ruled.all(this.#base.version, (entries) => this.#revoke(entries))
  }

  /** Tells what is new. */
  async take({ revoked, events }: FeedNews): Promise<void> {
    if (revoked) await this.#catchUp(this.#readTo)
    const rules = events.filter(({ kind }) => kind === 'rule')
    if (rules.length > 0 && this.#book.size <= rulesReadMax) {
      this.#book.take(await this.#options.ports.store.rules())
    }
    for (const event of events) {
      if (this.#options.isOver()) return
      await this.#takeEvent(event)
    }
  }

  /** Tells what a record says was taken away, which revocations in force do not show; and what was before its base is forgotten. */
  adopt({ baseVersion, removed = {} }: CrlRecord): void {
    if (baseVersion !== this.#base.version) this.#base = { version: baseVersion, changes: 0 }
    for (const [serial, version] of Object.entries(removed)) {
      if ((this.#removed.get(serial) ?? 0) < version) this.#restore([serial], version)
    }
    for (const [serial, version] of this.#removed) if (version <= baseVersion) this.#removed.delete(serial)
  }

  async #catchUp(aboveVersion: number): Promise<void> {
    const { ports, issuerId, isOver } = this.#options
    const options = { issuerId, aboveVersion, isOver }
    const highest = await readRevocationPages(ports.store, options, (entries) => this.#revoke(entries))
    if (!isOver()) this.#readTo = Math.max(this.#readTo, highest)
  }

  async #takeEvent(event: FeedEvent): Promise<void> {
    switch (event.kind) {
      case 'restored':
        return await this.#takeRestored(event)
      case 'rule':
        return await this.#takeRule(event)
      case 'rule_withdrawn': {
        const record = this.#book.find(event.ruleId)
        if (record === undefined || record.version > event.version) return
        this.#book.withdraw(event.ruleId)
        await this.#whole(record, () => this.#ruled.freedBy(record, (serials) => this.#restore(serials, event.version)))
        return
      }
      case 'directory': {
        if (event.entry.type !== 'certificate') return
        const entry = this.#book.entryFor(event.entry.certificate, event.version)
        if (entry !== undefined) this.#revoke([entry])
      }
    }
  }

  async #takeRestored({ key, version }: Extract<FeedEvent, { kind: 'restored' }>): Promise<void> {
    this.#restore([parseCertificateKey(key).serial], version)
    if (this.#book.size === 0) return
    const certificate = await this.#options.ports.store.recordedCertificate(key)
    // A rule that is newer than the restore goes on revoking it.
    const entry = certificate && this.#book.entryFor(certificate, certificate.recordedVersion)
    if (entry !== undefined) this.#revoke([entry])
  }

  async #takeRule(event: Extract<FeedEvent, { kind: 'rule' }>): Promise<void> {
    const { ruleId, rule, version, atMs } = event
    const known = this.#book.find(ruleId)
    if (known === undefined || known.version < version) {
      const unsaid = { reason: 'unspecified', comment: '', actor: '' } as const
      this.#book.take([{ ruleId, rule, version, publishedAtMs: atMs, ...unsaid }])
    }
    const record = this.#book.find(ruleId)
    if (record !== undefined) await this.#ruled.ofRule(record, (entries) => this.#revoke(entries))
  }

  /** A withdrawal that is interrupted must find its rule again. */
  async #whole(record: RuleRecord, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#book.take([record])
      throw error
    }
  }

  #revoke(entries: readonly CrlEntry[]): void {
    for (const { version, serial } of entries) {
      if (version > this.#version) this.#version = version
      if (version > this.#base.version) this.#base.changes++
      if (this.#removed.size > 0 && (this.#removed.get(serial) ?? Number.POSITIVE_INFINITY) <= version) {
        this.#removed.delete(serial)
      }
    }
    this.#told++
    this.#options.post({ type: 'revoked', entries })
  }

  #restore(serials: readonly string[], version: number): void {
    if (version > this.#version) this.#version = version
    for (const serial of serials) this.#removed.set(serial, Math.max(version, this.#removed.get(serial) ?? 0))
    this.#told++
    this.#options.post({ type: 'restored', serials, version })
  }
}
