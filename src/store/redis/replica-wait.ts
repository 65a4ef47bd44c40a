import type { RedisConfig } from '../../config/gateway-config.ts'
import type { RedisClient, RedisReply } from './redis-client.ts'
import { listOf, textOf } from './replies.ts'

/** A connected replica: how much it has taken, as it last said; it says so every second, and when asked. */
type Replica = { readonly name: string; readonly offset: number }

/** Waits over one connection: one in progress, and one that begins when it has ended. */
type Waits = { current: Promise<number> | undefined; next: Promise<number> | undefined }

/**
 * Waits for replicas to take what was written over the same connection: WAIT counts only that, and holds up the connection. So those
 * who come while one waits share the next wait. A replica that has not moved since it let somebody wait in vain is not waited for
 * until it does: one that stands still costs one waiting time, not one for each push.
 */
export class ReplicaWait {
  readonly #wanted: number
  readonly #timeoutMs: number
  readonly #waits = new WeakMap<RedisClient, Waits>()
  #stuck: ReadonlyMap<string, number> = new Map()

  constructor({ replicasWanted, replicasTimeoutMs }: Pick<RedisConfig, 'replicasWanted' | 'replicasTimeoutMs'>) {
    this.#wanted = replicasWanted
    this.#timeoutMs = replicasTimeoutMs
  }

  /**
   * How many replicas have taken what was written over this connection; undefined where nobody wants to wait for any. Never
   * rejects: what was written is written, and where nobody can tell, none is known to have it.
   */
  async taken(client: RedisClient): Promise<number | undefined> {
    if (this.#wanted === 0) return undefined
    const waits = this.#waits.get(client) ?? { current: undefined, next: undefined }
    this.#waits.set(client, waits)
    waits.next ??= this.#afterCurrent(client, waits)
    return await waits.next
  }

  async #afterCurrent(client: RedisClient, waits: Waits): Promise<number> {
    await waits.current
    waits.current = waits.next
    waits.next = undefined
    return await this.#wait(client).catch(() => 0)
  }

  async #wait(client: RedisClient): Promise<number> {
    const moving = (await readReplicas(client)).filter(({ name, offset }) => this.#stuck.get(name) !== offset)
    const wanted = Math.min(this.#wanted, moving.length)
    if (wanted === 0) return 0
    const taken = Number(await client.call(['WAIT', wanted, this.#timeoutMs]))
    const late = taken >= wanted ? [] : await readReplicas(client)
    const offsets = new Map(moving.map(({ name, offset }) => [name, offset]))
    this.#stuck = new Map(
      late.filter(({ name, offset }) => offsets.get(name) === offset).map(({ name, offset }) => [name, offset]),
    )
    return taken
  }
}

/** The answer of ROLE by a primary: `master`, its offset, and its replicas as host, port and offset. */
async function readReplicas(client: RedisClient): Promise<Replica[]> {
  const [role, , replicas] = listOf(await client.call(['ROLE']))
  if (role !== 'master') return []
  return listOf(replicas).map((replica: RedisReply) => {
    const [host, port, offset] = listOf(replica).map(textOf)
    return { name: `${host}:${port}`, offset: Number(offset) }
  })
}
