/** What happened in a run, as the clients saw it. All times: milliseconds on one monotonic clock. */

/** What became of one request: `permitted` (200), the reason of a denial, another status, or `failure` without an answer. */
export type VisitOutcome = string

/** Outcome of a request that reached the application. */
export const permitted = 'permitted'
/** Outcome of a request that was refused for the revocation. */
export const revoked = 'certificate_revoked'

/** A request with a certificate at a gateway. Certificates and gateways are numbers from 0. */
export type Visit = {
  readonly certificate: number
  readonly gateway: number
  /** Before the first byte: of the connection if it was new, of the request if it was not. */
  readonly startedMs: number
  readonly endedMs: number
  readonly outcome: VisitOutcome
  /** Whether the connection was there before. */
  readonly keptAlive: boolean
}

/** A revocation that a gateway has acknowledged: it says that it has applied it. */
export type Push = {
  readonly certificate: number
  readonly gateway: number
  readonly askedMs: number
  readonly acknowledgedMs: number
  /** How many replicas of the store had it by then, as the answer says; undefined if it does not say. */
  readonly replicas: number | undefined
}

/** A serial number that was put into the store's set past the gateways. */
export type HandAddition = { readonly certificate: number; readonly addedMs: number }

export type Span = { readonly beginMs: number; readonly endMs: number }

/**
 * A time in which the store may have forgotten what it had taken before, or taken what it forgets later.
 * wiped: it was emptied. unsettled: it was not certain who is the master; what all replicas had by then survives that.
 */
export type Loss = Span & {
  readonly kind: 'wiped' | 'unsettled'
  readonly what: string
  /** Only these certificates; undefined: any. */
  readonly certificates: ReadonlySet<number> | undefined
}

/** A fault in force. */
export type FaultSpan = Span & { readonly what: string }

/** How everything stood after the healing. */
export type FinalState = {
  /** Whether the certificate's serial number stands in the store's set. */
  readonly inStore: ReadonlySet<number>
  /** The last outcome at each gateway, by certificate. */
  readonly outcomes: ReadonlyMap<number, readonly VisitOutcome[]>
}

export type History = {
  readonly maxStalenessMs: number
  /** What a gateway may take beyond that: clocks are read in steps. */
  readonly marginMs: number
  /** In so long a time without faults each gateway has everything that any gateway had when it began. */
  readonly calmMs: number
  /** In so long a time without faults what was added by hand is refused. */
  readonly handMs: number
  /** How many replicas the store has. */
  readonly replicas: number
  readonly pushes: readonly Push[]
  /** Certificates that somebody has asked to revoke, acknowledged or not, or added by hand, with the time of the first try. */
  readonly firstTriedMs: ReadonlyMap<number, number>
  readonly handAdditions: readonly HandAddition[]
  readonly visits: readonly Visit[]
  readonly losses: readonly Loss[]
  /** No fault in force, all Redis servers agree, all gateways ready. */
  readonly calms: readonly Span[]
  /** Undefined: the run has not come that far. */
  readonly final: FinalState | undefined
}
