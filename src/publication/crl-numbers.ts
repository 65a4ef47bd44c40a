import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { PublicationConfig } from '../config/gateway-config.ts'
import type { MetaValue } from '../control-path/store-port.ts'
import type { CrlRecord, PublicationPorts } from './ports.ts'

export type CrlNumbersOptions = {
  readonly values: PublicationPorts['values']
  readonly issuerId: string
  /** In force now. */
  readonly settings: () => PublicationConfig['crl']
  readonly clock: Clock
}

/** What this gateway would publish. */
export type CrlState = {
  /** Highest version of a change that is in the list. */
  readonly version: number
  /** Serial numbers that were taken away, with their versions. */
  readonly removed: ReadonlyMap<string, number>
  /** Changes since the base. */
  readonly changes: number
  /** The list is another one although nothing newer has been told: the store had gone back. */
  readonly isOther: boolean
}

/** A delta list with more than this is no help; the complete list becomes the new base. */
const deltaEntriesMax = 50_000
const removedMax = 100
/** How far the clock of the gateway that made the last record may be ahead. Unit: milliseconds. */
const clockSkewMaxMs = 300_000
const attemptsMax = 50

/**
 * The number and times of the list, which all gateways share: whoever finds a new one due writes it by compare-and-set, and the others
 * take it over. A number never goes down here, whatever the store has lost.
 */
export class CrlNumbers {
  readonly #options: CrlNumbersOptions
  #highest: CrlRecord | undefined
  /** Made while the store was away: another gateway may have given the same number to something else. */
  #isLocal = false

  constructor(options: CrlNumbersOptions) {
    this.#options = options
  }

  /** What is to be published as far as this gateway knows; undefined: nothing yet. */
  get highest(): CrlRecord | undefined {
    return this.#highest
  }

  /** Looks whether another gateway has made a newer record. A store that does not answer says nothing new. */
  async look(): Promise<CrlRecord | undefined> {
    try {
      const value = await this.#options.values.readMeta('crlsPublished')
      if (!isRemembered(value)) this.#see(readRecords(value)[this.#options.issuerId])
    } catch (error) {
      if (!isAway(error)) throw error
    }
    return this.#highest
  }

