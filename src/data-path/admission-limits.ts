import type { Clock } from '../base/clock.ts'
import type { Limits } from '../config/gateway-config.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { DoorCounts } from './shared-counts.ts'

/**
 * How many strangers' connections an address that failed too often may have in one worker: a hundred users behind it still get in
 * at once.
 */
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
 *
 * The limits of the door hold over all workers. Each worker is sure of an even share of the strangers: below it, it takes in a
 * newcomer though there are too many, and a worker above its own lets its oldest go instead, when deadlines are looked at next. Of
 * the limits of an address each worker has its share to itself.
 */
export class AdmissionLimits implements Deadline {
  /** Always due: whether this worker holds strangers that others need the room of is looked at in every sweep. */
  deadlineMs = 0
  deadlinePlace = -1
  readonly #clock: Clock
  readonly #counts: DoorCounts
  readonly #addresses = new Map<string, AddressRecord>()
  readonly #strangers = new Set<AdmissionPlace>()
  #limits: Limits

  constructor(options: { limits: Limits; clock: Clock; counts: DoorCounts; deadlines: Deadlines }) {
    this.#limits = options.limits
    this.#clock = options.clock
    this.#counts = options.counts
    options.deadlines.add(this)
  }

  /** Other limits from now on. Connections there are stay; where strangers are too many now, the oldest give way. */
  reconfigure(limits: Limits): void {
    this.#limits = limits
  }

  /**
   * Takes a place for a new connection; undefined when the door is full of connections, none of them a stranger's of this worker, or
   * when too many handshakes were begun this second. Whoever gets one calls `release` exactly once, and sets `giveWay`.
   */
  enter(clientAddress: string): AdmissionPlace | undefined {
    const address = addressGroup(clientAddress)
    const record = this.#record(address)
    const penalised = record.failures > this.#share(this.#limits.handshakeFailuresPerAddressPerMinuteMax)
    if (!this.#takeHandshake(penalised) || !this.#makeRoom(record, penalised)) {
      this.#forgetIfIdle(address, record)
      return undefined
    }
    const place: AdmissionPlace = {
      giveWay: () => {},
      permitted: () => {
        if (!this.#strangers.delete(place)) return
        this.#counts.addStrangers(-1)
        record.strangers.delete(place)
        this.#forgetIfIdle(address, record)
      },
      failed: () => {
        record.failures++
      },
      release: () => {
        this.#counts.addConnections(-1)
        place.permitted()
      },
    }
    this.#strangers.add(place)
    this.#counts.addStrangers(1)
    record.strangers.add(place)
    // Making room may have emptied and forgotten the record.
    if (!this.#addresses.has(address)) this.#addresses.set(address, record)
    return place
  }

  /** Lets the oldest strangers go where this worker has more than its share and others need the room. */
  expire(): void {
    this.deadlineMs = 0
    const { unauthenticatedConnectionsMax, connectionsMax } = this.#limits
    const share = this.#share(unauthenticatedConnectionsMax)
    // Of a full door another worker can give nothing to its newcomers unless this one makes room.
    const isFull = this.#strangers.size > share && this.#counts.connections >= connectionsMax
    for (let surplus = this.#strangers.size - share; surplus > 0; surplus--) {
      if (!isFull && this.#counts.strangers <= unauthenticatedConnectionsMax) return
      oldest(this.#strangers)?.giveWay()
    }
  }

  /** This worker's part of what is given to all workers together. */
  #share(max: number): number {
    return Math.ceil(max / this.#counts.slots)
  }

  /** Counts the newcomer's connection. False, and not counted: no stranger is left who could give way. */
  #makeRoom(record: AddressRecord, penalised: boolean): boolean {
    const { unauthenticatedPerAddressMax, unauthenticatedConnectionsMax, connectionsMax } = this.#limits
    const addressShare = this.#share(unauthenticatedPerAddressMax)
    const perAddressMax = penalised ? Math.min(addressShare, penalisedConnectionsMax) : addressShare
    if (record.strangers.size >= perAddressMax) oldest(record.strangers)?.giveWay()
    if (
      this.#strangers.size >= this.#share(unauthenticatedConnectionsMax) &&
      this.#counts.strangers >= unauthenticatedConnectionsMax
    ) {
      oldest(this.#strangers)?.giveWay()
    }
    // Counted before it is compared: of two workers that do so at once, at least one sees both.
    this.#counts.addConnections(1)
    if (this.#counts.connections > connectionsMax) oldest(this.#strangers)?.giveWay()
    if (this.#counts.connections <= connectionsMax) return true
    this.#counts.addConnections(-1)
    return false
  }

  /** The lower half of the bucket is kept from addresses that failed too often. */
  #takeHandshake(penalised: boolean): boolean {
    const perSecondMax = this.#limits.handshakesPerSecondMax
    const keep = penalised ? Math.max(1, perSecondMax / 2) : 1
    return this.#counts.takeHandshake({ nowMs: this.#clock.monotonicMs(), perSecondMax, keep })
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
