/** Within how many milliseconds systemd wants to hear from this process (sd_watchdog_enabled(3)); undefined: it does not. */
export function watchdogPeriodMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { WATCHDOG_USEC: period, WATCHDOG_PID: whom } = env
  if (period === undefined || !/^[1-9]\d{0,15}$/.test(period)) return undefined
  return whom === undefined || whom === String(pid) ? Number(period) / 1_000 : undefined
}

export type WatchdogOptions = {
  readonly periodMs: number
  /** Asks whether all is well; the answer has to come within this time, or it is none. */
  readonly isWell: (withinMs: number) => Promise<boolean>
  readonly alive: () => void
}

/**
 * Says `alive` three times a period as long as there are answers, so that one that comes late does no harm. It keeps no process
 * running. Returns what ends it.
 */
export function startWatchdog({ periodMs, isWell, alive }: WatchdogOptions): () => void {
  const thirdMs = periodMs / 3
  let asking = false
  const ask = async () => {
    if (asking) return
    asking = true
    if (await isWell(thirdMs)) alive()
    asking = false
  }
  const timer = setInterval(() => void ask(), thirdMs).unref()
  return () => clearInterval(timer)
}