  /**
   * The record to publish: the one that stands if it says what this gateway would say and is not due, or knows of more than this
   * gateway does; else a new one. Undefined: the store does not answer and nothing has ever been published.
   */
  async settle(state: CrlState): Promise<CrlRecord | undefined> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      let value: MetaValue | undefined
      try {
        value = await this.#options.values.readMeta('crlsPublished')
      } catch (error) {
        if (!isAway(error)) throw error
        return this.#settleAlone(state, undefined)
      }
      if (isRemembered(value)) return this.#settleAlone(state, value)
      const records = readRecords(value)
      const shared = records[this.#options.issuerId]
      this.#see(shared)
      const known = this.#highest
      // What another gateway has put in must be here first.
      if (known !== undefined && known.version > state.version && known === shared) return known
      const stands = known !== undefined && !this.#isLocal && !this.#isDue(known, state)
      if (stands && shared?.number === known.number) return known
      // What the store has lost, and nothing else, is written as it was.
      const wanted = stands ? known : this.#next(state)
      try {
        if (await this.#write(records, wanted, value?.revision ?? 0)) {
          this.#highest = wanted
          this.#isLocal = false
          return wanted
        }
      } catch (error) {
        if (!isAway(error)) throw error
        return this.#settleAlone(state, undefined)
      }
    }
    throw new GatewayError('store_unavailable', 'Cannot number the CRL as other gateways keep changing it')
  }

  /**
   * The store is away, or may only be read. What is published stays as long as that is well in time; then this gateway goes on alone,
   * with what it knows. Safe enough: nothing can be revoked or restored without the store, so another gateway that does the same
   * gives the same number to the same entries, but for what one of them has not heard yet; and the base stays, so delta lists of
   * both fit the same complete list. When the store is back, the next number above all that were given says it anew.
   */
  async #settleAlone(state: CrlState, value: MetaValue | undefined): Promise<CrlRecord | undefined> {
    const { clock, issuerId } = this.#options
    const records = readRecords(value)
    if (this.#highest === undefined) this.#see(records[issuerId])
    const known = this.#highest
    if (known === undefined) return undefined
    const validityMs = known.nextUpdateMs - known.thisUpdateMs
    if (clock.nowMs() < known.nextUpdateMs - validityMs / 4) return known
    const { baseNumber, baseVersion, baseAtMs } = known
    const next = { ...this.#next(state), baseNumber, baseVersion, baseAtMs }
    this.#highest = next
    this.#isLocal = true
    // Remembered for a restart of this gateway; the store gets another one.
    if (value !== undefined) await this.#write(records, next, value.revision).catch(() => false)
    return next
  }

  /** The shared record counts where both have the same number. */
  #see(shared: CrlRecord | undefined): void {
    if (shared === undefined || shared.number < (this.#highest?.number ?? 0)) return
    if (this.#isLocal && shared.number === this.#highest?.number) return
    this.#highest = shared
    this.#isLocal = false
  }

  #isDue(known: CrlRecord, { version, isOther }: CrlState): boolean {
    const { validitySeconds } = this.#options.settings()
    const nowMs = this.#options.clock.nowMs()
    const validityMs = Math.min(known.nextUpdateMs - known.thisUpdateMs, validitySeconds * 1_000)
    if (known.version < version || isOther) return true
    return nowMs >= known.thisUpdateMs + validityMs / 2 || this.#isBaseOld(known, nowMs)
  }

  #isBaseOld({ baseAtMs }: CrlRecord, nowMs: number): boolean {
    return nowMs - baseAtMs >= this.#options.settings().deltaBaseSeconds * 1_000 || baseAtMs - nowMs > clockSkewMaxMs
  }

  #next({ version, removed, changes }: CrlState): CrlRecord {
    const known = this.#highest
    const nowMs = this.#options.clock.nowMs()
    let thisUpdateMs = Math.floor(nowMs / 1_000) * 1_000
    // Clocks of gateways differ: a later number must not look older.
    if (known !== undefined && known.thisUpdateMs > thisUpdateMs && known.thisUpdateMs - nowMs <= clockSkewMaxMs) {
      thisUpdateMs = known.thisUpdateMs
    }
    const next = {
      number: (known?.number ?? 0) + 1,
      version: Math.max(version, known?.version ?? 0),
      thisUpdateMs,
      nextUpdateMs: thisUpdateMs + this.#options.settings().validitySeconds * 1_000,
    }
    const removedSince = known === undefined ? {} : removedSinceBase(known, removed)
    const isMuch = changes > deltaEntriesMax || Object.keys(removedSince).length > removedMax
    if (known === undefined || isMuch || this.#isBaseOld(known, nowMs)) {
      return { ...next, baseNumber: next.number, baseVersion: next.version, baseAtMs: thisUpdateMs }
    }
    const { baseNumber, baseVersion, baseAtMs } = known
    return { ...next, baseNumber, baseVersion, baseAtMs, removed: removedSince }
  }

  #write(records: Readonly<Record<string, CrlRecord>>, record: CrlRecord, revision: number): Promise<boolean> {
    const text = JSON.stringify({ ...records, [this.#options.issuerId]: record })
    return this.#options.values.writeMeta('crlsPublished', text, revision)
  }
}

function removedSinceBase(known: CrlRecord, removed: ReadonlyMap<string, number>): Record<string, number> {
  const all: Record<string, number> = { ...known.removed }
  for (const [serial, version] of removed) all[serial] = Math.max(version, all[serial] ?? 0)
  return Object.fromEntries(Object.entries(all).filter(([, version]) => version > known.baseVersion))
}

/** A value that is remembered while the store is away has a revision below zero (`control-path/shared-values.ts`). */
function isRemembered(value: MetaValue | undefined): boolean {
  return value !== undefined && value.revision < 0
}

function readRecords(value: MetaValue | undefined): Record<string, CrlRecord> {
  if (value === undefined) return {}
  try {
    return JSON.parse(value.value) as Record<string, CrlRecord>
  } catch {
    // Somebody wrote into the store by hand; the next record mends it.
    return {}
  }
}

function isAway(error: unknown): boolean {
  return error instanceof GatewayError && (error.code === 'store_unavailable' || error.code === 'store_read_only')
}
