import { monitorEventLoopDelay } from 'node:perf_hooks'

const resolutionMs = 20
const reportMs = 1_000
const windowReports = 15

export type LoopDelayWatch = { stop(): void }

/**
 * Reports once a second how late this thread's event loop ran over the last 15 to 30 seconds. Unit: seconds.
 * The watch does not keep the process alive.
 */
export function watchLoopDelay(report: (p99Seconds: number, maxSeconds: number) => void): LoopDelayWatch {
  // A histogram forgets the interval in progress when it is reset, so a stall at that moment would be lost; two
  // histograms that are reset in turn always leave one that saw it.
  let older = monitorEventLoopDelay({ resolution: resolutionMs })
  let younger = monitorEventLoopDelay({ resolution: resolutionMs })
  older.enable()
  younger.enable()
  let reports = 0
  const timer = setInterval(() => {
    report(readDelay(older.percentile(99)), Math.max(readDelay(older.max), readDelay(younger.max)))
    reports += 1
    if (reports % windowReports !== 0) return
    older.reset()
    const fresh = older
    older = younger
    younger = fresh
  }, reportMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      older.disable()
      younger.disable()
    },
  }
}

/** The histogram holds intervals between ticks, the resolution included; an empty one reads 511 ns. */
function readDelay(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3)
}
