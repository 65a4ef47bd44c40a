import { setTimeout as pause } from 'node:timers/promises'
import { agreedMaster, type SentinelSet, type SentinelView } from '../helpers/redis-sentinel.ts'
import type { ChaosGateway } from './gateway-set.ts'
import type { Recorder } from './recorder.ts'

/** Unit: milliseconds. */
const lookPauseMs = 200
/** A gateway that has not said for so long that it is ready counts as not ready. Unit: milliseconds. */
const readyWordMs = 1_000

/** Looks from outside, several times a second, at who is the master and which gateways are ready. */
export class Watch {
  readonly #store: SentinelSet
  readonly #gateways: readonly ChaosGateway[]
  readonly #recorder: Recorder
  readonly #loops: readonly Promise<void>[]
  readonly #saidReadyMs: number[]
  readonly #saidNotReady = new Set<number>()
  /** The last known role of each server: one that does not answer may still be what it was. */
  readonly #masters: boolean[]
  readonly #longestNotReadyMs: number[]
  #lastSettledMs: number
  #lastWellMs: number
  #ended = false

  /** Begins at once; everything is well then. */
  constructor(of: { store: SentinelSet; gateways: readonly ChaosGateway[]; recorder: Recorder }) {
    this.#store = of.store
    this.#gateways = of.gateways
    this.#recorder = of.recorder
    this.#masters = of.store.servers.map((_, position) => position === 0)
    this.#longestNotReadyMs = of.gateways.map(() => 0)
    this.#lastSettledMs = of.recorder.nowMs
    this.#lastWellMs = of.recorder.nowMs
    this.#saidReadyMs = of.gateways.map(() => of.recorder.nowMs)
    this.#loops = [this.#work(), ...of.gateways.map((gateway) => this.#askReady(gateway))]
  }

  /** Of each gateway, between two words of being ready. Unit: milliseconds. */
  get longestNotReadyMs(): readonly number[] {
    const { nowMs } = this.#recorder
    return this.#longestNotReadyMs.map((longestMs, number) => Math.max(longestMs, this.#notReadyForMs(number, nowMs)))
  }

  async stop(): Promise<void> {
    this.#ended = true
    await Promise.all(this.#loops)
  }

  async #work(): Promise<void> {
    const ports = this.#store.servers.map(({ port }) => port)
    while (!this.#ended) {
      const beginMs = this.#recorder.nowMs
      const view = await this.#store.look()
      const look = { beginMs, endMs: this.#recorder.nowMs }
      const settled = this.#isCertain(view, ports)
      this.#recorder.settled(settled, look, this.#lastSettledMs)
      if (settled) this.#lastSettledMs = beginMs
      const fresh = this.#saidReadyMs.every((saidMs) => look.endMs - saidMs < readyWordMs)
      const ready = fresh && this.#saidNotReady.size === 0
      const well = ready && agreedMaster(view, ports) !== undefined
      this.#recorder.calm(well, look, this.#lastWellMs)
      if (well) this.#lastWellMs = beginMs
      await pause(lookPauseMs)
    }
  }

  async #askReady({ number, supervised }: ChaosGateway): Promise<void> {
    while (!this.#ended) {
      const ready = await supervised.isReady()
      const { nowMs } = this.#recorder
      if (ready) {
        this.#saidNotReady.delete(number)
        const forMs = this.#notReadyForMs(number, nowMs)
        this.#longestNotReadyMs[number] = Math.max(this.#longestNotReadyMs[number] ?? 0, forMs)
        this.#saidReadyMs[number] = nowMs
      } else this.#saidNotReady.add(number)
      await pause(lookPauseMs)
    }
  }

  #notReadyForMs(number: number, nowMs: number): number {
    return Math.max(0, nowMs - (this.#saidReadyMs[number] ?? nowMs) - lookPauseMs)
  }

  /** Whether nobody can be writing to a server that will not be the master. */
  #isCertain(view: SentinelView, ports: readonly number[]): boolean {
    for (const [position, server] of view.servers.entries()) {
      if (server !== undefined) this.#masters[position] = server.role === 'master'
    }
    const masters = this.#masters.flatMap((isMaster, position) => (isMaster ? [position] : []))
    const [master] = masters
    if (master === undefined || masters.length > 1 || view.servers[master] === undefined) return false
    const naming = view.masterPorts.filter((port) => port === ports[master]).length
    const otherwise = view.masterPorts.filter((port) => port !== undefined && port !== ports[master]).length
    return otherwise === 0 && naming * 2 > view.masterPorts.length
  }
}
