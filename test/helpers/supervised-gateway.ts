import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { addressOf, bindSocket } from '../../src/supervise/socket-handle.ts'
import { eventually } from './eventually.ts'
import { type DoorPorts, type GatewayFiles, type GatewayFilesOptions, writeGatewayFiles } from './gateway-files.ts'
import { sample } from './with-gateway.ts'

/** A gateway as an operator runs it: supervisor and gateway process. */
export type SupervisedGateway = Omit<GatewayFiles, 'text'> & {
  readonly ports: DoorPorts
  /** Process id of the supervisor. */
  readonly pid: number
  /** Process ids of its gateway processes, oldest first. */
  gatewayPids(): readonly number[]
  /** Standard output and error of all its processes so far. */
  output(): string
  /** Lines of the audit log. */
  auditLines(): readonly string[]
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>
  /** Whether `/readyz` says so. */
  isReady(): Promise<boolean>
  signal(signal: NodeJS.Signals): void
  /** Resolves with exit code or signal of the supervisor. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Ends it if it is still there, and removes its folder. */
  remove(): Promise<void>
}

export type SupervisedOptions = Omit<GatewayFilesOptions, 'ports'> & {
  /** Further sockets that the service manager passes. Unit: file descriptors. */
  readonly moreSockets?: readonly number[]
  /** False: it binds its addresses itself. Default: they are passed to it, as systemd does, so that no two tests meet. */
  readonly passSockets?: boolean
  /** Added to the environment of the supervisor. */
  readonly env?: Readonly<Record<string, string>>
}

const root = resolve(import.meta.dirname, '../..')
const doors = ['certificate', 'public', 'admin', 'ops'] as const

/** Starts `serve` in a process of its own; it may not be ready yet. */
export function startSupervised(options: SupervisedOptions): SupervisedGateway {
  const handles = doors.map(() => bindSocket({ host: '127.0.0.1', port: 0 }))
  const portAt = (position: number) => addressOf(handles[position] as (typeof handles)[0]).port
  const ports = { certificate: portAt(0), public: portAt(1), admin: portAt(2), ops: portAt(3) }
  const { text: _, ...files } = writeGatewayFiles({ ...options, ports })
  const passed = options.passSockets === false ? [] : [...handles.map(({ fd }) => fd), ...(options.moreSockets ?? [])]
  if (passed.length === 0) for (const handle of handles) handle.close()
  const child = spawnServe(files.file, passed, options.env)
  if (passed.length > 0) for (const handle of handles) handle.close()
  const output = collect(child)
  const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code ?? 1) as number | NodeJS.Signals)
  // Also when the test ends in the middle; its gateway processes see that.
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  void ended.then(() => process.removeListener('exit', killAtExit))
  const pid = child.pid ?? 0
  return {
    ...files,
    ports,
    pid,
    gatewayPids: () => childrenOf(pid),
    output,
    auditLines: () =>
      readFileSync(join(files.folder, 'state', 'audit.log'), 'utf8')
        .split('\n')
        .filter(Boolean),
    metric: async (name, labels = {}) => sample((await ask(ports.ops, '/metrics'))?.text ?? '', name, labels),
    isReady: async () => (await ask(ports.ops, '/readyz'))?.status === 200,
    signal: (signal) => void child.kill(signal),
    ended,
    remove: async () => {
      child.kill('SIGTERM')
      await ended
      if (options.folder === undefined) rmSync(files.folder, { recursive: true, force: true })
    },
  }
}

/** Starts `serve` and waits until logins work. */
export async function superviseGateway(options: SupervisedOptions): Promise<SupervisedGateway> {
  const gateway = startSupervised(options)
  const failed = gateway.ended.then((how) => Promise.reject(new Error(`It ended with ${how}: ${gateway.output()}`)))
  await Promise.race([eventually(() => gateway.isReady(), Boolean, 20_000), failed])
  failed.catch(() => {})
  return gateway
}

/** `LISTEN_PID` must be the process's own: known in the process only. */
function spawnServe(file: string, fds: readonly number[], env: SupervisedOptions['env']): ChildProcess {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', join(root, 'src', 'main.ts')]
  const script = fds.length === 0 ? 'exec "$@"' : `LISTEN_PID=$$ LISTEN_FDS=${fds.length} exec "$@"`
  return spawn('/bin/sh', ['-c', script, 'sh', ...command, 'serve', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
    env: { ...process.env, ...env },
  })
}

function collect(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}

function childrenOf(pid: number): readonly number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    return children.filter(Boolean).map(Number)
  } catch {
    return []
  }
}

async function ask(port: number, path: string): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { Connection: 'close' },
      signal: AbortSignal.timeout(2_000),
    })
    return { status: response.status, text: await response.text() }
  } catch {
    return undefined
  }
}
