import type { SecureContext } from 'node:tls'
import { BenchClient, clientContext } from './bench-client.ts'
import type { Pair } from './revocation-pki.ts'

/** A client with a certificate of its own, connected to one of the gateways. */
export type HeldClient = {
  readonly serial: string
  readonly secureContext: SecureContext
  readonly port: number
  readonly client: BenchClient
}

const concurrent = 16
/** Requests a second over all held connections together, one connection after the other. */
const touchesPerSecond = 20

/**
 * Live connections, each with its own certificate, spread over the gateways, and now and then used. A connection that ends without
 * having been let go is lost, and counted with the reason.
 */
export class HeldClients {
  readonly #ca: string
  readonly #held: HeldClient[] = []
  readonly #expected = new Set<BenchClient>()
  readonly lost: string[] = []
  #next = 0
  #timer: NodeJS.Timeout | undefined

  constructor(ca: string) {
    this.#ca = ca
  }

  /** Connects one client for each pair, to the gateways in turn. */
  async openAll(pairs: readonly Pair[], ports: readonly number[]): Promise<void> {
    const openShare = async (share: number) => {
      for (let index = share; index < pairs.length; index += concurrent) {
        await this.open(pairs[index] as Pair, ports[index % ports.length] as number)
      }
    }
    await Promise.all(Array.from({ length: concurrent }, (_, share) => openShare(share)))
  }

  /** Connects one client; rejects unless its first request is answered with the page. */
  async open(pair: Pair, port: number): Promise<void> {
    const secureContext = clientContext({ ca: this.#ca, cert: pair.certificatePem, key: pair.keyPem })
    const client = new BenchClient(port, secureContext)
    const { answer } = await client.ask()
    if (answer !== 'permitted') throw new Error(`Cannot hold a connection to port ${port}: it was ${answer}`)
    const held = { serial: pair.serial, secureContext, port, client }
    this.#held.push(held)
    void client.closed.then(() => this.#ended(held))
  }

  /** Starts to use the connections in turn. */
  keepInUse(): void {
    this.#timer = setInterval(() => void this.#touch(), 1_000 / touchesPerSecond)
  }

  /** One of them by chance, whose end is expected from now on. */
  letGo(): HeldClient {
    const idle = this.#held.filter(({ client }) => !client.isBusy)
    const chosen = idle[Math.floor(Math.random() * idle.length)]
    if (chosen === undefined) throw new Error('Cannot choose a connection: none is left')
    this.#expected.add(chosen.client)
    this.#remove(chosen)
    return chosen
  }

  get count(): number {
    return this.#held.length
  }

  /** Asks once on every connection; resolves with how many answered with the page. */
  async useAll(): Promise<number> {
    clearInterval(this.#timer)
    let used = 0
    const queue = [...this.#held]
    const useShare = async () => {
      for (let held = queue.pop(); held !== undefined; held = queue.pop()) {
        // Its last touch may still wait for its answer.
        while (held.client.isBusy) await new Promise((resolve) => setTimeout(resolve, 5))
        const { answer } = await held.client.ask()
        if (answer === 'permitted') used++
      }
    }
    await Promise.all(Array.from({ length: concurrent }, useShare))
    return used
  }

  async #touch(): Promise<void> {
    const held = this.#held[this.#next++ % Math.max(1, this.#held.length)]
    if (held === undefined || held.client.isBusy) return
    try {
      const { answer } = await held.client.ask()
      if (answer === 'denied') this.lost.push(`port ${held.port} denied a certificate that was not revoked`)
    } catch (error) {
      this.lost.push((error as Error).message)
    }
  }

  #ended(held: HeldClient): void {
    if (this.#expected.has(held.client)) return
    this.lost.push(`port ${held.port} ended a connection: ${held.client.fault ?? 'orderly'}`)
    this.#remove(held)
  }

  #remove(held: HeldClient): void {
    const at = this.#held.indexOf(held)
    if (at >= 0) this.#held.splice(at, 1)
  }
}
