import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type ChainLink, chainStart, continues, type ReadRecord, readRecord } from './audit-chain.ts'
import { headFileOf, readHead, tailBytesMax } from './audit-file.ts'

/** What is wrong with the first bad line. `reordered`: its place was taken by a record that comes elsewhere. */
export type AuditProblem = 'edited' | 'inserted' | 'removed' | 'reordered'

export type BadLine = {
  /** Counted from 1. */
  readonly line: number
  readonly problem: AuditProblem
  readonly explanation: string
}

/** How the log agrees with the head file beside it. `missing` does not fail the check: the chain alone was checked. */
export type HeadState = 'agrees' | 'missing' | 'log_shortened' | 'differs'

export type AuditVerification = {
  /** Every line is in the chain, and the head file does not disagree. */
  readonly ok: boolean
  /** Records whose place in the chain is proven, from the first line on. */
  readonly records: number
  /** Where the proven part starts and ends; compare `last` with a value kept elsewhere. */
  readonly first: ChainLink | undefined
  readonly last: ChainLink | undefined
  /** The record before the first one, in the file that was moved away; undefined when this log starts the chain. */
  readonly continuesFrom: ChainLink | undefined
  readonly firstBadLine: BadLine | undefined
  /** Torn lines that a later record accounts for. */
  readonly repairs: number
  /** Bytes after the last newline: a crash, or a write in progress. They are reported at the next start. */
  readonly tornTailBytes: number
  readonly head: HeadState
  /** One sentence for each finding, the head file's included. */
  readonly findings: readonly string[]
}

/**
 * Reads an audit log from its first line to its last in constant memory and says which line breaks the chain.
 * Cutting off whole records at the end cannot be seen in the chain; that is what the head file, or a head kept
 * elsewhere, is for. Throws the file system's error when the log cannot be read.
 *
 * @param options.expectedHead a head noted earlier: the log must hold that record, unchanged
 * @param options.betweenSlices awaited after each 64 KiB, so that whoever reads beside other work may rest; if it rejects, so does this
 */
export async function verifyAuditFile(
  file: string,
  options: { readonly expectedHead?: ChainLink; readonly betweenSlices?: () => Promise<void> } = {},
): Promise<AuditVerification> {
  // Read before the log, so that a log being written is never behind its head.
  const head = await readHead(file)
  const scan = new ChainScan([head, options.expectedHead])
  const tornTailBytes = await readLines(file, { take: (line) => scan.take(line), pause: options.betweenSlices })
  return conclude(file, { scan, head, expectedHead: options.expectedHead, tornTailBytes })
}

type LineReader = {
  /** Gets each line without its newline; over-long ones cut. */
  readonly take: (line: Buffer) => void
  /** After each chunk that was read. */
  readonly pause: (() => Promise<void>) | undefined
}

/** Hands over each line; returns the bytes after the last newline. */
async function readLines(file: string, { take, pause }: LineReader): Promise<number> {
  let rest: Buffer[] = []
  let restBytes = 0
  const keep = (part: Buffer) => {
    // One byte over the limit is kept, so that an over-long line is seen as one; memory stays bounded.
    if (restBytes <= tailBytesMax) rest.push(part.subarray(0, tailBytesMax + 1 - restBytes))
    restBytes += part.length
  }
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      keep(chunk.subarray(start, end))
      take(Buffer.concat(rest))
      rest = []
      restBytes = 0
      start = end + 1
    }
    keep(chunk.subarray(start))
    await pause?.()
  }
  return restBytes
}

/** A run of lines outside the chain, which a repair record may account for. */
type Suspect = { readonly line: number; readonly unreadable: boolean; readonly record: ReadRecord | undefined }

/**
 * Follows the chain line by line. States: in the chain (no suspect); suspecting (lines out of the chain, waiting for a
 * record that continues it); broken (the first bad line is known to be bad; the rest is read only to name the problem).
 */
class ChainScan {
  records = 0
  repairs = 0
  first: ChainLink | undefined
  last: ChainLink | undefined
  continuesFrom: ChainLink | undefined
  /** Hashes of the wanted records, as they stand in the log. */
  readonly seen = new Map<number, string>()
  readonly #wanted: ReadonlySet<number>
  #line = 0
  #at: ChainLink = chainStart
  #suspect: Suspect | undefined
  #suspectHash: Hash = createHash('sha256')
  #bad: BadLine | undefined

  constructor(heads: readonly (ChainLink | undefined)[]) {
    this.#wanted = new Set(heads.flatMap((head) => (head === undefined ? [] : [head.seq])))
  }

