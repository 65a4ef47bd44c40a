import { GatewayError } from '../base/errors.ts'
import { type BulkEntry, EntryResolver, type RejectedEntry, type ResolvedEntry, rejectEntry } from './bulk-entry.ts'
import { inParallel } from './in-parallel.ts'
import type { Actor, LifecyclePorts, RevocationReason, RevocationRequest } from './ports.ts'
import { publishLoginRules } from './publish-rule.ts'
import { recordBatch } from './record-batch.ts'

/** What a stream of entries gives: one, what could not be read as one, or that nothing more comes for now. */
export type BulkItem =
  | { readonly line: number; readonly entry: BulkEntry }
  | { readonly line: number; readonly rejected: RejectedEntry }
  | 'pause'

export type BulkOptions = {
  readonly reason: RevocationReason
  readonly comment: string
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean
  /** What a wrong entry does: end the work, or nothing but be counted. */
  readonly onInvalid: 'skip' | 'stop'
}

/** Sums since the beginning. */
export type BulkTotals = {
  /** Everything up to this line is done. */
  readonly line: number
  /** Certificates revoked now, or with `dryRun` those that would be. One that is named twice counts as already revoked then. */
  readonly revoked: number
  readonly alreadyRevoked: number
  /** Login IDs for which a rule is in force now, or would be. */
  readonly rules: number
  /** With `dryRun` always 0. */
  readonly connectionsCut: number
  readonly rejectedCount: number
}

/** After each batch. */
export type BulkProgress = BulkTotals & {
  /** Wrong entries since the progress before. */
  readonly rejected: readonly RejectedEntry[]
}

export type BulkResult = BulkTotals & {
  /** The entry that ended the work. */
  readonly stoppedBy: RejectedEntry | undefined
  /** Version of the store with which all of it is in force; 0 if nothing was written. */
  readonly version: number
  /** Fewest replicas of the store that had a batch when it was answered. */
  readonly replicas: number | undefined
}

/** Lines in a batch, and certificates in one call of the publisher. */
const batchMax = 1_000
/** Questions to the store at the same time. */
const parallelMax = 32

/**
 * Revokes a stream of certificates in batches, and says after each what was done; a batch ends early where the stream pauses.
 * Whatever happens then, what was said to be done stays done, and repeating it changes nothing. A wrong entry with
 * `onInvalid: 'stop'` ends the work at its line: the batches before it are done, and nothing of its own. Each batch is on record.
 * Throws `store_unavailable`: some of the batch may have been taken by then; and what the stream throws.
 */
export async function* revokeBulk(
  items: AsyncIterable<BulkItem>,
  options: BulkOptions,
  { actor, ports }: { actor: Actor; ports: LifecyclePorts },
): AsyncGenerator<BulkProgress, BulkResult> {
  const work = new BulkWork(options, actor, ports)
  let batch: Taken[] = []
  for await (const item of items) {
    if (item !== 'pause') {
      const taken = await work.take(item)
      if ('problem' in taken && options.onInvalid === 'stop') return work.result(taken)
      batch.push(taken)
    }
    if (batch.length === batchMax || (item === 'pause' && batch.length > 0)) {
      yield await work.finish(batch)
      batch = []
    }
  }
  if (batch.length > 0) yield await work.finish(batch)
  return work.result(undefined)
}

type Taken = (ResolvedEntry & { readonly line: number; readonly entry: BulkEntry }) | RejectedEntry

/** One bulk revocation: its sums so far. */
class BulkWork {
  readonly #options: BulkOptions
  readonly #actor: Actor
  readonly #ports: LifecyclePorts
  readonly #resolver: EntryResolver
  #totals = { line: 0, revoked: 0, alreadyRevoked: 0, rules: 0, connectionsCut: 0, rejectedCount: 0 }
  #version = 0
  #replicas: number | undefined

  constructor(options: BulkOptions, actor: Actor, ports: LifecyclePorts) {
    this.#options = options
    this.#actor = actor
    this.#ports = ports
    this.#resolver = new EntryResolver(ports)
  }

