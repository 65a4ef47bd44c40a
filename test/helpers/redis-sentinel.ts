import { systemClock } from '../../src/base/clock.ts'
import { eventually } from './eventually.ts'
import { type RedisServer, startRedisServer } from './redis-server.ts'
import type { RedisArgument, RedisReply } from './redis-session.ts'

/** Real Redis servers, one of them the master, and the real Sentinels that watch them. */
export type SentinelSet = {
  /** What the Sentinels call the master. */
  readonly name: string
  /** The first one is the master at first. */
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]
  /** Everybody's opinion now; who does not answer within 300 ms has none. */
  look(): Promise<SentinelView>
  /** The server that most Sentinels name; undefined while they do not agree. */
  master(): Promise<RedisServer | undefined>
  /** Asks a Sentinel to put a replica in the master's place; rejects with its reason if it will not. Does not wait for it. */
  failOver(): Promise<void>
  /** Waits until everybody agrees (`agreedMaster`), and resolves with the master; rejects with the last view. Default 20 s. */
  settled(withinMs?: number): Promise<RedisServer>
  /** Ends all of them. */
  stop(): Promise<void>
}

export type SentinelView = {
  /** By the position in `servers`; undefined: no answer. */
  readonly servers: readonly (ServerRole | undefined)[]
  /** The port of the master as each Sentinel says it, by the position in `sentinels`. */
  readonly masterPorts: readonly (number | undefined)[]
}

export type ServerRole = {
  readonly role: 'master' | 'replica'
  /** Of a replica: the port of its master. */
  readonly masterPort: number | undefined
  /** Of a replica: whether it is in step with its master. */
  readonly connected: boolean
}

export type SentinelOptions = {
  /** Default 3. */
  readonly servers?: number
  /** Default 3; most of them must agree that the master is down. */
  readonly sentinels?: number
  /** Unit: milliseconds. Default 1 000. */
  readonly downAfterMs?: number
  /** Unit: milliseconds. Default 3 000. */
  readonly failoverTimeoutMs?: number
  /** Further lines of every server's redis.conf. */
  readonly directives?: Readonly<Record<string, string>>
}

type Test = { teardown(end: () => unknown): unknown }

const masterName = 'mymaster'
const lookMaxMs = 300
const startMaxMs = 20_000

/** Starts all of them and waits until the Sentinels know each other and every replica; with a test, they end with it. */
export async function startSentinelSet(t?: Test, options: SentinelOptions = {}): Promise<SentinelSet> {
  const { servers: serverCount = 3, sentinels: sentinelCount = 3 } = options
  const started: RedisServer[] = []
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()))
  }
  t?.teardown(stop)
  try {
    const directives = { 'repl-diskless-sync-delay': '0', ...options.directives }
    const master = await startRedisServer(undefined, { directives })
    started.push(master)
    const servers = [master]
    for (let position = 1; position < serverCount; position++) {
      const replica = { ...directives, replicaof: `127.0.0.1 ${master.port}` }
      const server = await startRedisServer(undefined, { directives: replica })
      started.push(server)
      servers.push(server)
    }
    const sentinels: RedisServer[] = []
    const quorum = Math.floor(sentinelCount / 2) + 1
    for (let position = 0; position < sentinelCount; position++) {
      const sentinel = await startSentinel({ master, quorum, options })
      started.push(sentinel)
      sentinels.push(sentinel)
    }
    const set = new RunningSet(servers, sentinels, stop)
    await set.introduced()
    return set
  } catch (error) {
    await stop()
    throw error
  }
}

function startSentinel(wanted: {
  master: RedisServer
  quorum: number
  options: SentinelOptions
}): Promise<RedisServer> {
  const { downAfterMs = 1_000, failoverTimeoutMs = 3_000 } = wanted.options
  return startRedisServer(undefined, {
    sentinel: true,
    directives: {
      sentinel: [
        `monitor ${masterName} 127.0.0.1 ${wanted.master.port} ${wanted.quorum}`,
        `down-after-milliseconds ${masterName} ${downAfterMs}`,
        `failover-timeout ${masterName} ${failoverTimeoutMs}`,
        `parallel-syncs ${masterName} 2`,
      ],
    },
  })
}

