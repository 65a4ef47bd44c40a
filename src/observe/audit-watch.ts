import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from '../base/clock.ts'
import type { Log } from './log.ts'
import { verifyAuditFile } from './verify-audit.ts'

export type AuditWatchOptions = {
  readonly file: string
  readonly log: Pick<Log, 'error' | 'info'>
  readonly metrics: { auditChainRead(intact: boolean): void }
  /** Resolves after so many milliseconds, or when the signal aborts. Default: by the machine's timers. */
  readonly pause?: (durationMs: number, signal: AbortSignal) => Promise<void>
}

/** From the end of one reading to the next. Unit: milliseconds. */
const readEveryMs = 3_600_000
/** So much rest follows each slice of work, measured by the time it took: reading takes a fifth of the thread at most. */
const restAfterSlice = 4
/** Shorter slices are not worth a timer. Unit: milliseconds. */
const sliceMs = 2

/**
 * Reads the whole audit log, from its first record to its last, at once and every hour, in slices between which the control thread does
 * everything else. The end of a log is proven when it is opened; what somebody changes further up shows here. A log that cannot be read
 * does not count as intact. `close` ends a reading early.
 */
export function watchAuditChain(options: AuditWatchOptions): { close(): Promise<void> } {
  const { pause = pauseByTimer } = options
  const stop = new AbortController()
  const watching = (async () => {
    let wasIntact = true
    while (!stop.signal.aborted) {
      const findings = await readChain(options, stop.signal)
      if (stop.signal.aborted) return
      const isIntact = findings === undefined
      options.metrics.auditChainRead(isIntact)
      const { file, log } = options
      if (!isIntact) log.error('the audit log is not as it was written', { file, findings })
      else if (!wasIntact) log.info('the audit log is as it was written again', { file })
      wasIntact = isIntact
      await pause(readEveryMs, stop.signal)
    }
  })()
  return {
    async close() {
      stop.abort()
      await watching
    },
  }
}

/** What is wrong; undefined: nothing. */
async function readChain(
  { file, pause = pauseByTimer }: AuditWatchOptions,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  try {
    const { ok, findings } = await verifyAuditFile(file, { betweenSlices: createRest(pause, signal) })
    return ok ? undefined : findings
  } catch (error) {
    return [`It cannot be read: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/** Rests between two slices of a reading; rejects when it is to end. */
function createRest(pause: NonNullable<AuditWatchOptions['pause']>, signal: AbortSignal): () => Promise<void> {
  let beganMs = systemClock.monotonicMs()
  return async () => {
    signal.throwIfAborted()
    const tookMs = systemClock.monotonicMs() - beganMs
    if (tookMs < sliceMs) return
    await pause(Math.ceil(tookMs * restAfterSlice), signal)
    beganMs = systemClock.monotonicMs()
  }
}

async function pauseByTimer(durationMs: number, signal: AbortSignal): Promise<void> {
  await wait(durationMs, undefined, { signal, ref: false }).catch(() => undefined)
}
