import type { BulkEnd } from '../admin/bulk-revocations.ts'
import type { Confirmed } from '../admin/wait-for-gateways.ts'
import type { RejectedEntry } from '../lifecycle/bulk-entry.ts'
import type { BulkProgress } from '../lifecycle/revoke-bulk.ts'
import type { AdminStream } from './admin-stream.ts'
import type { LineBlock } from './entry-file.ts'
import type { EntryParser } from './entry-parser.ts'
import { EntryUpload } from './entry-upload.ts'
import { nothingPushed, type PushTotals } from './push-record.ts'

export type FilePushOptions = {
  readonly stream: AdminStream
  readonly parser: EntryParser
  readonly blocks: AsyncIterable<LineBlock>
  /** What was done before; its lines are left out. */
  readonly before: PushTotals
  readonly skipInvalid: boolean
  /** Told after each batch; `offset`: how far into the file. Unit: bytes. */
  progress(totals: PushTotals, offset: number): void
  rejected(entry: RejectedEntry): void
}

export type PushEnd = Confirmed & {
  readonly totals: PushTotals
  /** The entry that ended the work. */
  readonly stoppedBy: RejectedEntry | undefined
  /** Why the rest was not sent or not done. */
  readonly fault: unknown
}

/** Sends a file to the door and follows its answer to the end. Never rejects: what was done until then must be told. */
export async function pushFile(options: FilePushOptions): Promise<PushEnd> {
  return await new FilePush(options).run()
}

class FilePush {
  readonly #options: FilePushOptions
  readonly #upload: EntryUpload
  /** What the door has told of this push. */
  #told: PushTotals = nothingPushed
  #rejectedHere = 0
  #stoppedBy: RejectedEntry | undefined
  #fault: unknown

  constructor(options: FilePushOptions) {
    this.#options = options
    const { stream, parser, skipInvalid, before } = options
    this.#upload = new EntryUpload({
      ...{ stream, parser, skipInvalid, skipLines: before.line },
      rejected: (entry) => this.#rejectHere(entry),
    })
  }

  async run(): Promise<PushEnd> {
    const { stream, blocks } = this.#options
    // Also after a fault of the file: what was sent before it counts. Nobody waits for it at the end: the file may be a pipe that is
    // silent for hours.
    void this.#upload.run(blocks).then(
      () => stream.end(),
      (fault: unknown) => {
        this.#fault ??= fault
        stream.end()
      },
    )
    let end: BulkEnd | undefined
    try {
      for await (const answer of stream.answers()) {
        if (isEnd(answer)) {
          end = answer
          break
        }
        this.#progress(answer as BulkProgress)
      }
      if (end === undefined) this.#fault ??= new Error('Cannot go on: the door ended its answer early')
    } catch (fault) {
      this.#fault ??= fault
    }
    stream.destroy()
    return this.#end(end)
  }

  #progress({ rejected, ...told }: BulkProgress): void {
    for (const entry of rejected) this.#options.rejected(this.#inFile(entry))
    this.#told = told
    const totals = this.#totals()
    this.#options.progress(totals, this.#upload.offsetOf(totals.line))
  }

  #end(end: BulkEnd | undefined): PushEnd {
    if (end !== undefined) this.#told = tellAgain(end, this.#told)
    if (end?.done === false) {
      const [entry] = end.rejected ?? []
      // It stands before whatever was found wrong here.
      if (entry === undefined) this.#fault = end.problem
      else this.#stoppedBy = this.#inFile(entry)
      if (this.#stoppedBy !== undefined) this.#options.rejected(this.#stoppedBy)
    }
    const confirmed = end?.done === true && end.confirmation !== undefined ? { confirmation: end.confirmation } : {}
    return { ...confirmed, totals: this.#totals(), stoppedBy: this.#stoppedBy, fault: this.#fault }
  }

  #rejectHere(entry: RejectedEntry): void {
    this.#rejectedHere++
    if (!this.#options.skipInvalid) this.#stoppedBy = entry
    this.#options.rejected(entry)
  }

  /** The door counts from the first line that was sent. */
  #inFile(entry: RejectedEntry): RejectedEntry {
    return { ...entry, line: entry.line + this.#options.before.line }
  }

  #totals(): PushTotals {
    const { before } = this.#options
    const told = this.#told
    return {
      line: before.line + told.line,
      revoked: before.revoked + told.revoked,
      alreadyRevoked: before.alreadyRevoked + told.alreadyRevoked,
      rules: before.rules + told.rules,
      connectionsCut: before.connectionsCut + told.connectionsCut,
      rejectedCount: before.rejectedCount + told.rejectedCount + this.#rejectedHere,
    }
  }
}

function isEnd(answer: unknown): answer is BulkEnd {
  return typeof answer === 'object' && answer !== null && 'done' in answer
}

/** The totals of an end, which may lack some. */
function tellAgain(end: Partial<PushTotals>, before: PushTotals): PushTotals {
  return {
    line: end.line ?? before.line,
    revoked: end.revoked ?? before.revoked,
    alreadyRevoked: end.alreadyRevoked ?? before.alreadyRevoked,
    rules: end.rules ?? before.rules,
    connectionsCut: end.connectionsCut ?? before.connectionsCut,
    rejectedCount: end.rejectedCount ?? before.rejectedCount,
  }
}
