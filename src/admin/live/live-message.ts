import type { GatewayOverview } from '../gateway-list.ts'
import type { LiveAlarm } from './live-alarms.ts'

/** Counts of one second, by name; what is 0 is left out. */
export type Counts = Readonly<Record<string, number>>

/** What happened between two looks at the counters, about a second apart. */
export type LiveSample = {
  /** Unit: milliseconds since the epoch. */
  readonly atMs: number
  readonly durationMs: number
  readonly permitted: number
  /** Denials by reason. */
  readonly denied: Counts
  /** Handshakes that ended, by result. */
  readonly handshakes: Counts
  /** Requests that ended, by class of their status. */
  readonly requests: Counts
  /** Connections cut, by reason. */
  readonly cuts: Counts
}

/** How everything stands now. `null` stands for a number that nobody knows yet. */
export type LiveState = {
  /** By this gateway's clock. Unit: milliseconds since the epoch. */
  readonly atMs: number
  readonly version: string
  readonly own: {
    readonly state: string
    readonly storeVersion: number
    readonly dataAgeSeconds: number | null
    readonly maxStalenessSeconds: number
    /** Whether logins are refused when the data is older than that; else they are let in (`insecureServeWhenStale`). */
    readonly deniesWhenStale: boolean
    readonly workersRunning: number
    readonly workersConfigured: number
    readonly rules: number
  }
  /** As the store told last; before it has, nothing, and how long somebody has been waiting. */
  readonly gateways: {
    readonly heardSecondsAgo: number
    readonly storeVersion: number
    readonly list: GatewayOverview['gateways']
  }
  readonly doors: readonly {
    readonly door: string
    readonly open: number
    /** Connections since the start, by the version of HTTP that ALPN agreed on. */
    readonly http1: number
    readonly http2: number
    readonly streams: number
  }[]
  readonly webSockets: number
  readonly revocations: readonly { readonly issuer: string; readonly entries: number }[]
  /** How many data workers see the target in each state. */
  readonly targets: readonly {
    readonly upstream: string
    readonly target: string
    readonly available: number
    readonly ejected: number
    readonly unhealthy: number
  }[]
  /** Lists of other CAs. */
  readonly crls: readonly LiveList[]
  /** Lists of our own CA. */
  readonly published: readonly LiveList[]
  readonly certificates: readonly { readonly kind: string; readonly name: string; readonly daysLeft: number }[]
  readonly alarms: readonly LiveAlarm[]
}

export type LiveList = {
  readonly name: string
  readonly number: number | null
  readonly entries: number | null
  readonly nextUpdateSeconds: number | null
}

/** A refused login. */
export type LiveRefusal = {
  readonly atMs: number
  /** A denial's reason or a fault's code. */
  readonly reason: string
  readonly loginId?: string
  /** Lower-case hex. */
  readonly serial?: string
  readonly door: string
  /** Of the client; left out for whoever may not see it. */
  readonly address?: string
  readonly requestId: string
}

/** Revocations, or corrections of them, that came together. The same id again: more is known of it. */
export type LivePush = {
  readonly id: number
  readonly kind: 'revoked' | 'restored' | 'rule' | 'rule_withdrawn'
  /** When the store took the last of it, by the store's clock. */
  readonly atMs: number
  readonly count: number
  /** Whoever has come to this version of the store has all of it in force. */
  readonly version: number
  readonly actor?: string
  readonly reason?: string
}

export type LiveTick = {
  readonly sample: LiveSample
  readonly state: LiveState
  /** Refused logins of this second that are not told one by one. */
  readonly refusalsLeftOut: number
}

export type LiveSnapshot = {
  readonly state: LiveState
  /** Of the last five minutes, oldest first. */
  readonly history: readonly LiveSample[]
  /** Newest first. */
  readonly refused: readonly LiveRefusal[]
  readonly pushes: readonly LivePush[]
}

/** What one event of the stream says. */
export type LiveMessage =
  | { readonly event: 'snapshot'; readonly data: LiveSnapshot }
  | { readonly event: 'tick'; readonly data: LiveTick }
  | { readonly event: 'refused'; readonly data: LiveRefusal }
  | { readonly event: 'pushed'; readonly data: LivePush }

/** Who looks: `branch` is told no addresses, neither of clients nor of the applications behind the gateway. */
export type LiveAudience = 'all' | 'branch'
