import type { Clock } from '../base/clock.ts'
import type { Batch } from './batch.ts'
import type { ClientStream } from './client-stream.ts'
import type { BodyLimits } from './http1/body-reader.ts'
import type { HeadLimits } from './http1/head-fault.ts'
import type { PermittedClient } from './permitted-client.ts'
import type { DataPathMetrics } from './ports.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { UpstreamGroup } from './upstream-group.ts'

/** Bounds of a route's exchanges. */
export type ExchangeLimits = BodyLimits & {
  readonly bodyBytesMax: number
  readonly bodyIdleTimeoutMs: number
  readonly upstreamConnectTimeoutMs: number
  readonly upstreamResponseTimeoutMs: number
  readonly webSocketIdleTimeoutMs: number
}

/** What every exchange of a route shares. */
export type ExchangeContext = {
  /** The route's name. */
  readonly route: string
  readonly upstream: UpstreamGroup
  /** Whether its answer still reaches a client that is cut meanwhile: the result of revoking one's own certificate (R15). */
  readonly outlivesCut: boolean
  readonly batch: Batch
  readonly limits: ExchangeLimits
  readonly headLimits: HeadLimits
  readonly hsts: string | undefined
  readonly date: () => string
  readonly clock: Clock
  readonly metrics: DataPathMetrics
}

/** One request, and who asks. */
export type ExchangeOptions = {
  readonly request: ForwardRequest
  readonly requestId: string
  readonly permitted: PermittedClient
  readonly client: ClientStream
  readonly context: ExchangeContext
}

/**
 * Where an exchange stands. `preparing`: an assertion is being signed. `queued`: no upstream connection is free.
 * `connecting`: the request's head is written into a connection that is being made. `uploading`: the request body is on its way.
 * `waiting`: it is the application's turn: the request is complete, or its body waits for 100 (Continue). `responding`: the
 * answer's head has gone to the client, while the rest of an upload may still be on its way. `switched`: both sides speak
 * WebSocket, and bytes pass as they are. `ended`.
 */
export type ExchangePhase =
  | 'preparing'
  | 'queued'
  | 'connecting'
  | 'uploading'
  | 'waiting'
  | 'responding'
  | 'switched'
  | 'ended'
