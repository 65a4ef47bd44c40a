import { readdirSync, readFileSync } from 'node:fs'
import { processTree } from './own-processes.ts'

/**
 * CPU time a process and its descendants have used so far, user and system, over all threads.
 * Unit: nanoseconds. From `/proc/PID/task/TID/schedstat`, because `/proc/PID/stat` counts in steps of 10 ms.
 * Time of threads that have ended is lost; no gateway here ends threads while it serves.
 */
export function readCpuNs(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    }
  }
  return sum
}

/** CPU nanoseconds of the tree below `root`, counted from the call on: each call of the result gives the time since. */
export function startCpuCount(root: number): () => number {
  const pids = processTree(root)
  const start = readCpuNs(pids)
  return () => readCpuNs(pids) - start
}
