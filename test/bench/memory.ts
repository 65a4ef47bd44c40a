import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { nextMessage, startClient } from './client-process.ts'
import type { RunningGateway } from './gateways/gateway.ts'
import type { Load } from './load.ts'
import { type OwnProcesses, processTree } from './own-processes.ts'
import type { Pki } from './pki.ts'

export type IdleMemoryJob = {
  readonly connections: number
  readonly pki: Pki
  readonly cores: string
  readonly processes: OwnProcesses
  readonly load: Load
}

/** What holding connections cost a gateway. */
export type IdleMemory = {
  /** Its memory before the first of them. Unit: bytes. */
  readonly beforeBytes: number
  /** What was added to it by all of them. Unit: bytes. */
  readonly growthBytes: number
}

/**
 * Memory a freshly started gateway needs for idle mTLS connections that have served one request each. Load runs first,
 * so that code and pools are in memory before the count; kernel buffers are not counted. At the end all connections must
 * be open still, and `samples` of them, spread over all, must get another answer (default none).
 */
export async function measureIdleMemory(gateway: RunningGateway, job: IdleMemoryJob, samples = 0): Promise<IdleMemory> {
  await job.load({ port: gateway.port, requests: 2_000, keepAlive: true, connections: 16 })
  await job.load({ port: gateway.port, requests: 100, keepAlive: false, connections: 16 })
  const pids = processTree(gateway.pid)
  const beforeBytes = await readSettledMemory(pids)
  const client = startClient('idle-client.ts', {
    ...job,
    settings: {
      port: gateway.port,
      connections: job.connections,
      rootFile: job.pki.rootFile,
      clientFile: job.pki.clientFile,
    },
  })
  try {
    const open = { what: `hold ${job.connections} idle connections`, timeoutMs: 60_000 + job.connections * 20 }
    assertNumber(await nextMessage(client, open), job.connections, open.what)
    const growthBytes = (await readSettledMemory(pids)) - beforeBytes
    client.child.send(samples)
    const asked = { what: `use ${samples} of ${job.connections} idle connections`, timeoutMs: 60_000 }
    assertNumber(await nextMessage(client, asked), job.connections, asked.what)
    return { beforeBytes, growthBytes }
  } finally {
    await job.processes.end(client)
  }
}

function assertNumber(found: unknown, wanted: number, what: string): void {
  if (found !== wanted) throw new Error(`Cannot ${what}: ${String(found)} are open`)
}

/** Memory of the processes, read until two readings 200 ms apart differ by less than 0.5 %, at most ten times. Unit: bytes. */
export async function readSettledMemory(pids: readonly number[]): Promise<number> {
  let last = readMemory(pids)
  for (let reading = 0; reading < 10; reading++) {
    await pause(200)
    const next = readMemory(pids)
    if (Math.abs(next - last) < last * 0.005) return next
    last = next
  }
  return last
}

/**
 * Resident memory of the processes' own making (heap, stacks, shared memory). Unit: bytes. Pages of program files
 * are left out: their share per process changes whenever another process maps the same program.
 */
export function readMemory(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
    for (const name of ['Pss_Anon', 'Pss_Shmem']) {
      sum += Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1_024
    }
  }
  return sum
}
