import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Relay, RelayDirection } from '../helpers/partition.ts'
import { askServer, type SentinelSet } from '../helpers/redis-sentinel.ts'
import type { RedisServer } from '../helpers/redis-server.ts'
import type { CertificatePool } from './certificate-pool.ts'
import type { ChaosGateway } from './gateway-set.ts'
import { setOf } from './pusher.ts'
import type { Recorder } from './recorder.ts'
import { describeFault, type Fault, type PartitionOf, type PartitionWay, type ServerPart } from './schedule.ts'

export type FaultWorld = {
  readonly store: SentinelSet
  readonly gateways: readonly ChaosGateway[]
  readonly pool: CertificatePool
  readonly recorder: Recorder
}

/** Puts right what the fault broke. */
export type Repair = () => Promise<void>

const commandMaxMs = 1_000
const slowMs = 400
/** Less than an empty server takes: nothing more is written. */
const fullBytes = 1_000_000
const logKey = '{sekisho}:log'

/** Two faults of the same part at a time would undo each other. */
class Busy extends Error {}

/** Makes faults, and puts them right. */
export class FaultMaker {
  readonly #world: FaultWorld
  readonly #busy = new Set<object>()

  constructor(world: FaultWorld) {
    this.#world = world
  }

  /**
   * Resolves with what ends it, or with undefined where it cannot be now: its part is broken already, or nobody is the master. Both
   * ways the recorder has it.
   */
  async begin(fault: Fault): Promise<Repair | undefined> {
    const { recorder } = this.#world
    const over = recorder.faultBegins(describeFault(fault))
    try {
      const repair = await this.#break(fault)
      return async () => {
        await repair()
        over()
      }
    } catch (error) {
      over()
      if (error instanceof Busy) return undefined
      throw error
    }
  }

  /** Whatever is still broken after all repairs, from faults that met. */
  async healAll(): Promise<void> {
    const { store, gateways } = this.#world
    for (const { servers, sentinels } of gateways) for (const relay of [...servers, ...sentinels]) relay.heal()
    for (const { supervised } of gateways) for (const pid of supervised.gatewayPids()) signal(pid, 'SIGCONT')
    for (const server of [...store.servers, ...store.sentinels]) {
      server.resume()
      if ((await askServer(server, ['PING'], commandMaxMs)) === undefined) await server.restart()
    }
    for (const server of store.servers) await askServer(server, ['CONFIG', 'SET', 'maxmemory', '0'], commandMaxMs)
  }

  async #break(fault: Fault): Promise<Repair> {
    switch (fault.kind) {
      case 'gateway_killed':
        for (const pid of this.#pidsOf(fault.gateway)) signal(pid, 'SIGKILL')
        return nothing
      case 'gateway_paused':
        return this.#pauseGateway(fault.gateway)
      case 'gateway_replaced':
        this.#gateway(fault.gateway).supervised.signal('SIGUSR2')
        return nothing
      case 'gateway_reloaded':
        this.#gateway(fault.gateway).supervised.signal('SIGHUP')
        return nothing
      case 'partition':
        return this.#part(fault)
      case 'sentinel_killed':
        return await this.#kill(this.#world.store.sentinels[fault.sentinel])
      default:
        return await this.#breakStore(fault)
    }
  }

