import { type BodyFraming, bodyOfLength, chunkedBody, noBody } from './body-framing.ts'
import type { FieldClass } from './field-class.ts'
import type { FieldList } from './field-list.ts'
import { type HeadFault, type HeadLimits, headMalformed } from './head-fault.ts'
import { type HeadFields, readHeadFields } from './head-fields.ts'
import { headWindow } from './head-window.ts'
import { isAuthority, readRequestLine } from './request-line.ts'

export type { HeadFault, HeadLimits } from './head-fault.ts'

/** A request head, read strictly (RFC 9112 2 to 6). Strings may be slices of the whole head: copy what outlives it. */
export type RequestHead = {
  readonly method: string
  /** Origin form, or `*` for OPTIONS. Absolute form is reduced to this once its authority was found equal to Host. */
  readonly target: string
  readonly minorVersion: 0 | 1
  /** As received, port included. Empty only for HTTP/1.0 without Host. */
  readonly host: string
  readonly fields: FieldList
  /** The class of each field, in the same order. */
  readonly classes: readonly FieldClass[]
  readonly framing: BodyFraming
  /** Whether the client may send another request on the connection (RFC 9112 9.3). */
  readonly persistent: boolean
  /** The client waits for 100 (Continue) before it sends the body. False where there is no body to wait for. */
  readonly expectsContinue: boolean
  /** A GET without body asks for WebSocket (RFC 6455 4.1), the one protocol that is switched to. */
  readonly webSocket: boolean
  /** Lower-case names nominated by Connection as hop-by-hop, without `close` and `keep-alive`. */
  readonly connectionNominated: readonly string[]
  /** Bytes of the head from `start`, with the empty line at its end and one that may precede it (RFC 9112 2.2). */
  readonly byteLength: number
}

/**
 * Reads the request head that begins at `start`.
 * Undefined: it is not complete yet and no fault is certain. Faults: head_malformed, method_unknown,
 * version_unsupported, target_too_long, head_too_large, expectation_unknown; each ends the connection, because where
 * the next request begins is unknown.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  limits: HeadLimits,
): RequestHead | HeadFault | undefined {
  // RFC 9112 2.2: old clients send one CRLF too much after a body. One is skipped, no more.
  const from = bytes[start] === 0x0d && bytes[start + 1] === 0x0a ? start + 2 : start
  const window = headWindow(bytes, from, limits.headBytesMax)
  if (window.end === -1) return judgeIncomplete(window.text, limits)

  const line = readRequestLine(window.text, limits)
  if ('fault' in line) return line
  if (window.end > limits.headBytesMax) return tooLarge(limits)
  const found = readHeadFields(window.text, {
    start: line.end,
    end: window.end - 2,
    fieldsMax: limits.headFieldsMax,
  })
  if ('fault' in found) return found

  const host = checkHost(found.host, line.authority, line.minorVersion)
  if (typeof host !== 'string') return host
  const fault = checkRequestFields(found, line.minorVersion)
  if (fault !== undefined) return fault
  const framing = requestFraming(found)
  return {
    method: line.method,
    target: line.target,
    minorVersion: line.minorVersion,
    host,
    fields: found.fields,
    classes: found.classes,
    framing,
    persistent: line.minorVersion === 1 ? !found.close : found.keepAlive,
    expectsContinue: found.expectation !== undefined && line.minorVersion === 1 && hasBody(framing),
    webSocket: found.upgradeProtocol !== undefined && wantsWebSocket(found, line.method, line.minorVersion),
    connectionNominated: found.nominated,
    byteLength: from - start + window.end,
  }
}

function requestFraming(found: HeadFields): BodyFraming {
  if (found.chunked) return chunkedBody
  return found.contentLengthBytes === undefined ? noBody : bodyOfLength(found.contentLengthBytes)
}

function hasBody(framing: BodyFraming): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0)
}

function checkHost(host: string | undefined, authority: string | undefined, minorVersion: 0 | 1): string | HeadFault {
  if (host === undefined && minorVersion === 1) return headMalformed('Host is missing')
  if (host !== undefined && !isAuthority(host)) return headMalformed('Host is not a name or address with a port')
  if (authority === undefined) return host ?? ''
  if (!isAuthority(authority)) return headMalformed('The authority of the target is not a host with a port')
  if (host !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return headMalformed('Host differs from the authority of the target')
  }
  return host ?? authority
}

function checkRequestFields(found: HeadFields, minorVersion: 0 | 1): HeadFault | undefined {
  if (found.chunked && minorVersion === 0) return headMalformed('Transfer-Encoding in HTTP/1.0')
  if (found.close && found.keepAlive) return headMalformed('Connection says both close and keep-alive')
  if (found.expectation !== undefined && found.expectation.toLowerCase() !== '100-continue') {
    return { fault: 'expectation_unknown', detail: 'Expect is not 100-continue' }
  }
  return undefined
}

function wantsWebSocket(found: HeadFields, method: string, minorVersion: 0 | 1): boolean {
  return (
    minorVersion === 1 &&
    method === 'GET' &&
    !found.chunked &&
    found.contentLengthBytes === undefined &&
    found.nominated.includes('upgrade') &&
    found.upgradeProtocol?.toLowerCase() === 'websocket'
  )
}

/** What can already be refused in a head whose end has not come. */
function judgeIncomplete(text: string, limits: HeadLimits): HeadFault | undefined {
  const lineFeed = text.indexOf('\n')
  if (lineFeed !== -1 && text[lineFeed - 1] !== '\r') return headMalformed('A line ends in LF without CR')
  const lineLength = lineFeed === -1 ? text.length : lineFeed
  if (lineLength > limits.targetBytesMax + requestLineBytesBesideTarget) {
    return { fault: 'target_too_long', detail: `Target longer than ${limits.targetBytesMax} bytes` }
  }
  return text.length >= limits.headBytesMax ? tooLarge(limits) : undefined
}

// The longest method the configuration allows (32), two spaces, `HTTP/1.1` and CR, rounded up.
const requestLineBytesBesideTarget = 64

function tooLarge(limits: HeadLimits): HeadFault {
  return { fault: 'head_too_large', detail: `Head larger than ${limits.headBytesMax} bytes` }
}
