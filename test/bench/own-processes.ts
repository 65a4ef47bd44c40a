import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'

const endTimeoutMs = 3_000
const outputBytesMax = 16_384

/** One process this run started, with the end of what it wrote. */
export type OwnProcess = {
  readonly child: ChildProcess
  readonly pid: number
  /** Last 16 KB of its standard output and standard error. */
  readonly output: () => string
}

export type StartOptions = {
  /** CPUs it may run on, as `taskset -c` takes them. */
  readonly cores: string
  readonly cwd?: string
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether it gets a message channel (`process.send`). */
  readonly messages?: boolean
}

/** Every process of a run, so that all of them end with it, by id, whatever happens. */
export class OwnProcesses {
  readonly #running = new Set<OwnProcess>()

  /** Starts `command` pinned to the given CPUs. Throws when it cannot be started. */
  start(command: readonly string[], options: StartOptions): OwnProcess {
    const child = spawn('taskset', ['-c', options.cores, ...command], {
      stdio: ['ignore', 'pipe', 'pipe', options.messages === true ? 'ipc' : 'ignore'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    if (child.pid === undefined) throw new Error(`Cannot start ${command[0]}`)
    let text = ''
    const keep = (part: Buffer) => {
      text = (text + part.toString()).slice(-outputBytesMax)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    const started = { child, pid: child.pid, output: () => text }
    this.#running.add(started)
    child.once('exit', () => this.#running.delete(started))
    return started
  }

  /** SIGTERM, then after three seconds SIGKILL, to the process and what it started. */
  async end(started: OwnProcess): Promise<void> {
    if (started.child.exitCode !== null || started.child.signalCode !== null) return
    const tree = processTree(started.pid)
    const exited = new Promise((resolve) => started.child.once('exit', resolve))
    started.child.kill('SIGTERM')
    const outcome = await Promise.race([exited.then(() => 'exited'), pause(endTimeoutMs, 'late', { ref: false })])
    if (outcome === 'exited') return
    for (const pid of tree) kill(pid)
    await exited
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#running].map((started) => this.end(started)))
  }

  /** For `process.on('exit')`, where nothing can be awaited. */
  endAllNow(): void {
    for (const started of this.#running) for (const pid of processTree(started.pid)) kill(pid)
  }
}

/** The process and all its descendants. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const parent = parentOf(entry)
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(children.get(pid) ?? []))
  return tree
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the command name in parentheses and may itself hold spaces and parentheses.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Asks until the answer is true. Throws with the process's output when it exits first or `timeoutMs` pass. */
export async function waitReady(
  started: OwnProcess,
  check: () => Promise<boolean>,
  options: { what: string; timeoutMs: number },
): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + options.timeoutMs
  while (systemClock.monotonicMs() < deadlineMs) {
    if (started.child.exitCode !== null) break
    if (await check()) return
    await pause(20)
  }
  throw new Error(`Cannot use ${options.what}: it did not become ready. Its output:\n${started.output()}`)
}
