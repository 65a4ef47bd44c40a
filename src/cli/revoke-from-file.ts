import { systemClock } from '../base/clock.ts'
import type { RejectedEntry } from '../lifecycle/bulk-entry.ts'
import { problemError } from './admin-client.ts'
import { CommandError, exitCodes } from './command-context.ts'
import { describeConfirmation, type WaitOptions, waitFields } from './describe-confirmation.ts'
import { type EntryFile, type LineBlock, openEntryFile, readLineBlocks } from './entry-file.ts'
import { createParser, type EntryFormat, guessFormat } from './entry-format.ts'
import { type PushEnd, pushFile } from './file-push.ts'
import { grouped, PushMeter } from './push-meter.ts'
import { identifyPush, nothingPushed, PushRecord, type PushTotals } from './push-record.ts'
import type { CommandTools } from './run-command.ts'
import { counted, printable } from './text-table.ts'

export type FileOptions = WaitOptions & {
  /** `-` for standard input. */
  readonly from: string
  readonly format?: EntryFormat
  readonly issuer?: string
  readonly reason: string
  readonly comment?: string
  readonly apply?: boolean
  readonly skipInvalid?: boolean
  readonly restart?: boolean
  readonly skipLines?: number
}

const answerWithinMs = 120_000
const recordEveryMs = 500
/** Wrong entries that are shown one by one, and those that `--json` gives. */
const rejectedShownMax = 20
const rejectedListMax = 1_000

/** `sekisho revoke --from FILE`: whatever ends it, what was done is told, and the same command goes on from there. */
export async function revokeFromFile(options: FileOptions, tools: CommandTools): Promise<void> {
  const file = await openEntryFile(options.from, tools.context.input)
  try {
    await revokeFrom(file, options, tools)
  } finally {
    file.close()
  }
}

async function revokeFrom(file: EntryFile, options: FileOptions, tools: CommandTools): Promise<void> {
  const { format, blocks } = await findFormat(file, options.format)
  const parser = createParser(format, options.issuer)
  const client = tools.client()
  const record = createRecord(file, { options, format, adminUrl: client.origin })
  const before = findBeginning(record, options, tools)
  const meter = new PushMeter({
    clock: systemClock,
    write: (text) => tools.context.writeError(text),
    columns: tools.context.errorColumns?.(),
  })
  const note = new Note(record, tools)
  const rejections = new Rejections(meter, tools)
  const end = await pushFile({
    stream: client.stream(`/v1/revocations/bulk?${queryOf(options)}`, {
      answerWithinMs: answerWithinMs + waitFields(options).timeoutMs,
    }),
    ...{ parser, blocks, before, skipInvalid: options.skipInvalid === true },
    progress: (totals, offset) => {
      note.keep(totals)
      meter.show(
        totals.revoked + totals.alreadyRevoked + totals.rejectedCount,
        file.size === undefined ? undefined : Math.min(1, offset / Math.max(1, file.size)),
      )
    },
    rejected: (entry) => rejections.add(entry),
  })
  meter.clear()
  note.close(end)
  report(end, { options, file, format, seconds: meter.seconds, rejected: rejections.list, before }, tools)
}

function queryOf(options: FileOptions): URLSearchParams {
  const { fields } = waitFields(options)
  const query = new URLSearchParams({
    dryRun: String(options.apply !== true),
    onInvalid: options.skipInvalid === true ? 'skip' : 'stop',
    reason: options.reason,
    comment: options.comment ?? '',
  })
  for (const [name, value] of Object.entries(fields)) query.set(name, String(value))
  return query
}

async function findFormat(
  file: EntryFile,
  given: EntryFormat | undefined,
): Promise<{ format: EntryFormat; blocks: AsyncIterable<LineBlock> }> {
  const rest = readLineBlocks(file)
  const seen: LineBlock[] = []
  let format = given
  while (format === undefined) {
    const next = await rest.next()
    if (next.done !== true) seen.push(next.value)
    format = guessFormat(
      seen.flatMap(({ lines }) => lines),
      next.done === true,
    )
  }
  return { format, blocks: both(seen, rest) }
}

async function* both(first: readonly LineBlock[], rest: AsyncIterable<LineBlock>): AsyncGenerator<LineBlock> {
  yield* first
  yield* rest
}

function createRecord(
  file: EntryFile,
  { options, format, adminUrl }: { options: FileOptions; format: EntryFormat; adminUrl: string },
): PushRecord | undefined {
  const identity = identifyPush(file, { format, issuer: options.issuer ?? '', adminUrl })
  return options.apply === true && identity !== undefined ? new PushRecord(options.from, identity) : undefined
}

function findBeginning(record: PushRecord | undefined, options: FileOptions, { context }: CommandTools): PushTotals {
  if (options.skipLines !== undefined) return { ...nothingPushed, line: options.skipLines }
  if (record === undefined || options.restart === true) return nothingPushed
  const found = record.read()
  if (found === 'none') return nothingPushed
  if (found === 'other') {
    context.writeError(`${printable(record.path)} is of another push, or the file has changed: beginning anew.\n`)
    return nothingPushed
  }
  context.writeError(`Going on after line ${found.line} of ${printable(options.from)} (--restart begins anew).\n`)
  return found
}

