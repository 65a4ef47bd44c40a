import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { startCpuCount } from './cpu.ts'

const windowMs = 500
/** Share of one CPU below which nothing of note goes on. */
const quietShare = 0.05
const quietWindows = 2

/**
 * Resolves when a process and its descendants have used hardly any CPU for a second: what it does in the background after its
 * start is over. Rejects when that does not happen in time.
 */
export async function waitQuiet(pid: number, wait: { what: string; timeoutMs: number }): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + wait.timeoutMs
  let quiet = 0
  while (quiet < quietWindows) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`Cannot see ${wait.what} come to rest`)
    const readCpu = startCpuCount(pid)
    await pause(windowMs)
    quiet = readCpu() < windowMs * 1e6 * quietShare ? quiet + 1 : 0
  }
}
