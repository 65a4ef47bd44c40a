import type { BodyFraming } from './http1/body-framing.ts'
import { type FieldClass, fieldClass } from './http1/field-class.ts'
import type { FieldList } from './http1/field-list.ts'
import type { RequestTrace } from './trace-ports.ts'

/** A request as the gateway understood it, whatever version of HTTP brought it. */
export type ForwardRequest = {
  readonly method: string
  /** Origin-form, or `*`. */
  readonly target: string
  /** Value of Host or `:authority`; empty for an HTTP/1.0 request without one. */
  readonly host: string
  readonly fields: FieldList
  /** The class of each field, in the same order. */
  readonly classes: readonly FieldClass[]
  readonly framing: BodyFraming
  readonly expectsContinue: boolean
  /** Asks to switch to WebSocket (RFC 6455 4.1; RFC 8441). */
  readonly webSocket: boolean
  /** Lower-case names the client's Connection field nominated: they end here (RFC 9110 7.6.1). */
  readonly connectionNominated: readonly string[]
  /** Left out where tracing is off. */
  readonly trace?: RequestTrace
}

/** What the gateway adds, ready-made as header lines with CRLF. */
export type AddedLines = {
  /** Identity, assertion and forwarding lines. */
  readonly text: string
  /** Whether inbound X-Forwarded-* and Forwarded fields are kept (the client's address is a trusted forwarder). */
  readonly keepForwarded: boolean
  /** Opens sealed cookies in the value of a Cookie field; undefined when none are configured. */
  readonly openCookies: ((value: string) => string) | undefined
}

/**
 * The head sent to the application, built anew: request line, Host, the end-to-end fields in their order, then what the
 * gateway vouches for. A field whose name folds to a reserved one never gets through, nor does a hop-by-hop one.
 * Framing is stated once, by us: what the application reads as the body is what we read as the body.
 */
export function upstreamRequestHead(request: ForwardRequest, requestId: string, added: AddedLines): string {
  const { fields, classes, connectionNominated } = request
  let head = `${request.method} ${request.target} HTTP/1.1\r\nHost: ${request.host}\r\n`
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    const value = fields[at + 1] as string
    if (connectionNominated.length > 0 && connectionNominated.includes(name.toLowerCase())) continue
    switch (classes[at >> 1]) {
      case fieldClass.host:
      case fieldClass.contentLength:
      case fieldClass.transferEncoding:
      case fieldClass.connection:
      case fieldClass.expect:
      case fieldClass.upgrade:
      case fieldClass.hopByHop:
      case fieldClass.reserved:
        continue
      case fieldClass.forwarded:
        if (!added.keepForwarded) continue
        break
      case fieldClass.cookie:
        if (added.openCookies !== undefined) {
          const opened = added.openCookies(value)
          if (opened !== '') head += `Cookie: ${opened}\r\n`
          continue
        }
        break
    }
    head += `${name}: ${value}\r\n`
  }
  if (request.webSocket) head += 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  return `${head}${added.text}Sekisho-Request-Id: ${requestId}\r\n${framingLines(request)}\r\n`
}

function framingLines(request: ForwardRequest): string {
  const expect = request.expectsContinue ? 'Expect: 100-continue\r\n' : ''
  switch (request.framing.kind) {
    case 'length':
      return `Content-Length: ${request.framing.bytes}\r\n${expect}`
    case 'chunked':
      return `Transfer-Encoding: chunked\r\n${expect}`
    default:
      return ''
  }
}

/** X-Forwarded-* and Forwarded (RFC 7239) lines for a client address and the host it asked for. */
export function forwardedLines(clientAddress: string, host: string): string {
  const node = clientAddress.includes(':') ? `"[${clientAddress}]"` : clientAddress
  const lines = `X-Forwarded-For: ${clientAddress}\r\nX-Forwarded-Proto: https\r\n`
  if (host === '') return `${lines}Forwarded: for=${node};proto=https\r\n`
  return `${lines}X-Forwarded-Host: ${host}\r\nForwarded: for=${node};host="${host}";proto=https\r\n`
}
