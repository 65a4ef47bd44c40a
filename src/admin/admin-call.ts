import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { CrlDesk } from '../ca-sources/ports.ts'
import type { ReloadCause, ReloadResult } from '../control-path/reload.ts'
import type { NoticePorts } from '../lifecycle/notice-run.ts'
import type { Actor, IssuerIdentity, LifecyclePorts } from '../lifecycle/ports.ts'
import type { Inspection } from '../trust/inspect.ts'
import type { ConnectionSummary } from '../trust/live-connections.ts'
import type { BodyPatience } from './body-lines.ts'
import type { StatusSources } from './gateway-status.ts'
import type { LiveFeed } from './live/live-feed.ts'
import type { Operator, OperatorRole } from './operator.ts'

/** What the admin API works on; given by the assembly. */
export type AdminServices = {
  readonly lifecycle: LifecyclePorts
  /** For what would go out. */
  readonly notices: NoticePorts
  /** At most `max` live connections over all workers, oldest first. */
  connections(max: number): Promise<readonly ConnectionSummary[]>
  /** Most connections in one answer. */
  readonly connectionsListMax: number
  /** What each certificate door would say of this certificate (DER) now. */
  inspect(der: Uint8Array): Promise<readonly Inspection[]>
  readonly status: StatusSources
  /** Loads the configuration again. */
  reload(cause: ReloadCause): Promise<ReloadResult>
  /** CRLs of other CAs; undefined: this gateway takes none. */
  readonly crls: CrlDesk | undefined
  /** Where a CRL that an operator sends is kept while it is read (absolute), and how large it may be. */
  readonly crlUploads: { readonly folder: string; bytesMax(): number }
  /** What the live page shows. */
  readonly live: Pick<LiveFeed, 'join' | 'leave'>
}

export type AdminCall = {
  readonly request: IncomingMessage
  readonly query: URLSearchParams
  /** The parts of the path that stand for `{…}`, decoded. */
  readonly parameters: readonly string[]
  readonly operator: Operator
  /** The operator's role that allowed the call. */
  readonly role: OperatorRole
  readonly requestId: string
  /** How to read a body as it comes. */
  readonly patience: BodyPatience & { readonly clock: Clock }
  /** The door closes: an answer without an end must find one. */
  readonly closing: AbortSignal
  /** For an answer that goes on: throws, as at its beginning, if the operator may not have it any more. */
  judgeAgain(): void
}

export type AdminRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{…}` stands for one part of the path. Also the label of the route in metrics. */
  readonly path: string
  readonly roles: readonly OperatorRole[]
  /**
   * Its body is read as it comes, however long that takes; only pauses are limited (`AdminCall.patience`). Default: the request must have
   * come whole within 30 seconds.
   */
  readonly streams?: boolean
  readonly docs: RouteDocs
  /** Resolves with what is sent as JSON, or with a `StreamedAnswer`. */
  handle(call: AdminCall, services: AdminServices): Promise<unknown>
}

/** What `GET /v1/openapi.json` says of a route beside its path and roles. */
export type RouteDocs = {
  readonly summary: string
  /** Left out: it takes none. */
  readonly query?: z.ZodObject
  /** Of a JSON body, or of one line of an NDJSON body. */
  readonly body?: z.ZodType
  /** Media types of the body; default application/json where `body` stands, else it has none. */
  readonly bodyTypes?: readonly string[]
  /** Of the JSON, or of one line of it. Default: some object. */
  readonly answer?: z.ZodType
  /** Default application/json. */
  readonly answerTypes?: readonly string[]
}

/** Who is on record for what the call changes. */
export function actorOf({ operator, role, requestId }: AdminCall): Actor {
  return { name: operator.name, role, requestId }
}

/** The issuerId of a configured issuer, by name or id. Throws `admin_request_invalid`, path `issuer`. */
export function findIssuerId(issuer: string, ports: LifecyclePorts): string {
  return findIssuer(issuer, ports).issuerId
}

/** A configured issuer, by name or id. Throws `admin_request_invalid`, path `issuer`. */
export function findIssuer(issuer: string, { issuers }: LifecyclePorts): IssuerIdentity {
  const found = issuers.find(({ name, issuerId }) => name === issuer || issuerId === issuer.toLowerCase())
  if (found !== undefined) return found
  const names = issuers.map(({ name }) => name).join(', ')
  const shown = JSON.stringify(issuer.slice(0, 100))
  throw new GatewayError(
    'admin_request_invalid',
    `Cannot use issuer as a configured issuer (${names}): current value is ${shown}`,
    { path: 'issuer' },
  )
}