/** One command to a server that may be paused or gone; undefined where it has no answer in time. Unit: milliseconds. */
export async function askServer(
  server: RedisServer,
  command: readonly RedisArgument[],
  withinMs: number = lookMaxMs,
): Promise<RedisReply | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs)
  })
  const answer = server.cli(...command).catch(() => undefined)
  const first = await Promise.race([answer, late])
  clearTimeout(timer)
  return first
}

/**
 * The position of the server that everybody agrees to be the master: it says so itself, it is alone in that, every Sentinel
 * names it, and the others are its replicas and in step. Undefined: there is none.
 */
export function agreedMaster(view: SentinelView, ports: readonly number[]): number | undefined {
  const masters = view.servers.flatMap((server, position) => (server?.role === 'master' ? [position] : []))
  const [master] = masters
  if (master === undefined || masters.length > 1) return undefined
  const port = ports[master]
  if (view.masterPorts.some((named) => named !== port)) return undefined
  const follow = view.servers.every((server, position) => {
    return position === master || (server?.masterPort === port && server?.connected === true)
  })
  return follow ? master : undefined
}

class RunningSet implements SentinelSet {
  readonly name = masterName
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]
  readonly stop: () => Promise<void>

  constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[], stop: () => Promise<void>) {
    this.servers = servers
    this.sentinels = sentinels
    this.stop = stop
  }

  async introduced(): Promise<void> {
    const known = async () =>
      await Promise.all(
        this.sentinels.map(async (sentinel) => {
          const counts = await Promise.all([
            listLength(sentinel, 'replicas'),
            // Another Sentinel counts once it has said who it is.
            listLength(sentinel, 'sentinels'),
          ])
          return counts.join()
        }),
      )
    const wanted = `${this.servers.length - 1},${this.sentinels.length - 1}`
    await eventually(known, (counts) => counts.every((count) => count === wanted), startMaxMs)
    await this.settled(startMaxMs)
  }

  async look(): Promise<SentinelView> {
    const [servers, masterPorts] = await Promise.all([
      Promise.all(this.servers.map(roleOf)),
      Promise.all(this.sentinels.map(masterPortBy)),
    ])
    return { servers, masterPorts }
  }

  async master(): Promise<RedisServer | undefined> {
    const named = await Promise.all(this.sentinels.map(masterPortBy))
    return this.servers.find(({ port }) => named.filter((other) => other === port).length * 2 > this.sentinels.length)
  }

  async failOver(): Promise<void> {
    const faults: unknown[] = []
    for (const sentinel of this.sentinels) {
      try {
        const answer = await Promise.race([
          sentinel.cli('SENTINEL', 'FAILOVER', this.name),
          new Promise((resolve) => setTimeout(resolve, lookMaxMs)),
        ])
        if (answer === 'OK') return
      } catch (error) {
        faults.push(error)
      }
    }
    throw new Error(`No Sentinel can fail over: ${faults.join(', ')}`)
  }

  async settled(withinMs = 20_000): Promise<RedisServer> {
    const ports = this.servers.map(({ port }) => port)
    const deadlineMs = systemClock.monotonicMs() + withinMs
    for (;;) {
      const view = await this.look()
      const master = agreedMaster(view, ports)
      if (master !== undefined) return this.servers[master] as RedisServer
      if (systemClock.monotonicMs() > deadlineMs)
        throw new Error(`No agreement within ${withinMs} ms about ports ${ports.join()}: ${JSON.stringify(view)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function listLength(sentinel: RedisServer, list: 'replicas' | 'sentinels'): Promise<number> {
  const answer = await askServer(sentinel, ['SENTINEL', list, masterName])
  return Array.isArray(answer) ? answer.length : 0
}

async function masterPortBy(sentinel: RedisServer): Promise<number | undefined> {
  const answer = await askServer(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName])
  return Array.isArray(answer) ? Number(answer[1]) : undefined
}

async function roleOf(server: RedisServer): Promise<ServerRole | undefined> {
  const answer = await askServer(server, ['ROLE'])
  if (!Array.isArray(answer)) return undefined
  const [role, , masterPort, state] = answer
  if (role === 'master') return { role, masterPort: undefined, connected: true }
  return { role: 'replica', masterPort: Number(masterPort), connected: state === 'connected' }
}
