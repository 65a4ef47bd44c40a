import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isRunning } from './base/is-running.ts'
import type { UpstreamConfig } from './config/gateway-config.ts'

/** Longest path of a Unix socket, with something to spare. Unit: bytes. */
const socketPathMax = 100
const secondMs = 1_000

/** Where something of this process answers its workers: a Unix socket. */
export type SocketPlace = {
  readonly socketPath: string
  /** Makes its folder and removes sockets of processes that were killed. */
  prepare(): void
  /** Removes the socket. */
  remove(): void
}

/** Chooses the place: the state folder, or where its path is too long for a socket, a folder of its own. Nothing is made yet. */
export function createSocketPlace(stateFolder: string, name: string): SocketPlace {
  const wanted = join(stateFolder, `${name}-${process.pid}.sock`)
  const fits = Buffer.byteLength(wanted) <= socketPathMax
  const socketPath = fits ? wanted : join(shortFolder(), `sekisho-${randomBytes(12).toString('hex')}`, `${name}.sock`)
  const folder = dirname(socketPath)
  return {
    socketPath,
    prepare: () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      removeLeftBehind(folder, name)
    },
    remove: () => rmSync(fits ? socketPath : folder, { recursive: true, force: true }),
  }
}

/** What answers there is an application behind the doors like any other, but that only this gateway can reach it. */
export function ownUpstream(name: string, socketPath: string, requestsAtOnceMax: number): UpstreamConfig {
  return {
    name,
    targets: [{ name, host: 'localhost', port: 0, secure: false, socketPath }],
    tls: undefined,
    affinity: 'none',
    connectTimeoutMs: 3 * secondMs,
    connectionsMax: requestsAtOnceMax,
    idleConnectionsMax: 16,
    queueMax: requestsAtOnceMax,
    idleTimeoutMs: 30 * secondMs,
    queueTimeoutMs: 5 * secondMs,
    slowStartMs: 0,
    // There is one, and it is this process.
    ejection: { failures: 1_000, durationMs: 100 },
    healthCheck: undefined,
  }
}

/** Where temporary files go, unless that path is too long for a socket too. */
function shortFolder(): string {
  const folder = tmpdir()
  return Buffer.byteLength(folder) <= socketPathMax / 2 ? folder : '/tmp'
}

function removeLeftBehind(folder: string, name: string): void {
  for (const file of readdirSync(folder)) {
    const pid = file.startsWith(`${name}-`) ? /-(\d+)\.sock$/.exec(file)?.[1] : undefined
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(folder, file), { force: true })
  }
}
