import { isListed } from './client-address.ts'
import type { ClientConnection } from './client-connection.ts'
import { Exchange } from './exchange.ts'
import type { ExchangeOptions } from './exchange-context.ts'
import { fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { ResponseHead } from './http1/response-head.ts'
import type { ForwardRequest } from './request-headers.ts'
import type { RequestTrace, TracedStart } from './trace-ports.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** An exchange that tells its request's trace how it fares with the application. Where tracing is off there is none. */
export class TracedExchange extends Exchange {
  readonly #trace: RequestTrace
  #connected = false

  constructor(options: ExchangeOptions, trace: RequestTrace) {
    super(options)
    this.#trace = trace
  }

  override upstreamAcquired(connection: UpstreamConnection): void {
    const { host, port, socketPath } = connection.target
    const place = socketPath === undefined ? { address: host, port } : { address: socketPath, port: undefined }
    this.#connected = false
    this.#trace.upstreamBegan({
      ...place,
      upstream: this.context.upstream.name,
      reused: connection.exchanges > 0,
    })
    super.upstreamAcquired(connection)
  }

  override upstreamConnected(): void {
    if (this.phase === 'connecting') {
      this.#connected = true
      this.#trace.upstreamConnected()
    }
    super.upstreamConnected()
  }

  override answerHead(head: ResponseHead): void {
    this.#trace.upstreamAnswered(head.status)
    super.answerHead(head)
  }

  override answerSwitched(head: ResponseHead): boolean {
    const taken = super.answerSwitched(head)
    if (!taken) return false
    this.#trace.upstreamAnswered(head.status)
    const { status, loginResult } = this
    this.#trace.ended({ status, outcome: 'answered', failed: false, loginResult })
    return true
  }

  override upstreamEnded(error: Error | undefined): void {
    if (this.phase !== 'ended')
      this.#trace.upstreamFailed(this.#connected ? 'upstream_reset' : 'upstream_connect_failed')
    super.upstreamEnded(error)
  }

  override expired(): void {
    if (this.phase === 'connecting') this.#trace.upstreamFailed('upstream_connect_timeout')
    super.expired()
  }
}

/** Begins the span of a request. Undefined where tracing is off. */
export function traceRequest(
  connection: ClientConnection,
  start: Omit<TracedStart, 'trusted' | 'loginId'>,
): RequestTrace | undefined {
  const { trace, door, subject, verdict, clientAddress } = connection
  // What a refused certificate says of itself is nobody's name.
  const loginId = verdict?.kind === 'permit' ? subject.loginId : undefined
  return trace?.request({ ...start, loginId, trusted: isListed(door.trustedForwarders, clientAddress) })
}

/** The request as the application gets it: with the context of the span in place of what the client sent. */
export function withTrace(request: ForwardRequest, trace: RequestTrace): ForwardRequest {
  const fields: FieldList = []
  const classes = request.classes.filter((_, index) => {
    const name = request.fields[index * 2] as string
    if (contextNames.has(name.toLowerCase())) return false
    fields.push(name, request.fields[index * 2 + 1] as string)
    return true
  })
  for (let at = 0; at < trace.contextFields.length; at += 2) classes.push(fieldClass.other)
  return { ...request, fields: [...fields, ...trace.contextFields], classes, trace }
}

const contextNames: ReadonlySet<string> = new Set(['traceparent', 'tracestate'])
