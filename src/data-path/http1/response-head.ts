import { type BodyFraming, bodyOfLength, bodyUntilClose, chunkedBody, noBody } from './body-framing.ts'
import type { FieldClass } from './field-class.ts'
import type { FieldList } from './field-list.ts'
import type { HeadFault, HeadLimits } from './head-fault.ts'
import { type HeadFields, readHeadFields } from './head-fields.ts'
import { headWindow } from './head-window.ts'

/** A response head, read strictly (RFC 9112 4 to 6), interim responses (1xx) included. */
export type ResponseHead = {
  /** 100 to 599. */
  readonly status: number
  /** May be empty. */
  readonly reason: string
  readonly minorVersion: 0 | 1
  readonly fields: FieldList
  /** The class of each field, in the same order. */
  readonly classes: readonly FieldClass[]
  readonly framing: BodyFraming
  /** Whether the connection may carry another request once this response has ended. */
  readonly persistent: boolean
  /** Lower-case names nominated by Connection as hop-by-hop, without `close` and `keep-alive`. */
  readonly connectionNominated: readonly string[]
  /** Bytes of the head from `start`, with the empty line at its end. */
  readonly byteLength: number
}

// The space before an empty reason is required by the RFC and left out by many.
const statusLine = /HTTP\/1\.[01] [1-5][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/y

/**
 * Reads the response head that begins at `start`, the answer to a request with `requestMethod`.
 * Undefined: it is not complete yet and no fault is certain. Every fault is upstream_response_malformed.
 */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  requestMethod: string,
  limits: HeadLimits,
): ResponseHead | HeadFault | undefined {
  const window = headWindow(bytes, start, limits.headBytesMax)
  if (window.end === -1) return judgeIncomplete(window.text, limits)
  if (window.end > limits.headBytesMax) return malformed(`Head larger than ${limits.headBytesMax} bytes`)

  statusLine.lastIndex = 0
  if (!statusLine.test(window.text)) return malformed('The status line is not "HTTP/1.x status reason"')
  const lineEnd = statusLine.lastIndex
  const found = readHeadFields(window.text, {
    start: lineEnd,
    end: window.end - 2,
    fieldsMax: limits.headFieldsMax,
  })
  if ('fault' in found) return malformed(found.detail)
  const minorVersion = window.text[7] === '1' ? 1 : 0
  if (found.chunked && minorVersion === 0) return malformed('Transfer-Encoding in HTTP/1.0')

  const status = readStatus(window.text)
  if (status < 200 && announcesBody(found)) return malformed(`A body is announced in a ${status} response`)
  const framing = responseFraming(found, status, requestMethod)
  return {
    status,
    // Without the space before an empty reason the line ends after the status.
    reason: window.text.slice(13, Math.max(13, lineEnd - 2)),
    minorVersion,
    fields: found.fields,
    classes: found.classes,
    framing,
    persistent: isPersistent(found, { status, minorVersion, framing }),
    connectionNominated: found.nominated,
    byteLength: window.end,
  }
}

/** The three digits that the status line was found to have. */
function readStatus(text: string): number {
  return text.charCodeAt(9) * 100 + text.charCodeAt(10) * 10 + text.charCodeAt(11) - zeroDigit * 111
}

const zeroDigit = 0x30

/** RFC 9112 6.3. */
function responseFraming(found: HeadFields, status: number, requestMethod: string): BodyFraming {
  if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304) return noBody
  if (found.chunked) return chunkedBody
  return found.contentLengthBytes === undefined ? bodyUntilClose : bodyOfLength(found.contentLengthBytes)
}

function announcesBody(found: HeadFields): boolean {
  return found.chunked || (found.contentLengthBytes ?? 0) > 0
}

function isPersistent(
  found: HeadFields,
  context: { status: number; minorVersion: 0 | 1; framing: BodyFraming },
): boolean {
  if (found.close || context.framing.kind === 'until_close') return false
  // The bytes after a 101 belong to another protocol; a 204 that announces a body may well send it.
  if (context.status === 101 || (context.status === 204 && announcesBody(found))) return false
  return context.minorVersion === 1 || found.keepAlive
}

function judgeIncomplete(text: string, limits: HeadLimits): HeadFault | undefined {
  if (text.length >= limits.headBytesMax) return malformed(`Head larger than ${limits.headBytesMax} bytes`)
  const lineFeed = text.indexOf('\n')
  if (lineFeed !== -1 && text[lineFeed - 1] !== '\r') return malformed('A line ends in LF without CR')
  // Anything that cannot become a status line is refused at once: the upstream speaks another protocol.
  const length = Math.min(text.length, 7)
  return text.slice(0, length) === 'HTTP/1.'.slice(0, length) ? undefined : malformed('The answer is not HTTP/1.x')
}

function malformed(detail: string): HeadFault {
  return { fault: 'upstream_response_malformed', detail }
}
