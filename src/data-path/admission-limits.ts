import type { Clock } from '../base/clock.ts'
import type { Limits } from '../config/gateway-config.ts'

/** How many strangers' connections an address that failed too often may have: a hundred users behind it still get in at once. */
const penalisedConnectionsMax = 128
/** Addresses whose failures are remembered; the oldest are forgotten first. */
const addressesMax = 65_536
const minuteMs = 60_000

type AddressRecord = { readonly strangers: Set<AdmissionPlace>; failures: number; minuteStartMs: number }

/**
 * Bounds on what strangers may use of one door: handshakes a second, connections not permitted yet, the same for each address,
 * and failures of an address (`addressGroup`). A permitted user leaves these counts (R6).
 *
 * A full count refuses nobody: the stranger who has been there longest gives way. An honest handshake takes milliseconds, so it is
 * idle and endless ones that are crowded out, and one broken PC does not keep its whole company out.
 */
export class AdmissionLimits {
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #addresses = new Map<string, AddressRecord>()
  readonly #strangers = new Set<AdmissionPlace>()
  #connections = 0
  #handshakeTokens: number
  #tokensAtMs: number

  constructor(limits: Limits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#handshakeTokens = limits.handshakesPerSecondMax
    this.#tokensAtMs = clock.monotonicMs()
  }

  /**
   * Takes a place for a new connection; undefined when the door is full of connections or too many handshakes were begun this
   * second. Whoever gets one calls `release` exactly once, and sets `giveWay`.
   */
  enter(clientAddress: string): AdmissionPlace | undefined {
    const address = addressGroup(clientAddress)
    const record = this.#record(address)
    const penalised = record.failures > this.#limits.handshakeFailuresPerAddressPerMinuteMax
    if (!this.#takeHandshake(penalised) || !this.#makeRoom(record, penalised)) {
      this.#forgetIfIdle(address, record)
      return undefined
    }
    this.#connections++
    const place: AdmissionPlace = {
      giveWay: () => {},
      permitted: () => {
        if (!this.#strangers.delete(place)) return
        record.strangers.delete(place)
        this.#forgetIfIdle(address, record)
      },
      failed: () => {
        record.failures++
      },
      release: () => {
        this.#connections--
        place.permitted()
      },
    }
    this.#strangers.add(place)
    record.strangers.add(place)
    // Making room may have emptied and forgotten the record.
    if (!this.#addresses.has(address)) this.#addresses.set(address, record)
    return place
  }

  get connections(): number {
    return this.#connections
  }

  /** False: there is no stranger left who could give way. */
  #makeRoom(record: AddressRecord, penalised: boolean): boolean {
    const { unauthenticatedPerAddressMax, unauthenticatedConnectionsMax, connectionsMax } = this.#limits
    const perAddressMax = penalised
      ? Math.min(unauthenticatedPerAddressMax, penalisedConnectionsMax)
      : unauthenticatedPerAddressMax
    if (record.strangers.size >= perAddressMax) oldest(record.strangers)?.giveWay()
    if (this.#strangers.size >= unauthenticatedConnectionsMax) oldest(this.#strangers)?.giveWay()
    if (this.#connections >= connectionsMax) oldest(this.#strangers)?.giveWay()
    return this.#connections < connectionsMax
  }

  /** A token bucket of one second's handshakes. Its lower half is kept from addresses that failed too often. */
  #takeHandshake(penalised: boolean): boolean {
    const nowMs = this.#clock.monotonicMs()
    const max = this.#limits.handshakesPerSecondMax
    this.#handshakeTokens = Math.min(max, this.#handshakeTokens + ((nowMs - this.#tokensAtMs) * max) / 1_000)
    this.#tokensAtMs = nowMs
    if (this.#handshakeTokens < (penalised ? Math.max(1, max / 2) : 1)) return false
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
    const record = { strangers: new Set<AdmissionPlace>(), failures: 0, minuteStartMs: nowMs }
    this.#addresses.set(address, record)
    if (this.#addresses.size > addressesMax) {
      const oldest = this.#addresses.keys().next()
      if (!oldest.done) this.#addresses.delete(oldest.value)
    }
    return record
  }

  #forgetIfIdle(address: string, record: AddressRecord): void {
    if (record.strangers.size > 0 || record.failures > 0) return
    // It may have been crowded out and another stand in its place.
    if (this.#addresses.get(address) === record) this.#addresses.delete(address)
  }
}

function oldest(places: Set<AdmissionPlace>): AdmissionPlace | undefined {
  const first = places.values().next()
  return first.done ? undefined : first.value
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
  /** Set by the holder: ends the connection, and with it the place, for the sake of a newer one. */
  giveWay: () => void
  /** The connection is a permitted user's: it no longer counts as a stranger's. */
  permitted(): void
  /** The handshake failed or was denied. */
  failed(): void
  /** The connection has ended. */
  release(): void
}