  async take(item: Exclude<BulkItem, 'pause'>): Promise<Taken> {
    if ('rejected' in item) return item.rejected
    const { line, entry } = item
    try {
      return { line, entry, ...(await this.#resolver.resolve(entry)) }
    } catch (error) {
      const { path: field } = error as GatewayError
      if (!(error instanceof GatewayError) || field === undefined) throw error
      const value = (entry as Readonly<Record<string, string>>)[field] ?? ''
      return rejectEntry(line, field, { value, problem: error.message })
    }
  }

  async finish(batch: readonly Taken[]): Promise<BulkProgress> {
    const rejected = batch.filter((taken) => 'problem' in taken)
    const entries = batch.filter((taken) => 'keys' in taken)
    const requests = entries.flatMap(({ keys, loginId, entry }) =>
      keys.map((key) => ({ key, loginId, ...this.#why(entry) })),
    )
    if (this.#options.dryRun) await this.#foresee(requests)
    else await this.#publish(requests)
    await this.#publishRules(entries.filter(({ loginId }) => loginId !== undefined).map(({ entry }) => entry))
    this.#totals.rejectedCount += rejected.length
    this.#totals.line = batch.at(-1)?.line ?? this.#totals.line
    return { ...this.#totals, rejected }
  }

  result(stoppedBy: RejectedEntry | undefined): BulkResult {
    const rejectedCount = this.#totals.rejectedCount + (stoppedBy === undefined ? 0 : 1)
    return { ...this.#totals, rejectedCount, stoppedBy, version: this.#version, replicas: this.#replicas }
  }

  #why({ reason, comment }: BulkEntry): { reason: RevocationReason; comment: string } {
    return { reason: reason ?? this.#options.reason, comment: comment ?? this.#options.comment }
  }

  /** A login ID may bring more certificates than it has lines. */
  async #publish(requests: readonly RevocationRequest[]): Promise<void> {
    for (let first = 0; first < requests.length; first += batchMax) {
      const part = requests.slice(first, first + batchMax)
      const { outcomes, connectionsCut, replicas, version } = await this.#publishOnRecord(part)
      const revoked = outcomes.filter(({ outcome }) => outcome === 'revoked').length
      this.#totals.revoked += revoked
      this.#totals.alreadyRevoked += outcomes.length - revoked
      this.#totals.connectionsCut += connectionsCut
      this.#version = Math.max(this.#version, version)
      if (replicas !== undefined) this.#replicas = Math.min(this.#replicas ?? replicas, replicas)
    }
  }

  async #publishOnRecord(requests: readonly RevocationRequest[]) {
    const record = (outcomeOf: (position: number) => string) =>
      recordBatch(
        requests.map((request, position) => ({ request, outcome: outcomeOf(position) })),
        this.#actor,
        this.#ports,
      )
    try {
      const published = await this.#ports.publisher.publish(requests, this.#actor)
      record((position) => published.outcomes[position]?.outcome ?? 'unconfirmed')
      return published
    } catch (error) {
      record(() => 'unconfirmed')
      throw error
    }
  }

  async #publishRules(entries: readonly BulkEntry[]): Promise<void> {
    for (const [why, loginIds] of groupByReason(entries, (entry) => this.#why(entry))) {
      this.#totals.rules += loginIds.length
      if (this.#options.dryRun) continue
      const rules = await publishLoginRules(loginIds, this.#actor, { ...why, ports: this.#ports })
      this.#totals.connectionsCut += rules.connectionsCut
      this.#version = Math.max(this.#version, rules.version)
    }
  }

  async #foresee(requests: readonly RevocationRequest[]): Promise<void> {
    const records = await inParallel(requests, ({ key }) => this.#ports.store.revocation(key), { width: parallelMax })
    const alreadyRevoked = records.filter((record) => record?.state === 'revoked').length
    this.#totals.alreadyRevoked += alreadyRevoked
    this.#totals.revoked += records.length - alreadyRevoked
  }
}

type Why = { readonly reason: RevocationReason; readonly comment: string }

/** Login IDs, each once, by reason and comment. */
function groupByReason(entries: readonly BulkEntry[], whyOf: (entry: BulkEntry) => Why): [Why, readonly string[]][] {
  const groups = new Map<string, { why: Why; loginIds: Set<string> }>()
  for (const entry of entries) {
    if (!('loginId' in entry)) continue
    const why = whyOf(entry)
    const name = JSON.stringify([why.reason, why.comment])
    const group = groups.get(name) ?? { why, loginIds: new Set() }
    groups.set(name, group)
    group.loginIds.add(entry.loginId)
  }
  return [...groups.values()].map(({ why, loginIds }) => [why, [...loginIds]])
}
