import type { Clock } from '../base/clock.ts'
import type { Limits } from '../config/gateway-config.ts'

/** How many handshakes an address that failed too often may have under way. */
const penalisedHandshakesMax = 8
/** Addresses whose failures are remembered; the oldest are forgotten first. */
const addressesMax = 65_536
const minuteMs = 60_000

type AddressRecord = { unauthenticated: number; failures: number; minuteStartMs: number }

/**
 * Bounds on what strangers may use of one door: handshakes a second, connections not permitted yet, the same for each address,
 * and failures of an address (`addressGroup`). A permitted user leaves these counts, so a hundred users behind one address all get in (R6).
 */
export class AdmissionLimits {
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #addresses = new Map<string, AddressRecord>()
  #connections = 0
  #unauthenticated = 0
  #handshakeTokens: number
  #tokensAtMs: number

  constructor(limits: Limits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#handshakeTokens = limits.handshakesPerSecondMax
    this.#tokensAtMs = clock.monotonicMs()
  }

  /** Takes a place for a new connection; undefined when there is none. Whoever gets one calls `release` exactly once. */
  enter(clientAddress: string): AdmissionPlace | undefined {
    const address = addressGroup(clientAddress)
    const record = this.#record(address)
    const perAddressMax =
      record.failures > this.#limits.handshakeFailuresPerAddressPerMinuteMax
        ? penalisedHandshakesMax
        : this.#limits.unauthenticatedPerAddressMax
    if (
      this.#connections >= this.#limits.connectionsMax ||
      this.#unauthenticated >= this.#limits.unauthenticatedConnectionsMax ||
      record.unauthenticated >= perAddressMax ||
      !this.#takeHandshake()
    ) {
      this.#forgetIfIdle(address, record)
      return undefined
    }
    this.#connections++
    this.#unauthenticated++
    record.unauthenticated++
    let authenticated = false
    const leaveUnauthenticated = () => {
      if (authenticated) return
      authenticated = true
      this.#unauthenticated--
      record.unauthenticated--
      this.#forgetIfIdle(address, record)
    }
    return {
      permitted: leaveUnauthenticated,
      failed: () => {
        record.failures++
      },
      release: () => {
        this.#connections--
        leaveUnauthenticated()
      },
    }
  }

  get connections(): number {
    return this.#connections
  }

  /** A token bucket of one second's handshakes. */
  #takeHandshake(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const max = this.#limits.handshakesPerSecondMax
    this.#handshakeTokens = Math.min(max, this.#handshakeTokens + ((nowMs - this.#tokensAtMs) * max) / 1_000)
    this.#tokensAtMs = nowMs
    if (this.#handshakeTokens < 1) return false
    this.#handshakeTokens--
    return true
  }

  #record(address: string): AddressRecord {
    const nowMs = this.#clock.monotonicMs()
    const known = this.#addresses.get(address)
    if (known !== undefined) {
      if (nowMs - known.minuteStartMs >= minuteMs) {
        known.failures = 0
        known.minuteStartMs = nowMs
      }
      return known
    }
    const record = { unauthenticated: 0, failures: 0, minuteStartMs: nowMs }
    this.#addresses.set(address, record)
    if (this.#addresses.size > addressesMax) {
      const oldest = this.#addresses.keys().next()
      if (!oldest.done) this.#addresses.delete(oldest.value)
    }
    return record
  }

  #forgetIfIdle(address: string, record: AddressRecord): void {
    if (record.unauthenticated > 0 || record.failures > 0) return
    // It may have been crowded out and another stand in its place.
    if (this.#addresses.get(address) === record) this.#addresses.delete(address)
  }
}

/**
 * What counts as one address: an IPv4 address, or the first 64 bits of an IPv6 address, because whoever has one of those
 * usually has all 2^64 behind it.
 */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - behind.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...behind]
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** One connection's place under the limits. */
export type AdmissionPlace = {
  /** The connection is a permitted user's: it no longer counts as a stranger's. */
  permitted(): void
  /** The handshake failed or was denied. */
  failed(): void
  /** The connection has ended. */
  release(): void
}