  async #breakStore(fault: Fault): Promise<Repair> {
    const { pool, recorder, store } = this.#world
    switch (fault.kind) {
      case 'redis_killed':
        return await this.#kill(await this.#server(fault.server))
      case 'redis_emptied':
        return await this.#empty(await this.#server(fault.server))
      case 'redis_paused':
        return this.#pauseServer(await this.#server(fault.server))
      case 'redis_full':
        return await this.#fill()
      case 'connections_dropped':
        for (const server of store.servers) await askServer(server, ['CLIENT', 'KILL', 'TYPE', 'normal'], commandMaxMs)
        return nothing
      case 'failed_over':
        await store.failOver().catch(() => Promise.reject(new Busy()))
        return nothing
      case 'flushed':
        await this.#wipe('FLUSHALL', ['FLUSHALL'])
        return nothing
      case 'log_trimmed':
        await this.#onMaster(['XTRIM', logKey, 'MAXLEN', '1'])
        return nothing
      case 'log_deleted':
        await this.#onMaster(['DEL', logKey])
        return nothing
      case 'serials_removed':
        await this.#removeSerials(fault.count)
        return nothing
      case 'set_deleted':
        await this.#wipe('the set deleted', ['DEL', setOf(pool)])
        return nothing
      default:
        throw new Error(`Cannot make the fault ${describeFault(fault)} at ${recorder.nowMs}`)
    }
  }

  #gateway(number: number): ChaosGateway {
    const gateway = this.#world.gateways[number]
    if (gateway === undefined || this.#busy.has(gateway)) throw new Busy()
    return gateway
  }

  #pidsOf(number: number): readonly number[] {
    return this.#gateway(number).supervised.gatewayPids()
  }

  #pauseGateway(number: number): Repair {
    const gateway = this.#gateway(number)
    const pids = gateway.supervised.gatewayPids()
    for (const pid of pids) signal(pid, 'SIGSTOP')
    return this.#claim(gateway, async () => {
      const alive = gateway.supervised.gatewayPids()
      for (const pid of pids) if (alive.includes(pid)) signal(pid, 'SIGCONT')
    })
  }

  #part({ gateways, way, of }: { gateways: readonly number[]; way: PartitionWay; of: PartitionOf }): Repair {
    const parted = gateways.flatMap((number) => {
      const gateway = this.#world.gateways[number]
      if (gateway === undefined) return []
      return [...(of === 'sentinels' ? [] : gateway.servers), ...(of === 'servers' ? [] : gateway.sentinels)]
    })
    const relays = parted.filter((relay) => relay.isOpen)
    if (relays.length === 0) throw new Busy()
    for (const relay of relays) breakRelay(relay, way)
    return async () => {
      for (const relay of relays) relay.heal()
    }
  }

  async #server(part: ServerPart): Promise<RedisServer> {
    const { store } = this.#world
    const master = await store.master()
    const server = part === 'master' ? master : store.servers.find((one) => one !== master && !this.#busy.has(one))
    if (server === undefined || this.#busy.has(server)) throw new Busy()
    return server
  }

  #claim(part: object, repair: Repair): Repair {
    this.#busy.add(part)
    return async () => {
      await repair()
      this.#busy.delete(part)
    }
  }

  async #kill(server: RedisServer | undefined): Promise<Repair> {
    if (server === undefined || this.#busy.has(server)) throw new Busy()
    const repair = this.#claim(server, () => server.restart())
    await server.kill()
    return repair
  }

  async #empty(server: RedisServer): Promise<Repair> {
    const over = this.#world.recorder.wipeBegins('a server started empty')
    const repair = await this.#kill(server).catch((error: unknown) => {
      over()
      throw error
    })
    for (const name of ['appendonlydir', 'dump.rdb'])
      rmSync(join(server.folder, name), { recursive: true, force: true })
    return async () => {
      await repair()
      over()
    }
  }

  #pauseServer(server: RedisServer): Repair {
    server.pause()
    return this.#claim(server, async () => server.resume())
  }

  async #fill(): Promise<Repair> {
    const server = await this.#server('master')
    await askServer(server, ['CONFIG', 'SET', 'maxmemory', fullBytes], commandMaxMs)
    return async () => void (await askServer(server, ['CONFIG', 'SET', 'maxmemory', '0'], commandMaxMs))
  }

  async #onMaster(command: readonly string[]): Promise<void> {
    const server = await this.#server('master')
    if ((await askServer(server, command, commandMaxMs)) === undefined) throw new Busy()
  }

  async #wipe(what: string, command: readonly string[], certificates?: ReadonlySet<number>): Promise<void> {
    const over = this.#world.recorder.wipeBegins(what, certificates)
    try {
      await this.#onMaster(command)
    } finally {
      over()
    }
  }

  /** Some that were acknowledged last. */
  async #removeSerials(count: number): Promise<void> {
    const { pool, recorder } = this.#world
    const certificates = recorder.pushes.slice(-3 * count).flatMap(({ certificate }, position) => {
      return position % 3 === 0 ? [certificate] : []
    })
    if (certificates.length === 0) throw new Busy()
    const serials = certificates.map((certificate) => pool.certificate(certificate).serial)
    await this.#wipe('serials removed by hand', ['SREM', setOf(pool), ...serials], new Set(certificates))
  }
}

const nothing: Repair = async () => {}

function breakRelay(relay: Relay, way: PartitionWay): void {
  const held: Partial<Record<PartitionWay, readonly RelayDirection[]>> = {
    silent: ['requests', 'answers'],
    answers_held: ['answers'],
    requests_held: ['requests'],
  }
  const directions = held[way]
  if (directions !== undefined) relay.blackhole(directions)
  else if (way === 'reset') relay.cut()
  else relay.slow(slowMs)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
