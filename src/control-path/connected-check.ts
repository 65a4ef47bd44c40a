import type { CertificateKey, ControlLog, DataWorkers } from './ports.ts'
import type { RemoteStore } from './store-port.ts'
import type { TrustMemory } from './trust-memory.ts'

export type ConnectedCheckOptions = {
  readonly remote: Pick<RemoteStore, 'membership' | 'adopt'>
  readonly memory: TrustMemory
  readonly workers: Pick<DataWorkers, 'connectedKeys'>
  /** Unit: milliseconds between the end of a check and the next. */
  readonly everyMs: number
  /** Version of the last event applied: what is found now is older than whatever comes later. */
  readonly version: () => number
  /** Resolves when what the log has said by now is applied, or soon anyhow. */
  readonly logRead: () => Promise<void>
  /** Takes certificates as revoked at this version, and tells the workers. */
  readonly revoked: (keys: readonly CertificateKey[], version: number) => Promise<void>
  readonly log: ControlLog
}

/** Keys asked for in one call of the store. */
const keysAtOnce = 500

/**
 * Asks the store whether those who are connected now stand in the sets of revoked serial numbers, whoever put them there: a
 * plain `SADD` by a security team's script has no event, and looking through a large set takes longer than such a revocation may
 * wait.
 */
export class ConnectedCheck {
  readonly #options: ConnectedCheckOptions
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: ConnectedCheckOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#run(), this.#options.everyMs)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    try {
      await this.check()
    } catch {
      // The follower tells of a store that does not answer.
    }
    if (!this.#stopped) this.start()
  }

  /** One look at everybody. Rejects as the store does. */
  async check(): Promise<void> {
    const { workers, memory } = this.#options
    const keys = (await workers.connectedKeys()).filter((key) => memory.ledger.find(key)?.state !== 'revoked')
    for (let first = 0; first < keys.length && !this.#stopped; first += keysAtOnce) {
      await this.#checkSome(keys.slice(first, first + keysAtOnce))
    }
  }

  async #checkSome(keys: readonly CertificateKey[]): Promise<void> {
    const { remote, memory, log } = this.#options
    // Read before asking: a restore that is applied while the answer is on its way has a newer version, and wins.
    const version = this.#options.version()
    const members = await remote.membership(keys)
    const standing = keys.filter((_, at) => members[at] === true)
    // Most of them were published a moment ago, and the log is about to tell.
    if (standing.length > 0) await this.#options.logRead()
    const found = standing.filter((key) => memory.ledger.find(key)?.state !== 'revoked')
    if (found.length === 0) return
    await this.#options.revoked(found, version)
    log.warn('connected certificates were revoked past the gateways', { count: found.length })
    await remote.adopt(found).catch(() => {
      // A gateway that may only read leaves that to others; the comparison of the whole set comes back to it.
    })
  }
}