/** Keeps the note beside the file up to date, without holding up the push. */
class Note {
  readonly #record: PushRecord | undefined
  readonly #tools: CommandTools
  #keptMs = Number.NEGATIVE_INFINITY
  #failed = false

  constructor(record: PushRecord | undefined, tools: CommandTools) {
    this.#record = record
    this.#tools = tools
  }

  keep(totals: PushTotals): void {
    const nowMs = systemClock.monotonicMs()
    if (nowMs - this.#keptMs < recordEveryMs) return
    this.#keptMs = nowMs
    this.#try(() => this.#record?.write(totals))
  }

  close({ totals, stoppedBy, fault }: PushEnd): void {
    const done = stoppedBy === undefined && fault === undefined
    if (done) this.#try(() => this.#record?.remove())
    else if (totals.line > 0) this.#try(() => this.#record?.write(totals))
  }

  #try(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!this.#failed) this.#tools.context.writeError(`Warning: how far it got is not kept: ${String(error)}\n`)
      this.#failed = true
    }
  }
}

/** Shows the first wrong entries and keeps some for the summary. */
class Rejections {
  readonly list: RejectedEntry[] = []
  readonly #meter: PushMeter
  readonly #tools: CommandTools
  #count = 0

  constructor(meter: PushMeter, tools: CommandTools) {
    this.#meter = meter
    this.#tools = tools
  }

  add(entry: RejectedEntry): void {
    if (this.list.length < rejectedListMax) this.list.push(entry)
    const position = ++this.#count
    if (position > rejectedShownMax + 1) return
    this.#meter.clear()
    const line = position > rejectedShownMax ? 'More wrong entries follow; they are counted.' : describeRejected(entry)
    this.#tools.context.writeError(`${printable(line)}\n`)
  }
}

function describeRejected({ line, field, problem }: RejectedEntry): string {
  return `Line ${line}${field === '' ? '' : `, ${field}`}: ${problem}`
}

type ReportContext = {
  readonly options: FileOptions
  readonly file: EntryFile
  readonly format: EntryFormat
  readonly seconds: number
  readonly rejected: readonly RejectedEntry[]
  readonly before: PushTotals
}

function report(end: PushEnd, context: ReportContext, tools: CommandTools): void {
  const { options, file, format, seconds, rejected } = context
  const { totals, stoppedBy, fault, ...confirmed } = end
  const done = stoppedBy === undefined && fault === undefined
  const dryRun = options.apply !== true
  const nothingUsable = totals.rejectedCount > 0 && totals.revoked + totals.alreadyRevoked + totals.rules === 0
  if (!done || nothingUsable) tools.setExitCode(exitCodes.failed)
  const text = `${describeTotals(totals, { dryRun, rate: rateOf(context, totals) })}${describeConfirmation(confirmed, tools)}`
  const problem = fault === undefined ? {} : { problem: problemOf(fault) }
  const roundedSeconds = Math.round(seconds * 10) / 10
  tools.print(
    { from: file.name, format, dryRun, done, ...totals, rejected, seconds: roundedSeconds, ...problem, ...confirmed },
    text,
  )
  if (done) return
  if (fault !== undefined) tools.context.writeError(`${printable(messageOf(fault))}\n`)
  tools.context.writeError(describeStop(end, context))
}

function rateOf({ seconds, before }: ReportContext, totals: PushTotals): string {
  const count = totals.revoked + totals.alreadyRevoked - before.revoked - before.alreadyRevoked
  const rate = seconds > 0 ? `, ${grouped(Math.round(count / seconds))}/s` : ''
  return `${seconds.toFixed(1)} s${rate}`
}

function describeTotals(totals: PushTotals, { dryRun, rate }: { dryRun: boolean; rate: string }): string {
  const { revoked, alreadyRevoked, rules, connectionsCut, rejectedCount } = totals
  const wrong = rejectedCount === 0 ? '' : `; ${counted(rejectedCount, 'wrong entry', 'wrong entries')}`
  const covered = rules === 0 ? '' : `; ${counted(rules, 'login ID')} covered by a rule`
  const sum = `${counted(revoked, 'certificate')}; ${alreadyRevoked} already revoked${covered}${wrong}`
  if (dryRun) return `Would revoke ${sum} (${rate}).\nNothing was changed: add --apply to do it.\n`
  return `Revoked ${sum}; ${counted(connectionsCut, 'connection')} cut (${rate}).\n`
}

/** Where it ended, and how to go on. */
function describeStop({ totals, stoppedBy }: PushEnd, { options }: ReportContext): string {
  const where =
    stoppedBy === undefined ? '' : `Stopped at line ${stoppedBy.line}: correct it, or give --skip-invalid.\n`
  if (options.apply !== true) return where
  const begun = `Done up to line ${totals.line}, and that stays. To go on:`
  if (options.from !== '-') return `${where}${begun} run the same command again.\n`
  return `${where}${begun} give the same input with --skip-lines ${totals.line}.\n`
}

function problemOf(fault: unknown): unknown {
  if (fault instanceof CommandError) return fault.problem ?? { detail: fault.message }
  return fault instanceof Error ? { detail: fault.message } : fault
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : problemError(fault, 'Cannot go on').message
}
