import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import type { RunningGateway } from './gateways/gateway.ts'
import { readMemory } from './memory.ts'
import { processTree } from './own-processes.ts'

const lookEveryMs = 20
const timeoutMs = 60_000

/** How nginx and HAProxy (below a master) are told to read their files again. */
const signals = { nginx: 'SIGHUP', haproxy: 'SIGUSR2' } as const

export type Reload = {
  /** From the signal until a new worker runs. Unit: milliseconds. */
  readonly ms: number
  /** The most memory that old and new processes had together meanwhile. Unit: bytes. */
  readonly memoryMost: number
}

/** Tells a gateway to read its files again, as it must be for each new revocation; resolves when a new worker runs. */
export async function measureReload(gateway: RunningGateway & { name: 'nginx' | 'haproxy' }): Promise<Reload> {
  // What was started is taskset, which becomes the gateway: the process has the same id.
  const before = new Set(processTree(gateway.pid))
  const startMs = systemClock.monotonicMs()
  process.kill(gateway.pid, signals[gateway.name])
  let memoryMost = 0
  for (;;) {
    const tree = processTree(gateway.pid)
    const ms = systemClock.monotonicMs() - startMs
    memoryMost = Math.max(memoryMost, memoryOf(tree))
    if (tree.some((pid) => !before.has(pid))) return { ms, memoryMost }
    if (ms > timeoutMs) throw new Error(`Cannot see a new worker of ${gateway.name} ${timeoutMs} ms after its reload`)
    await pause(lookEveryMs)
  }
}

/** A worker may end between being found and being looked at. */
function memoryOf(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    try {
      sum += readMemory([pid])
    } catch {
      // It is gone, and so is its memory.
    }
  }
  return sum
}
