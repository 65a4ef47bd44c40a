import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import type { Visited } from '../helpers/clients.ts'
import type { CertificatePool } from './certificate-pool.ts'
import { DoorClient } from './door-client.ts'
import { appText, type ChaosGateway } from './gateway-set.ts'
import { permitted, type VisitOutcome } from './history.ts'
import type { Recorder } from './recorder.ts'

export type LoginOptions = {
  readonly gateways: readonly ChaosGateway[]
  readonly pool: CertificatePool
  readonly recorder: Recorder
  readonly random: Random
  /** Clients of each gateway that keep their connection. */
  readonly keepAlive: number
  /** Clients of each gateway that come anew each time. */
  readonly newcomers: number
}

/** How long a client waits for an answer. Unit: milliseconds. */
const answerMaxMs = 4_000
/** Unit: milliseconds. */
const requestPauseMs = 150
const newcomerPauseMs = 100
/** A user who was refused tries so often more. */
const retries = 3
/** A session is resumed by whoever comes with the same certificate to the same gateway. */
const sessionsMax = 500

/** Users who log in at all gateways, with certificates that are good, just revoked, or revoked long ago. */
export class LoginClients {
  readonly #options: LoginOptions
  readonly #loops: Promise<void>[]
  readonly #sessions = new Map<string, Buffer>()
  readonly #open = new Set<DoorClient>()
  #ended = false

  /** They come at once. */
  constructor(options: LoginOptions) {
    this.#options = options
    this.#loops = options.gateways.flatMap((gateway) => [
      ...Array.from({ length: options.keepAlive }, () => this.#stay(gateway)),
      ...Array.from({ length: options.newcomers }, () => this.#comeAndGo(gateway)),
    ])
  }

  /** Resolves when they have gone. */
  async stop(): Promise<void> {
    this.#ended = true
    for (const client of this.#open) client.destroy()
    await Promise.all(this.#loops)
  }

  async #stay(gateway: ChaosGateway): Promise<void> {
    const { pool, recorder } = this.#options
    while (!this.#ended) {
      const certificate = pool.pickGood()
      for (let attempt = 0; attempt <= retries && !this.#ended; attempt++) {
        const startedMs = recorder.nowMs
        const client = this.#connect(gateway, certificate)
        let outcome = await visit(client, { gateway, certificate, recorder, startedMs })
        while (outcome === permitted && !this.#ended) {
          await Promise.race([pause(requestPauseMs), client.closed])
          if (client.ended) {
            recorder.cuts++
            break
          }
          outcome = await visit(client, { gateway, certificate, recorder })
        }
        this.#leave(client)
        await pause(requestPauseMs)
      }
    }
  }

  async #comeAndGo(gateway: ChaosGateway): Promise<void> {
    const { pool, recorder, random } = this.#options
    while (!this.#ended) {
      const certificate = pool.pickAny()
      const startedMs = recorder.nowMs
      const client = this.#connect(gateway, certificate, random.chance(0.5))
      await visit(client, { gateway, certificate, recorder, startedMs })
      this.#leave(client)
      await pause(newcomerPauseMs)
    }
  }

  #connect(gateway: ChaosGateway, certificate: number, resume = false): DoorClient {
    const place = `${certificate}@${gateway.number}`
    const client = new DoorClient({
      port: gateway.supervised.ports.certificate,
      certificate: this.#options.pool.certificate(certificate),
      session: resume ? this.#sessions.get(place) : undefined,
    })
    client.onSession((session) => {
      this.#sessions.delete(place)
      this.#sessions.set(place, session)
      const [oldest] = this.#sessions.keys()
      if (this.#sessions.size > sessionsMax && oldest !== undefined) this.#sessions.delete(oldest)
    })
    this.#open.add(client)
    return client
  }

  #leave(client: DoorClient): void {
    client.destroy()
    this.#open.delete(client)
  }
}

/** One request, taken down. `startedMs`: before the connection was begun; left out: the connection was there. */
export async function visit(
  client: DoorClient,
  of: { gateway: ChaosGateway; certificate: number; recorder: Recorder; startedMs?: number },
): Promise<VisitOutcome> {
  const { gateway, certificate, recorder } = of
  const startedMs = of.startedMs ?? recorder.nowMs
  const visited = await client.request({ withinMs: answerMaxMs })
  const outcome = outcomeOf(visited)
  const keptAlive = of.startedMs === undefined
  recorder.visit({ certificate, gateway: gateway.number, startedMs, endedMs: recorder.nowMs, outcome, keptAlive })
  return outcome
}

function outcomeOf(visited: Visited): VisitOutcome {
  if (visited.kind === 'failure') return 'failure'
  if (visited.status === 200 && visited.body === appText) return permitted
  return visited.reason ?? String(visited.status)
}
