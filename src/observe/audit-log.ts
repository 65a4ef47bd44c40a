import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import { type ChainLink, linkRecord } from './audit-chain.ts'
import { type AuditEvent, gatewayActor } from './audit-event.ts'
import { type AuditSink, openAuditFile } from './audit-file.ts'

/** Told about every record; `dropped` also when the log is closed. */
export type AuditObserver = {
  auditRecorded(): void
  auditDropped(records: number): void
}

export type AuditLogOptions = {
  readonly clock: Clock
  readonly observer?: AuditObserver
  /** Told when writing begins to fail; the log keeps what it has and tries again each second. */
  readonly onFault?: (fault: GatewayError) => void
  /** Records waiting for the disk; more are dropped and counted. Unit: bytes. Default 8 MiB. */
  readonly queueBytesMax?: number
}

/** What is being written; a failed write goes on at the byte where it stopped. `bytes` is the whole length. */
type Batch = { remainder: Buffer; readonly bytes: number; readonly head: ChainLink }

/** How long refused logins wait to be written together; every other event is written at once. Unit: milliseconds. */
const batchDelayMs = 100
const retryDelayMs = 1_000
const queueBytesMaxDefault = 8_388_608

/**
 * The audit log (R25): append-only JSON lines in a hash chain, put on disk before `flush` resolves. One writer, on the
 * control thread. States: idle; waiting (a timer runs); writing; failing (only the retry timer or `flush` writes); closed.
 */
export class AuditLog {
  readonly #sink: AuditSink
  readonly #options: AuditLogOptions
  #last: ChainLink
  #confirmed: ChainLink
  #pending: string[] = []
  #queuedBytes = 0
  #dropped = 0
  #batch: Batch | undefined
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #failing = false
  #closed = false

  /** Takes a sink whose chain stands at `after`; `open` is the usual way. */
  constructor(sink: AuditSink, after: ChainLink, options: AuditLogOptions) {
    this.#sink = sink
    this.#last = after
    this.#confirmed = after
    this.#options = options
  }

  /**
   * Opens the file and continues its chain; a torn line or a moved file is recorded first.
   * Throws `audit_chain_broken` and `audit_write_failed` (see `openAuditFile`).
   */
  static async open(options: AuditLogOptions & { readonly file: string }): Promise<AuditLog> {
    const { sink, after, openingEvent } = await openAuditFile(options.file)
    const log = new AuditLog(sink, after, options)
    if (openingEvent !== undefined) {
      log.record(openingEvent)
      await log.flush()
    }
    return log
  }

  /** The last record that is on disk; kept elsewhere, it proves later that the log was not rewritten or shortened. */
  get head(): ChainLink {
    return this.#confirmed
  }

  /** Takes an event; never throws and never waits. Dropped and counted when the queue is full or the log is closed. */
  record(event: AuditEvent): void {
    const queueBytesMax = this.#options.queueBytesMax ?? queueBytesMaxDefault
    if (this.#closed || this.#queuedBytes >= queueBytesMax) {
      this.#dropped += 1
      this.#options.observer?.auditDropped(1)
      return
    }
    this.#recordDropped()
    this.#enqueue(event)
    this.#schedule(event.event === 'login_refused' ? batchDelayMs : 0)
  }

  /** Resolves once everything recorded so far is on disk. Throws `audit_write_failed`; the records are kept. */
  async flush(): Promise<void> {
    const until = this.#last.seq
    while (this.#confirmed.seq < until) await this.#start()
  }

  /** Writes what is left and closes the file. Throws `audit_write_failed` when records could not be written. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#recordDropped()
    this.#closed = true
    try {
      await this.flush()
    } finally {
      clearTimeout(this.#timer)
      await this.#sink.close()
    }
  }

  #recordDropped(): void {
    if (this.#dropped === 0) return
    const detail = { records: this.#dropped }
    this.#dropped = 0
    this.#enqueue({ event: 'audit_records_dropped', actor: gatewayActor, reason: 'queue full', detail })
  }

  #enqueue(event: AuditEvent): void {
    const { link, line } = linkRecord(event, { after: this.#last, nowMs: this.#options.clock.nowMs() })
    this.#last = link
    this.#pending.push(line)
    this.#queuedBytes += Buffer.byteLength(line)
    this.#options.observer?.auditRecorded()
  }

  #schedule(delayMs: number): void {
    if (this.#failing || this.#running !== undefined) return
    if (delayMs === 0) {
      // Started in this turn it would write one record; a turn later it takes all that this turn records.
      queueMicrotask(() => this.#startInBackground())
      return
    }
    this.#timer ??= setTimeout(() => this.#startInBackground(), delayMs)
  }

  #startInBackground(): void {
    // The fault was reported by #drain.
    this.#start().catch(() => undefined)
  }

  #start(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined
      // An event recorded after the last look at the queue found a writer running and started none.
      if (this.#pending.length > 0) this.#schedule(0)
    })
    return this.#running
  }

  async #drain(): Promise<void> {
    try {
      while (this.#batch !== undefined || this.#pending.length > 0) {
        this.#batch ??= this.#takeBatch()
        await this.#writeBatch(this.#batch)
        if (!this.#closed && this.#pending.length === 0) this.#recordDropped()
      }
      this.#failing = false
    } catch (cause) {
      throw this.#fail(cause)
    }
  }

  #takeBatch(): Batch {
    const remainder = Buffer.from(this.#pending.join(''))
    this.#pending = []
    return { remainder, bytes: remainder.length, head: this.#last }
  }

  async #writeBatch(batch: Batch): Promise<void> {
    while (batch.remainder.length > 0) {
      const written = await this.#sink.append(batch.remainder)
      assert(written > 0, 'a write without an error writes something')
      batch.remainder = batch.remainder.subarray(written)
    }
    await this.#sink.confirm(batch.head)
    this.#confirmed = batch.head
    this.#queuedBytes -= batch.bytes
    this.#batch = undefined
  }

  #fail(cause: unknown): GatewayError {
    const message = `Cannot write the audit log: ${(cause as Error).message}`
    const fault = new GatewayError('audit_write_failed', message, { cause })
    if (!this.#failing) this.#options.onFault?.(fault)
    this.#failing = true
    if (!this.#closed) {
      this.#timer = setTimeout(() => this.#startInBackground(), retryDelayMs)
      this.#timer.unref()
    }
    return fault
  }
}
