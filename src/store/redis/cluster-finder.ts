import { Redis } from 'ioredis'
import type { RedisConfig } from '../../config/gateway-config.ts'
import { connectionOptions, mostNamed, nameOf, type ServerAddress } from './connection-options.ts'
import type { RedisReply } from './redis-client.ts'
import { unavailable } from './redis-errors.ts'
import { sekishoSlot } from './redis-keys.ts'
import { listOf, textOf } from './replies.ts'
import type { ServerFinder } from './server-finder.ts'

/** What a node says of the cluster. */
type ClusterView = { readonly owner: ServerAddress | undefined; readonly nodes: readonly ServerAddress[] }

/**
 * Asks nodes of the cluster who owns the one slot in which all keys are, so that a connection leads straight there; when the slot
 * moves, its old owner says MOVED, the connection ends, and they are asked again.
 */
export class ClusterFinder implements ServerFinder {
  readonly name: string
  readonly #config: RedisConfig
  /** Also those that the configuration does not name. */
  #nodes: readonly ServerAddress[]

  constructor(config: RedisConfig) {
    this.#config = config
    this.#nodes = config.nodes
    this.name = `the Redis Cluster of ${config.nodes.map(nameOf).join(', ')}`
  }

  async find(): Promise<ServerAddress> {
    const asked = distinct([...this.#config.nodes, ...this.#nodes])
    const answers = await Promise.allSettled(asked.map((node) => this.#ask(node)))
    const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    const nodes = distinct(views.flatMap((view) => view.nodes))
    if (nodes.length > 0) this.#nodes = nodes
    const most = mostNamed(views.flatMap(({ owner }) => owner ?? []))
    if (most !== undefined) return most.address
    const faults = answers.map((answer, position) => {
      const node = asked[position]
      const why = answer.status === 'rejected' ? String(answer.reason?.message) : 'nobody owns the slot'
      return `${node === undefined ? '' : nameOf(node)}: ${why}`
    })
    throw unavailable(this.name, faults.join('; '))
  }

  close(): void {}

  async #ask(node: ServerAddress): Promise<ClusterView> {
    const { connectTimeoutMs } = this.#config
    const client = new Redis({ ...connectionOptions(this.#config, node, 'cluster'), commandTimeout: connectTimeoutMs })
    let fault: Error | undefined
    client.on('error', (error) => {
      fault ??= error
    })
    try {
      await client.connect()
      return readSlots((await client.call('CLUSTER', 'SLOTS')) as RedisReply, node)
    } catch (error) {
      throw fault ?? error
    } finally {
      client.disconnect()
    }
  }
}

/** The answer of CLUSTER SLOTS: ranges, each with its owner and replicas. A node without a host is the one that answers. */
function readSlots(reply: RedisReply, asked: ServerAddress): ClusterView {
  const nodes: ServerAddress[] = []
  let owner: ServerAddress | undefined
  for (const range of listOf(reply)) {
    const [first, last, ...holders] = listOf(range)
    for (const [position, holder] of holders.entries()) {
      const [host, port] = listOf(holder)
      const address = { host: textOf(host) || asked.host, port: Number(port) }
      nodes.push(address)
      if (position === 0 && Number(first) <= sekishoSlot && sekishoSlot <= Number(last)) owner = address
    }
  }
  return { owner, nodes }
}

function distinct(addresses: readonly ServerAddress[]): readonly ServerAddress[] {
  return [...new Map(addresses.map((address) => [nameOf(address), address])).values()]
}
