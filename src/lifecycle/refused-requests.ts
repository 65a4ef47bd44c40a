import type { LifecyclePorts } from './ports.ts'

/** A request that was refused, as the counter finds it by the request id on the user's error page. */
export type RefusedRequest = {
  /** A denial's reason or a fault's code. */
  readonly reason: string
  readonly loginId: string | undefined
  /** Of the certificate that was presented; lower-case hex. */
  readonly serial: string | undefined
  readonly door: string
  /** Of the client. */
  readonly address: string
  /** Unit: milliseconds since the epoch. */
  readonly atMs: number
}

type RefusedPorts = Pick<LifecyclePorts, 'log' | 'pause'> & {
  readonly store: Pick<LifecyclePorts['store'], 'countNote' | 'keepNote'>
}

/** How long one is kept. Unit: milliseconds (seven days). */
export const refusedLifeMs = 604_800_000
/** What waits for the store; one more is not remembered. */
export const refusedWaitingMax = 1_000
/** Written each second by one gateway. */
export const refusedPerSecondMax = 100
/** Written each day by all gateways together, so that strangers cannot fill the store. */
export const refusedPerDayMax = 50_000

const secondMs = 1_000
const dayMs = 86_400_000
const requestIdPattern = /^[A-Za-z0-9-]{1,64}$/

/**
 * Remembers refused requests for people at the counter, as well as it can: whatever is too much is left out, and nothing waits for it.
 * The access log and the audit log have them all.
 */
export class RefusedRequests {
  readonly #ports: RefusedPorts
  readonly #waiting: { readonly requestId: string; readonly refused: RefusedRequest }[] = []
  #work: Promise<void> | undefined
  #leftOut = 0
  #closed = false

  constructor(ports: RefusedPorts) {
    this.#ports = ports
  }

  /** How many were not remembered. */
  get leftOut(): number {
    return this.#leftOut
  }

  /** Never throws and never waits. */
  note(requestId: string, refused: RefusedRequest): void {
    if (this.#closed || this.#waiting.length >= refusedWaitingMax || !requestIdPattern.test(requestId)) {
      this.#leftOut++
      return
    }
    this.#waiting.push({ requestId, refused })
    this.#work ??= this.#write()
  }

  /** Resolves when everything noted so far is written or left out. */
  async settled(): Promise<void> {
    await this.#work
  }

  /** Takes nothing more; what waits is left out. */
  close(): void {
    this.#closed = true
    this.#leftOut += this.#waiting.splice(0).length
  }

  async #write(): Promise<void> {
    // Not in the turn of the refusal itself.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, refusedPerSecondMax)
      const written = await Promise.allSettled(batch.map((one) => this.#keep(one)))
      const failures = written.filter((result) => result.status === 'rejected')
      this.#leftOut += failures.length
      if (failures.length > 0) {
        const error = String(failures[0]?.reason)
        this.#ports.log.warn('refused requests could not be remembered', { requests: failures.length, error })
      }
      if (!this.#closed) await this.#ports.pause(secondMs)
    }
    this.#work = undefined
  }

  async #keep({ requestId, refused }: { requestId: string; refused: RefusedRequest }): Promise<void> {
    const { store } = this.#ports
    if ((await store.countNote('refused-today', dayMs)) > refusedPerDayMax) {
      this.#leftOut++
      return
    }
    await store.keepNote(nameOf(requestId), JSON.stringify(refused), refusedLifeMs)
  }
}

/**
 * The refused request of that id; undefined: it is not remembered (any more), or nothing was refused. Blanks around it, and capitals, are
 * passed over: it is read out on the telephone. Throws GatewayError `store_unavailable`.
 */
export async function findRefused(
  requestId: string,
  ports: { readonly store: Pick<LifecyclePorts['store'], 'readNote'> },
): Promise<RefusedRequest | undefined> {
  const id = requestId.trim()
  if (!requestIdPattern.test(id)) return undefined
  const note = await ports.store.readNote(nameOf(id))
  if (note === undefined) return undefined
  const { reason, loginId, serial, door, address, atMs } = JSON.parse(note) as RefusedRequest
  return { reason, loginId, serial, door, address, atMs }
}

/** Ids are made of small letters. */
function nameOf(requestId: string): string {
  return `request:${requestId.toLowerCase()}`
}
