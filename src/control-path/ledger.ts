import { randomBytes } from 'node:crypto'
import { PagedTableWriter, wordsOf } from '../trust/paged-table-writer.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { LedgerKeys, ledgerKeyWords } from './ledger-keys.ts'
import { readLedgerPart, writeOdd, writeRecords } from './ledger-parts.ts'
import {
  emptyRecord,
  type LedgerRecord,
  markMax,
  markOf,
  readRecord,
  recordStates,
  recordValues,
  withoutMark,
  writeRecord,
} from './ledger-record.ts'
import type { KnownRevocation } from './store-port.ts'

/** Layout of what `readPart` gives; raised when an older program would misread it. */
export const ledgerLayout = 1

/** What a gateway knows of one certificate. */
export type LedgerEntry = {
  /** `restored`: a tombstone; `none`: only known as superseded. */
  readonly state: 'revoked' | 'restored' | 'none'
  /** Of the revocation or the tombstone; 0 in state `none`. */
  readonly version: number
  readonly superseded: boolean
}

const recordWords = ledgerKeyWords + recordValues
const entriesMaxDefault = 32_000_000
const chunkMax = 1_000
/** `unmarked` lets others run after so many entries. */
const entriesAtOnce = 65_536
const { none, revoked, restored } = recordStates
const stateNames = { [none]: 'none', [revoked]: 'revoked', [restored]: 'restored' } as const

/**
 * The certificates that were ever revoked, restored or superseded, with the version of each: by it the control thread tells a newer
 * statement from an older one, and notices what a store has lost. Outside the JavaScript heap, about 43 bytes an entry; keys that
 * somebody spelled in another way stand in a map beside it. One thread.
 */
export class CertificateLedger {
  readonly #table: PagedTableWriter
  readonly #keys = new LedgerKeys()
  readonly #odd = new Map<CertificateKey, LedgerRecord>()
  /** The record looked at: its key stands in `#keys`, or here if it is odd. */
  #record = emptyRecord
  #oddKey: CertificateKey | undefined
  readonly #values = new Uint32Array(recordValues)
  /** Revocations in force by issuer number, and of odd keys by what stands before the colon. */
  readonly #byNumber: number[] = []
  readonly #byOddIssuer = new Map<string, number>()
  #revoked = 0
  #round = 0
  /** Revocations in force that have no mark of this round. */
  #unmarked = 0

