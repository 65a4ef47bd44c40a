import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RunningGateway } from './gateways/gateway.ts'
import type { Load } from './load.ts'
import { type OwnProcess, type OwnProcesses, processTree } from './own-processes.ts'
import type { Pki } from './pki.ts'

export type IdleMemoryJob = {
  readonly connections: number
  readonly pki: Pki
  readonly cores: string
  readonly processes: OwnProcesses
  readonly load: Load
}

const holdTimeoutMs = 60_000

/**
 * Memory a freshly started gateway needs for one idle mTLS connection that has served one request. Unit: bytes.
 * Load runs first, so that code and pools are in memory before the count; kernel buffers are not counted.
 */
export async function measureIdleMemory(gateway: RunningGateway, job: IdleMemoryJob): Promise<number> {
  await job.load({ port: gateway.port, requests: 2_000, keepAlive: true, connections: 16 })
  await job.load({ port: gateway.port, requests: 100, keepAlive: false, connections: 16 })
  const pids = processTree(gateway.pid)
  const before = await readSettledMemory(pids)
  const settings = JSON.stringify({
    port: gateway.port,
    connections: job.connections,
    rootFile: job.pki.rootFile,
    clientFile: job.pki.clientFile,
  })
  const program = join(import.meta.dirname, 'idle-client.ts')
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, settings]
  const client = job.processes.start(command, { cores: job.cores, messages: true })
  try {
    await waitHeld(client, job.connections)
    const after = await readSettledMemory(pids)
    client.child.send('count')
    await waitHeld(client, job.connections)
    return (after - before) / job.connections
  } finally {
    await job.processes.end(client)
  }
}

/** Waits for the client's message that it holds all connections; throws when it holds fewer or ends. */
function waitHeld(client: OwnProcess, connections: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new Error(`Cannot hold ${connections} idle connections: ${why}\n${client.output()}`))
    }
    const timer = setTimeout(() => fail('not reached in time'), holdTimeoutMs)
    const onExit = () => fail('the client ended')
    client.child.once('exit', onExit)
    client.child.once('message', (held) => {
      clearTimeout(timer)
      client.child.off('exit', onExit)
      if (held === connections) resolve()
      else fail(`only ${String(held)} are open`)
    })
  })
}

/** Reads until two readings 200 ms apart differ by less than 0.5 %, at most ten times. */
async function readSettledMemory(pids: readonly number[]): Promise<number> {
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
function readMemory(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
    for (const name of ['Pss_Anon', 'Pss_Shmem']) {
      sum += Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1_024
    }
  }
  return sum
}