  take(line: Buffer): void {
    this.#line += 1
    const record = readRecord(line)
    if (this.#bad !== undefined) return
    if (record !== undefined && this.#continuesChain(record)) {
      this.#settle(record)
      if (this.#bad === undefined) this.#accept(record)
      return
    }
    this.#suspectHash.update(this.#suspect === undefined ? line : Buffer.concat([Buffer.from('\n'), line]))
    this.#suspect ??= { line: this.#line, unreadable: record === undefined, record }
  }

  /** The first bad line, once the whole log is read. */
  finish(): BadLine | undefined {
    if (this.#bad !== undefined || this.#suspect === undefined) return this.#bad
    return describeBreak(this.#suspect, this.#at)
  }

  /** A log that continues a moved one starts with the record that says so. */
  #continuesChain(record: ReadRecord): boolean {
    if (continues(record, this.#at)) return true
    return this.records === 0 && record.event === 'audit_log_continued' && record.seq > 1
  }

  #accept(record: ReadRecord): void {
    const link = { seq: record.seq, hash: record.hash }
    if (this.#wanted.has(link.seq)) this.seen.set(link.seq, link.hash)
    if (this.records === 0 && record.seq > 1) this.continuesFrom = { seq: record.seq - 1, hash: record.prev }
    this.first ??= link
    this.last = link
    this.#at = link
    this.records += 1
  }

  /** The chain goes on after suspect lines: they were torn and are accounted for, moved, or put in by someone. */
  #settle(record: ReadRecord): void {
    const suspect = this.#suspect
    if (suspect === undefined) return
    if (record.detail.tornSha256 === this.#suspectHash.digest('hex')) {
      this.repairs += 1
      this.#suspect = undefined
      this.#suspectHash = createHash('sha256')
      return
    }
    this.#bad = describeReturn(suspect, record)
  }
}

/** The record that belonged at the suspect line came later. */
function describeReturn(suspect: Suspect, next: ReadRecord): BadLine {
  const { line, record } = suspect
  if (record !== undefined && record.seq > next.seq) {
    return { line, problem: 'reordered', explanation: `record ${record.seq} stands before record ${next.seq}` }
  }
  const what = record === undefined ? 'a line that is no record' : `a second record ${record.seq}`
  return { line, problem: 'inserted', explanation: `${what} stands before record ${next.seq}` }
}

/** The chain never went on. */
function describeBreak(suspect: Suspect, at: ChainLink): BadLine {
  const { line, record } = suspect
  const expected = at.seq + 1
  if (record === undefined) {
    return { line, problem: 'edited', explanation: `record ${expected} does not match its own hash, or is no record` }
  }
  if (record.seq > expected) {
    const gap = record.seq - expected
    return {
      line,
      problem: 'removed',
      explanation: `${gap} record(s) from ${expected} on are missing before this line`,
    }
  }
  if (record.seq === expected) {
    const explanation = `record ${expected} does not continue record ${at.seq}: one of them was replaced`
    return { line, problem: 'edited', explanation }
  }
  if (record.seq === at.seq) {
    const explanation = `record ${at.seq} stands twice: this line or the one before it was put in`
    return { line, problem: 'inserted', explanation }
  }
  return { line, problem: 'inserted', explanation: `record ${record.seq} stands again after record ${at.seq}` }
}

function conclude(
  file: string,
  read: {
    readonly scan: ChainScan
    readonly head: ChainLink | undefined
    readonly expectedHead: ChainLink | undefined
    readonly tornTailBytes: number
  },
): AuditVerification {
  const { scan, head, expectedHead, tornTailBytes } = read
  const firstBadLine = scan.finish()
  const headState = head === undefined ? 'missing' : compareHead(scan, head)
  const expectedState = expectedHead === undefined ? 'agrees' : compareHead(scan, expectedHead)
  const headBad = headState === 'log_shortened' || headState === 'differs'
  const findings: string[] = []
  if (firstBadLine !== undefined) {
    findings.push(`Line ${firstBadLine.line}: ${firstBadLine.problem}: ${firstBadLine.explanation}`)
  }
  // After a break the proven part ends early, so a head beyond it says nothing new.
  if (headBad && firstBadLine === undefined) findings.push(describeHead(headState, head, headFileOf(file)))
  if (headState === 'missing') findings.push(`${headFileOf(file)} is missing: a shortened log would not show`)
  if (expectedState !== 'agrees') findings.push(describeHead(expectedState, expectedHead, 'The head kept elsewhere'))
  if (scan.continuesFrom !== undefined) {
    findings.push(`The log continues record ${scan.continuesFrom.seq} of an earlier file, which has to be verified too`)
  }
  if (tornTailBytes > 0)
    findings.push(`${tornTailBytes} byte(s) after the last whole line: a crash or a write in progress`)
  return {
    ok: firstBadLine === undefined && !headBad && expectedState === 'agrees',
    records: scan.records,
    first: scan.first,
    last: scan.last,
    continuesFrom: scan.continuesFrom,
    firstBadLine,
    repairs: scan.repairs,
    tornTailBytes,
    head: headState,
    findings,
  }
}

function compareHead(scan: ChainScan, head: ChainLink): Exclude<HeadState, 'missing'> {
  // A head from before this file's first record belongs to the file before it.
  if (head.seq === 0 || (scan.first !== undefined && head.seq < scan.first.seq)) return 'agrees'
  const seen = scan.seen.get(head.seq)
  if (seen === undefined) return 'log_shortened'
  return seen === head.hash ? 'agrees' : 'differs'
}

function describeHead(state: HeadState, head: ChainLink | undefined, source: string): string {
  const seq = head?.seq ?? 0
  return state === 'differs'
    ? `${source} names another record ${seq}: the log was rewritten`
    : `${source} names record ${seq}, which the log does not hold: its end was cut off`
}
