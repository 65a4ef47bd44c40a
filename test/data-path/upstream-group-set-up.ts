import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { TickClock } from '../../src/base/tick-clock.ts'
import type { UpstreamConfig } from '../../src/config/gateway-config.ts'
import { Batch } from '../../src/data-path/batch.ts'
import { Deadlines } from '../../src/data-path/deadlines.ts'
import type { DataPathMetrics } from '../../src/data-path/ports.ts'
import type { UpstreamConnection } from '../../src/data-path/upstream-connection.ts'
import {
  type Acquisition,
  UpstreamGroup,
  type UpstreamGroupOptions,
  type UpstreamWaiter,
  type UpstreamWant,
} from '../../src/data-path/upstream-group.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

/** A request played by the test. */
export type User = UpstreamWaiter & {
  connection: UpstreamConnection | undefined
  refusedWith: string | undefined
  connected: boolean
  got: string
  ended: boolean
  endedWith: Error | undefined
}

export function createUser(): User {
  const user: User = {
    connection: undefined,
    refusedWith: undefined,
    connected: false,
    got: '',
    ended: false,
    endedWith: undefined,
    upstreamAcquired: (connection) => {
      user.connection = connection
    },
    upstreamRefused: (code) => {
      user.refusedWith = code
    },
    upstreamData: (bytes) => {
      user.got += bytes.toString()
    },
    upstreamEnded: (error) => {
      user.ended = true
      user.endedWith = error
    },
    upstreamConnected: () => {
      user.connected = true
    },
    upstreamDrained: () => {},
  }
  return user
}

export type Listener = { readonly port: number; readonly name: string; readonly accepted: Socket[] }

/** Something that listens on loopback and keeps what it accepts. */
export async function startListener(t: Test): Promise<Listener> {
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    accepted.push(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { port, name: `127.0.0.1:${port}`, accepted }
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** An upstream of plain targets on loopback. */
export function upstreamConfig(ports: readonly number[], changes: Partial<UpstreamConfig> = {}): UpstreamConfig {
  return {
    name: 'app',
    targets: ports.map((port) => ({ name: `127.0.0.1:${port}`, host: '127.0.0.1', port, secure: false })),
    tls: undefined,
    affinity: 'none',
    connectTimeoutMs: 3_000,
    connectionsMax: 64,
    idleConnectionsMax: 64,
    idleTimeoutMs: 30_000,
    queueMax: 4,
    queueTimeoutMs: 5_000,
    slowStartMs: 0,
    ejection: { failures: 3, durationMs: 10_000 },
    healthCheck: undefined,
    ...changes,
  }
}

export const anyConnection: UpstreamWant = { fresh: false, affinity: undefined, avoid: undefined }

/** What a group has reported. */
export type Reports = {
  inUse: number
  idle: number
  waiting: number
  readonly states: string[]
  readonly ejected: string[]
}

export type GroupSetUp = {
  readonly group: UpstreamGroup
  readonly clock: FakeClock
  readonly reports: Reports
  /** A user that must get a connection at once; `connected` says whether to wait until it stands. */
  readonly take: (want?: Partial<UpstreamWant>) => User
  readonly open: (want?: Partial<UpstreamWant>) => Promise<User>
  /** A user that asks, and what it was told. */
  readonly ask: (want?: Partial<UpstreamWant>) => { user: User; told: Acquisition }
  readonly advance: (durationMs: number) => void
  /** Another group that takes the place of this one, as after a reload. */
  readonly reload: (config: UpstreamConfig) => UpstreamGroup
}

export function setUpGroup(t: Test, config: UpstreamConfig, workers = 1): GroupSetUp {
  const clock = new FakeClock()
  const tick = new TickClock(clock)
  const deadlines = new Deadlines(tick)
  const reports: Reports = { inUse: -1, idle: -1, waiting: -1, states: [], ejected: [] }
  const metrics = {
    upstreamConnections: (_name: string, inUse: number, idle: number) => Object.assign(reports, { inUse, idle }),
    upstreamQueued: (_name: string, waiting: number) => Object.assign(reports, { waiting }),
    upstreamTarget: (_name: string, target: string, state: string) => reports.states.push(`${target} ${state}`),
    upstreamEjected: (_name: string, target: string) => reports.ejected.push(target),
  } as unknown as DataPathMetrics
  const options: UpstreamGroupOptions = { config, workers, clock: tick, batch: new Batch(tick), deadlines, metrics }
  const group = new UpstreamGroup(options)
  const groups = [group]
  t.teardown(() => {
    for (const one of groups) one.close()
    deadlines.close()
  })
  const ask = (want: Partial<UpstreamWant> = {}) => {
    const user = createUser()
    return { user, told: group.acquire(user, { ...anyConnection, ...want }) }
  }
  const take = (want: Partial<UpstreamWant> = {}) => {
    const { user, told } = ask(want)
    t.equal(told, 'taken')
    return user
  }
  return {
    group,
    clock,
    reports,
    ask,
    take,
    open: async (want) => {
      const user = take(want)
      await eventually(() => user.connection?.connected, Boolean)
      return user
    },
    advance: (durationMs) => {
      clock.advance(durationMs)
      deadlines.sweep()
    },
    reload: (changed) => {
      const next = new UpstreamGroup({ ...options, config: changed, previous: group })
      groups.push(next)
      group.retire()
      return next
    },
  }
}

/** How many of these users got each target, in the order of `ports`. */
export function shares(users: readonly User[], ports: readonly number[]): number[] {
  return ports.map((port) => users.filter(({ connection }) => connection?.target.port === port).length)
}
