import { eventually } from './eventually.ts'
import { freePort, type RedisServer, startRedisServer } from './redis-server.ts'
import type { RedisReply } from './redis-session.ts'

/** A real Redis Cluster on the loopback. */
export type RedisCluster = {
  readonly masters: readonly RedisServer[]
  /** The first one replicates the first master, and so on. */
  readonly replicas: readonly RedisServer[]
  /** The node that owns the slot, as one that answers sees it. */
  owner(slot: number): Promise<RedisServer>
  /** Moves a slot with all its keys to another master, as an operator does. */
  moveSlot(slot: number, to: RedisServer): Promise<void>
  /** Ends all of them. */
  stop(): Promise<void>
}

export type RedisClusterOptions = {
  /** Default 3. */
  readonly masters?: number
  /** At most one for each master. Default none. */
  readonly replicas?: number
  /** How long a node may be silent before the others put its replica in its place. Unit: milliseconds. Default 1 000. */
  readonly nodeTimeoutMs?: number
  /** Further lines of every node's redis.conf. */
  readonly directives?: Readonly<Record<string, string>>
}

type Test = { teardown(end: () => unknown): unknown }

const slots = 16_384
const formMaxMs = 20_000

/** Starts the nodes and waits until each of them knows the whole cluster; with a test, they end with it. */
export async function startRedisCluster(t?: Test, options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters: masterCount = 3, replicas: replicaCount = 0 } = options
  const started: { readonly server: RedisServer; readonly busPort: number }[] = []
  const stop = async () => {
    await Promise.all(started.map(({ server }) => server.stop()))
  }
  t?.teardown(stop)
  try {
    for (let position = 0; position < masterCount + replicaCount; position++) started.push(await startNode(options))
    const servers = started.map(({ server }) => server)
    const masters = servers.slice(0, masterCount)
    const replicas = servers.slice(masterCount)
    for (const [position, master] of masters.entries()) {
      const first = Math.floor((slots * position) / masterCount)
      const last = Math.floor((slots * (position + 1)) / masterCount) - 1
      await master.cli('CLUSTER', 'ADDSLOTSRANGE', first, last)
      // Each begins with its own, or the one that wins a vote would be left to chance.
      await master.cli('CLUSTER', 'SET-CONFIG-EPOCH', position + 1)
    }
    for (const { server, busPort } of started.slice(1)) {
      await servers[0]?.cli('CLUSTER', 'MEET', server.host, server.port, busPort)
    }
    await eventually(
      () => knownNodes(servers),
      (counts) => counts.every((count) => count === servers.length),
      formMaxMs,
    )
    for (const [position, replica] of replicas.entries()) {
      await replica.cli('CLUSTER', 'REPLICATE', String(await masters[position]?.cli('CLUSTER', 'MYID')))
    }
    await eventually(() => areFormed(servers, replicas), Boolean, formMaxMs)
    return {
      masters,
      replicas,
      owner: (slot) => ownerOf(servers, slot),
      moveSlot: (slot, to) => moveSlot(servers, slot, to),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startNode(options: RedisClusterOptions): Promise<{ server: RedisServer; busPort: number }> {
  const busPort = await freePort()
  const server = await startRedisServer(undefined, {
    directives: {
      'cluster-enabled': 'yes',
      'cluster-port': String(busPort),
      'cluster-node-timeout': String(options.nodeTimeoutMs ?? 1_000),
      'repl-diskless-sync-delay': '0',
      ...options.directives,
    },
  })
  return { server, busPort }
}

function knownNodes(servers: readonly RedisServer[]): Promise<number[]> {
  return Promise.all(servers.map(async (server) => lines(await server.cli('CLUSTER', 'NODES')).length))
}

async function areFormed(servers: readonly RedisServer[], replicas: readonly RedisServer[]): Promise<boolean> {
  const states = await Promise.all(servers.map((server) => server.cli('CLUSTER', 'INFO')))
  const links = await Promise.all(replicas.map((replica) => replica.cli('INFO', 'replication')))
  const sizes = await Promise.all(servers.map(async (server) => replicaLines(await server.cli('CLUSTER', 'NODES'))))
  return (
    states.every((state) => String(state).includes('cluster_state:ok')) &&
    links.every((link) => String(link).includes('master_link_status:up')) &&
    sizes.every((size) => size === replicas.length)
  )
}

function replicaLines(nodes: RedisReply): number {
  return lines(nodes).filter((line) => line.includes('slave')).length
}

async function ownerOf(servers: readonly RedisServer[], slot: number): Promise<RedisServer> {
  for (const server of servers) {
    const ranges = await server.cli('CLUSTER', 'SLOTS').catch(() => null)
    if (!Array.isArray(ranges)) continue
    for (const [first, last, owner] of ranges as [number, number, [string, number]][]) {
      const found = servers.find(({ port }) => port === owner[1])
      if (first <= slot && slot <= last && found !== undefined) return found
    }
  }
  throw new Error(`Nobody owns slot ${slot}`)
}

async function moveSlot(servers: readonly RedisServer[], slot: number, to: RedisServer): Promise<void> {
  const from = await ownerOf(servers, slot)
  const [fromId, toId] = [String(await from.cli('CLUSTER', 'MYID')), String(await to.cli('CLUSTER', 'MYID'))]
  await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  for (;;) {
    const keys = await from.cli('CLUSTER', 'GETKEYSINSLOT', slot, 100)
    if (!Array.isArray(keys) || keys.length === 0) break
    await from.cli('MIGRATE', to.host, to.port, '', 0, 5_000, 'KEYS', ...keys.map(String))
  }
  for (const server of [to, from, ...servers])
    await server.cli('CLUSTER', 'SETSLOT', slot, 'NODE', toId).catch(() => {})
}

function lines(reply: RedisReply): string[] {
  return String(reply).split('\n').filter(Boolean)
}
