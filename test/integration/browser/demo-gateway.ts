import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { demoPorts } from '../../../src/demo/demo-config.ts'
import { eventually } from '../../helpers/eventually.ts'

/** The demo, started as a user starts it, on ports and with state of its own. */
export type DemoGateway = {
  /** As in `localhost:8443`. */
  readonly authority: { readonly certificate: string; readonly alternate: string; readonly public: string }
  /** What the audit log says so far, one record a line. */
  auditLog(): string
  /** Runs `sekisho` with these arguments against this demo; resolves with what it printed, rejects on failure. */
  command(...args: string[]): Promise<string>
  /** Ends it by its process id; rejects when it does not end with exit code 0. */
  stop(): Promise<void>
}

const root = resolve(import.meta.dirname, '../../..')

/** Starts the demo on free ports; resolves when `/readyz` says that logins work. */
export async function startDemoGateway(): Promise<DemoGateway> {
  const offset = await findOffset()
  const env = { ...process.env, SEKISHO_PORT_OFFSET: String(offset) }
  const child = runNode(['src/main.ts', 'demo'], env)
  const text = collect(child)
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  // Also when the test ends in the middle.
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const state = join(root, `data-${offset}`)
  const clean = () => rmSync(state, { recursive: true, force: true })
  try {
    await Promise.race([
      eventually(() => isReady(offset), Boolean, 20_000),
      exited.then(([code]) => Promise.reject(new Error(`The demo ended with ${code}: ${text()}`))),
    ])
  } catch (error) {
    child.kill('SIGKILL')
    clean()
    throw error
  }
  const authority = (door: keyof typeof demoPorts) => `localhost:${demoPorts[door] + offset}`
  return {
    authority: {
      certificate: authority('certificate'),
      alternate: authority('alternate'),
      public: authority('public'),
    },
    auditLog: () => readFileSync(join(state, 'audit.log'), 'utf8'),
    command: async (...args) => {
      const command = runNode(['scripts/sekisho.js', ...args], env)
      const output = collect(command)
      const [code] = await once(command, 'exit')
      if (code !== 0) throw new Error(`sekisho ${args.join(' ')} ended with ${code}: ${output()}`)
      return output()
    },
    stop: async () => {
      child.kill('SIGTERM')
      const [code, signal] = await exited
      process.removeListener('exit', killAtExit)
      clean()
      if (code !== 0) throw new Error(`The demo ended with ${code ?? signal}: ${text()}`)
    },
  }
}

function runNode(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const flags = ['--disable-warning=ExperimentalWarning']
  return spawn(process.execPath, [...flags, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function collect(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}

async function isReady(offset: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${demoPorts.ops + offset}/readyz`)
    return response.ok
  } catch {
    return false
  }
}

/**
 * An offset at which all ports are free, below the ports that the system hands out for connections. `from`: where to look, for a
 * second one that test files beside this one do not look at; at most 15 000.
 */
export async function findOffset(from = 4_000): Promise<number> {
  const first = from + (process.pid % 500) * 10
  for (let offset = first; offset < first + 2_000; offset += 10) {
    const free = await Promise.all(Object.values(demoPorts).map((port) => isFree(port + offset)))
    if (free.every(Boolean)) return offset
  }
  throw new Error(`Cannot find free ports for the demo from offset ${first} on`)
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  return new Promise((answer) => {
    probe.once('error', () => answer(false))
    probe.listen({ host: '127.0.0.1', port }, () => probe.close(() => answer(true)))
  })
}