  /** `entriesMax`: beyond it whatever adds an entry throws GatewayError `revocation_index_full`. Default 32 million. */
  constructor({ entriesMax = entriesMaxDefault }: { entriesMax?: number } = {}) {
    const random = randomBytes(8)
    this.#table = new PagedTableWriter({
      slotWords: recordWords,
      keyWords: ledgerKeyWords,
      entriesMax,
      // Serial numbers are chosen by others.
      seed: [random.readUInt32LE(0), random.readUInt32LE(4)],
    })
  }

  /** Revocations in force. */
  get revoked(): number {
    return this.#revoked
  }

  /** Memory in use by the table. Unit: bytes. */
  get bytes(): number {
    return this.#table.bytes
  }

  /** Revocations in force by issuerId. */
  countByIssuer(): ReadonlyMap<string, number> {
    const counts = new Map(this.#byOddIssuer)
    for (const [number, count] of this.#byNumber.entries()) {
      const issuerId = this.#keys.issuerId(number)
      counts.set(issuerId, count + (counts.get(issuerId) ?? 0))
    }
    return counts
  }

  /** Undefined: nothing is known of the certificate. */
  find(key: CertificateKey): LedgerEntry | undefined {
    if (!this.#select(key, false)) return undefined
    const { state, version, isSuperseded } = this.#record
    return { state: stateNames[state as keyof typeof stateNames], version, superseded: isSuperseded }
  }

  /**
   * `added`: it was not in force before. `known`: it was, and has the higher of the versions. `outdated`: a tombstone with a
   * higher version stands; a tie means revoked.
   */
  revoke(key: CertificateKey, version: number): 'added' | 'known' | 'outdated' {
    this.#select(key, true)
    return this.#revoke(version, this.#round)
  }

  /**
   * `restored`: the tombstone is taken, also of a certificate nothing was known of. `known`: one with this or a higher version
   * stands already. `outdated`: it is revoked with this or a higher version.
   */
  restore(key: CertificateKey, version: number): 'restored' | 'known' | 'outdated' {
    this.#select(key, true)
    return this.#restore(version)
  }

  /** A newer certificate of the login ID is in use; false: that was known. */
  supersede(key: CertificateKey): boolean {
    this.#select(key, true)
    return this.#supersede()
  }

  /** Makes room for so many entries in all, so that loading them moves little. */
  reserve(entries: number): void {
    this.#table.reserve(entries)
  }

  /** Begins a round of comparing with the store: nothing is marked, but what is added from now on is. */
  beginRound(): void {
    const last = this.#round
    // So that no mark grows so old that its number comes again: one part a round.
    this.#table.changeValues(last % this.#table.parts, 1, (high) => (markOf(high) === last ? high : withoutMark(high)))
    for (const [key, record] of this.#odd) this.#odd.set(key, { ...record, mark: 0 })
    this.#round = (last % markMax) + 1
    this.#unmarked = this.#revoked
  }

  /** The store has this certificate too. */
  mark(key: CertificateKey): void {
    if (!this.#select(key, false) || this.#record.mark === this.#round) return
    this.#save({ ...this.#record, mark: this.#round })
    if (this.#record.state === revoked) this.#unmarked--
  }

  /**
   * Revocations in force that the round has not marked, in chunks of at most 1,000. A chunk may be empty: one comes now and then so
   * that others may run. What is marked or restored while it goes on is left out.
   */
  *unmarked(): Iterable<readonly KnownRevocation[]> {
    const total = this.#unmarked
    let found = 0
    let passed = 0
    for (let part = 0; part < this.#table.parts && found < total; part++) {
      passed += this.#table.entriesIn(part)
      const records = this.#unmarkedIn(part)
      for (let first = 0; first < records.length; first += chunkMax * recordWords) {
        const chunk = this.#knownOf(records.subarray(first, first + chunkMax * recordWords))
        found += chunk.length
        passed = 0
        yield chunk
      }
      if (passed < entriesAtOnce) continue
      passed = 0
      yield []
    }
    const odd = [...this.#odd].filter(([, record]) => this.#isMissing(record))
    for (let first = 0; first < odd.length; first += chunkMax) {
      yield odd.slice(first, first + chunkMax).map(([key, { version }]) => ({ key, version }))
    }
  }

  /** The records in parts, for a snapshot; each record is in one of them. */
  get parts(): number {
    return this.#table.parts + 1
  }

  /** The records of a part as they are now, in the layout `ledgerLayout`. */
  readPart(part: number): Uint8Array {
    if (part === this.#table.parts) return this.#readOdd()
    const records = this.#table.readPart(part)
    const issuers = new Map<number, string>()
    for (let start = 0; start < records.length; start += recordWords) {
      const number = (records[start] as number) >>> 16
      if (!issuers.has(number)) issuers.set(number, this.#keys.issuerId(number))
      const highAt = start + recordWords - 1
      records[highAt] = withoutMark(records[highAt] as number)
    }
    return writeRecords(issuers, records)
  }

  /** Adds the records of a part to what is known. Throws where it is none. */
  takePart(bytes: Uint8Array): void {
    const part = readLedgerPart(wordsOf(bytes), recordWords)
    if (part.kind === 'odd') {
      for (const [key, state, version, isSuperseded] of part.records) {
        this.#select(key, true)
        this.#takeRecord({ state, version, isSuperseded, mark: 0 })
      }
      return
    }
    const numbers = new Map([...part.issuers].map(([number, issuerId]) => [number, this.#keys.number(issuerId)]))
    for (let start = 0; start < part.records.length; start += recordWords) {
      const first = part.records[start] as number
      const number = numbers.get(first >>> 16)
      if (number === undefined)
        throw new Error(`Cannot take a record of the ledger as it has no issuer: ${first >>> 16}`)
      this.#keys.take(part.records, start, number)
      const record = { ...readRecord(part.records, start + ledgerKeyWords), mark: 0 }
      if (this.#addRead(record)) continue
      this.#selectRead()
      this.#takeRecord(record)
    }
  }

  /** Adds the record with the key that `#keys` has read, if nothing is known of that; which is the rule where a snapshot is loaded. */
  #addRead(record: LedgerRecord): boolean {
    this.#oddKey = undefined
    writeRecord(record, this.#values)
    if (!this.#table.add(this.#keys.words, this.#values)) return false
    if (record.state !== revoked) return true
    this.#count(1)
    if (this.#round !== record.mark) this.#unmarked++
    return true
  }

  #readOdd(): Uint8Array {
    return writeOdd(
      [...this.#odd].map(([key, { state, version, isSuperseded }]) => [key, state, version, isSuperseded]),
    )
  }

  /** Records of a part that stand for revocations in force without a mark, one after the other. */
  #unmarkedIn(part: number): Uint32Array {
    const records = this.#table.readPart(part)
    let filled = 0
    for (let start = 0; start < records.length; start += recordWords) {
      if (!this.#isMissing(readRecord(records, start + ledgerKeyWords))) continue
      records.copyWithin(filled, start, start + recordWords)
      filled += recordWords
    }
    return records.subarray(0, filled)
  }

  /** Of these records, what is still in force and unmarked now. */
  #knownOf(records: Uint32Array): KnownRevocation[] {
    const known: KnownRevocation[] = []
    for (let start = 0; start < records.length; start += recordWords) {
      this.#keys.take(records, start, (records[start] as number) >>> 16)
      if (!this.#selectRead() || !this.#isMissing(this.#record)) continue
      known.push({ key: this.#keys.write(records, start), version: this.#record.version })
    }
    return known
  }

  #isMissing({ state, mark }: LedgerRecord): boolean {
    return state === revoked && mark !== this.#round
  }

  /** What a record says counts as if it had come as events; it carries no mark. */
  #takeRecord({ state, version, isSuperseded }: LedgerRecord): void {
    if (state === revoked) this.#revoke(version, 0)
    else if (state === restored) this.#restore(version)
    if (isSuperseded) this.#supersede()
  }

  #revoke(version: number, mark: number): 'added' | 'known' | 'outdated' {
    const record = this.#record
    if (record.state === revoked) {
      if (version > record.version) this.#save({ ...record, version })
      return 'known'
    }
    if (record.state === restored && record.version > version) return 'outdated'
    // Counted afterwards, because there may be no room for it.
    this.#save({ ...record, state: revoked, version, mark })
    this.#count(1)
    if (mark !== this.#round) this.#unmarked++
    return 'added'
  }

  #restore(version: number): 'restored' | 'known' | 'outdated' {
    const record = this.#record
    if (record.state === restored && record.version >= version) return 'known'
    if (record.state === revoked && record.version >= version) return 'outdated'
    this.#save({ ...record, state: restored, version })
    if (record.state === revoked) {
      this.#count(-1)
      if (record.mark !== this.#round) this.#unmarked--
    }
    return 'restored'
  }

  #supersede(): boolean {
    if (this.#record.isSuperseded) return false
    this.#save({ ...this.#record, isSuperseded: true })
    return true
  }

  /** Makes it the record that is looked at; false: nothing is known of the certificate. */
  #select(key: CertificateKey, shouldNumber: boolean): boolean {
    if (this.#keys.read(key, shouldNumber) === 'read') return this.#selectRead()
    this.#oddKey = key
    const record = this.#odd.get(key)
    this.#record = record ?? emptyRecord
    return record !== undefined
  }

  /** The same with the key that `#keys` has read. */
  #selectRead(): boolean {
    this.#oddKey = undefined
    const isFound = this.#table.read(this.#keys.words, this.#values)
    this.#record = isFound ? readRecord(this.#values, 0) : emptyRecord
    return isFound
  }

  #save(record: LedgerRecord): void {
    if (this.#oddKey === undefined) {
      writeRecord(record, this.#values)
      this.#table.set(this.#keys.words, this.#values)
    } else this.#odd.set(this.#oddKey, record)
    this.#record = record
  }

  #count(change: number): void {
    this.#revoked += change
    const issuerId = this.#oddKey?.slice(0, Math.max(0, this.#oddKey.indexOf(':')))
    const number = (this.#keys.words[0] as number) >>> 16
    if (issuerId === undefined) this.#byNumber[number] = (this.#byNumber[number] ?? 0) + change
    else this.#byOddIssuer.set(issuerId, (this.#byOddIssuer.get(issuerId) ?? 0) + change)
  }
}
