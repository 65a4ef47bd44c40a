import { close as closeFile, openSync, write as writeFile } from 'node:fs'
import { promisify } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { AccessLog, AccessRecord } from '../data-path/ports.ts'

/** The access log of one thread. Several threads append whole lines to one file. */
export type AccessLogFile = AccessLog & {
  /** Resolves once every line written so far was handed to the system, or dropped. */
  flush(): Promise<void>
  /** Opens the file anew under its name, after it was moved away (log rotation). Throws what opening throws. */
  reopen(): Promise<void>
  /** Writes what is left and closes the file. Lines written afterwards are dropped. */
  close(): Promise<void>
  /** Lines lost so far because the file could not be written fast enough, or not at all. */
  readonly dropped: number
}

export type AccessLogOptions = {
  /** Path to append to, or `-` for standard output. */
  readonly file: string
  /** Whether query strings are written; they may carry personal data. Default false. */
  readonly queryStrings?: boolean
  readonly clock: Clock
  /** Told of each loss, for the metrics. */
  readonly onDrop?: (lines: number) => void
  /** Lines waiting to be written; more are dropped. Unit: UTF-16 code units. Default 8 Mi. */
  readonly queueLengthMax?: number
}

const flushDelayMs = 250
const flushLength = 65_536
const queueLengthMaxDefault = 8_388_608
/** Pipes keep a write of this size whole among several writers (PIPE_BUF). Unit: bytes. */
const pipeBytes = 4_096
const retryDelayMs = 100
const retriesMax = 50

const write = promisify(writeFile)
const close = promisify(closeFile)

/**
 * Opens the file at once, so that a wrong path stops the start. Lines are gathered and appended by one write at a time,
 * after 250 ms or 64 Ki characters. Throws `config_invalid`.
 */
export function createAccessLog(options: AccessLogOptions): AccessLogFile {
  return new BufferedLog(options)
}

/** One line, without its newline. Field by field, so that nothing else of a record can slip in. */
export function formatAccessLine(
  record: AccessRecord,
  options: { readonly nowMs: number; readonly queryStrings: boolean },
): string {
  return JSON.stringify({
    time: formatTime(options.nowMs),
    requestId: record.requestId,
    door: record.door,
    clientAddress: record.clientAddress,
    method: record.method,
    host: record.host,
    target: options.queryStrings ? hideUserInfo(record.target) : dropQuery(hideUserInfo(record.target)),
    status: record.status,
    bytesSent: record.bytesSent,
    durationMs: roundMs(record.durationMs),
    upstreamMs: record.upstreamMs === undefined ? undefined : roundMs(record.upstreamMs),
    loginId: record.loginId,
    certificateSerial: record.certificateSerial,
    route: record.route,
    outcome: record.outcome,
    loginResult: record.loginResult,
    traceId: record.traceId,
  })
}

let formattedMs = Number.NaN
let formattedTime = ''

/** Many requests end in the same millisecond; the text is made once for all of them. */
function formatTime(nowMs: number): string {
  if (nowMs !== formattedMs) {
    formattedMs = nowMs
    formattedTime = new Date(nowMs).toISOString()
  }
  return formattedTime
}

function roundMs(milliseconds: number): number {
  return Math.round(milliseconds * 1_000) / 1_000
}

function dropQuery(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

/** An absolute-form target may carry a password before its host (RFC 9110 4.2.4). */
function hideUserInfo(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1')
}

class BufferedLog implements AccessLogFile {
  dropped = 0
  readonly #options: AccessLogOptions
  readonly #queryStrings: boolean
  readonly #queueLengthMax: number
  #descriptor: number
  #lines: string[] = []
  #length = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #closed = false
  /** The file ends within a line, after a write that failed half-way. */
  #midLine = false

  constructor(options: AccessLogOptions) {
    this.#options = options
    this.#queryStrings = options.queryStrings ?? false
    this.#queueLengthMax = options.queueLengthMax ?? queueLengthMaxDefault
    this.#descriptor = openLog(options.file)
  }

  write(record: AccessRecord): void {
    if (this.#closed || this.#length >= this.#queueLengthMax) {
      this.#drop(1)
      return
    }
    const line = `${formatAccessLine(record, { nowMs: this.#options.clock.nowMs(), queryStrings: this.#queryStrings })}\n`
    this.#lines.push(line)
    this.#length += line.length
    if (this.#writing !== undefined) return
    if (this.#length >= flushLength) this.#startWriting()
    else this.#timer ??= setTimeout(() => this.#startWriting(), flushDelayMs)
  }

  async flush(): Promise<void> {
    while (this.#lines.length > 0 || this.#writing !== undefined) await this.#startWriting()
  }

  async reopen(): Promise<void> {
    if (this.#closed || this.#options.file === '-') return
    const fresh = openLog(this.#options.file)
    // The write in progress still uses the old descriptor.
    while (this.#writing !== undefined) await this.#writing
    const old = this.#descriptor
    this.#descriptor = fresh
    await close(old)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.flush()
    if (this.#options.file !== '-') await close(this.#descriptor)
  }

  #startWriting(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#writeLines().finally(() => {
      this.#writing = undefined
      if (this.#lines.length > 0) this.#timer ??= setTimeout(() => this.#startWriting(), 0)
    })
    return this.#writing
  }

  async #writeLines(): Promise<void> {
    const lines = this.#lines
    const length = this.#length
    this.#lines = []
    const chunkBytes = this.#options.file === '-' ? pipeBytes : flushLength
    for (const chunk of splitLines(lines, chunkBytes)) {
      if (!(await this.#append(chunk.bytes))) this.#drop(chunk.lines)
    }
    // Freed only now: lines on their way count towards the limit too.
    this.#length -= length
  }

  /** False when the chunk could not be written; part of it may stand in the file. */
  async #append(bytes: Buffer): Promise<boolean> {
    let rest = this.#midLine ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes
    for (let retries = 0; rest.length > 0 && retries < retriesMax; ) {
      try {
        const { bytesWritten } = await write(this.#descriptor, rest)
        rest = rest.subarray(bytesWritten)
        this.#midLine = rest.length > 0
      } catch (error) {
        // A full pipe is waited for; a full disk loses the chunk, so that the newest lines get their chance.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false
        retries += 1
        await new Promise((resolve) => setTimeout(resolve, retryDelayMs))
      }
    }
    return rest.length === 0
  }

  #drop(lines: number): void {
    this.dropped += lines
    this.#options.onDrop?.(lines)
  }
}

function openLog(file: string): number {
  if (file === '-') return 1
  try {
    return openSync(file, 'a', 0o640)
  } catch (cause) {
    const message = `Cannot open the access log ${file}: ${(cause as Error).message}`
    throw new GatewayError('config_invalid', message, { cause, path: 'accessLog.file' })
  }
}

/** Whole lines put together up to the limit, so that lines of several threads do not mix. */
function* splitLines(lines: readonly string[], chunkBytes: number): Generator<{ bytes: Buffer; lines: number }> {
  let text: string[] = []
  let textBytes = 0
  for (const line of lines) {
    const lineBytes = Buffer.byteLength(line)
    if (text.length > 0 && textBytes + lineBytes > chunkBytes) {
      yield { bytes: Buffer.from(text.join('')), lines: text.length }
      text = []
      textBytes = 0
    }
    text.push(line)
    textBytes += lineBytes
  }
  if (text.length > 0) yield { bytes: Buffer.from(text.join('')), lines: text.length }
}
