import { type BodyFraming, bodyOfLength, chunkedBody, isContentLength, noBody } from '../http1/body-framing.ts'
import { type FieldClass, fieldClass } from '../http1/field-class.ts'
import type { FieldList } from '../http1/field-list.ts'
import { type HeadFault, type HeadLimits, headMalformed } from '../http1/head-fault.ts'
import { isAuthority, isOriginForm } from '../http1/request-line.ts'
import { judgeTrailer } from '../http1/trailer-fields.ts'
import type { ForwardRequest } from '../request-headers.ts'
import { nameForm } from './field-name.ts'
import type { HpackField, HpackList } from './hpack-field.ts'

/**
 * A request head of HTTP/2, read strictly (RFC 9113 8.2, 8.3). An extended CONNECT for WebSocket (RFC 8441 5) is given the form of the
 * opening handshake of HTTP/1.1 that it stands for: `webSocket`, method GET, framing `none`; only Sec-WebSocket-Key is not there.
 */
export type Http2RequestHead = ForwardRequest & {
  /** What the DATA must add up to (RFC 9113 8.1.1). */
  readonly contentLengthBytes: number | undefined
}

/** What is known while the fields are read. */
type Gathered = {
  readonly fields: FieldList
  readonly classes: FieldClass[]
  method: string | undefined
  scheme: string | undefined
  authority: string | undefined
  path: string | undefined
  protocol: string | undefined
  host: string | undefined
  contentLengthBytes: number | undefined
  expectation: string | undefined
  /** Place of Cookie in `fields`, or -1. */
  cookieAt: number
}

const valueBytes = /^[\t\x20-\x7e\x80-\xff]*$/
const noNames: readonly string[] = Object.freeze([])

/**
 * Reads the head of a request. `endStream`: no body follows. The fault `http2_protocol_error` means that the message is malformed
 * (RFC 9113 8.1.1): the stream is to be reset with PROTOCOL_ERROR. The others can be answered: head_malformed, method_unknown,
 * target_too_long, head_too_large, expectation_unknown.
 */
export function readHttp2Head(list: HpackList, limits: HeadLimits, endStream: boolean): Http2RequestHead | HeadFault {
  if (list.tooLarge) return { fault: 'head_too_large', detail: 'The field list is larger than the limits' }
  const found = gather(list.fields)
  if ('fault' in found) return found
  const fault = checkPseudoFields(found, limits) ?? checkFields(found, endStream)
  if (fault !== undefined) return fault
  const webSocket = found.protocol !== undefined
  const framing = webSocket ? noBody : requestFraming(found.contentLengthBytes, endStream)
  return {
    method: webSocket ? 'GET' : (found.method as string),
    target: found.path as string,
    host: (found.authority ?? found.host) as string,
    fields: found.fields,
    classes: found.classes,
    framing,
    expectsContinue: found.expectation !== undefined && hasBody(framing),
    webSocket,
    connectionNominated: noNames,
    contentLengthBytes: found.contentLengthBytes,
  }
}

/** Reads the trailer fields of a request, without those that are to be dropped. Faults: http2_protocol_error, body_malformed, head_too_large. */
export function readHttp2Trailers(list: HpackList): FieldList | HeadFault {
  if (list.tooLarge) return { fault: 'head_too_large', detail: 'The trailers are larger than the limits' }
  const trailers: FieldList = []
  for (const field of list.fields) {
    const { text, form } = field.name
    if (form !== nameForm.plain && form !== nameForm.te) return malformed('A trailer field has a name it may not have')
    if (!isSound(field)) return malformed('A trailer value holds a control byte or surrounding whitespace')
    const verdict = judgeTrailer(text)
    if (verdict === 'refuse')
      return { fault: 'body_malformed', detail: 'A framing field or Host stands in the trailers' }
    if (verdict === 'keep') trailers.push(text, field.value)
  }
  return trailers
}

function gather(list: readonly HpackField[]): Gathered | HeadFault {
  const found: Gathered = {
    fields: [],
    classes: [],
    method: undefined,
    scheme: undefined,
    authority: undefined,
    path: undefined,
    protocol: undefined,
    host: undefined,
    contentLengthBytes: undefined,
    expectation: undefined,
    cookieAt: -1,
  }
  let at = 0
  for (; at < list.length; at++) {
    const field = list[at] as HpackField
    if (field.name.form < nameForm.method) break
    const fault = takePseudo(found, field)
    if (fault !== undefined) return fault
  }
  for (; at < list.length; at++) {
    const fault = takeField(found, list[at] as HpackField)
    if (fault !== undefined) return fault
  }
  return found
}

/** RFC 9113 8.3: known, and once each. */
function takePseudo(found: Gathered, { name, value }: HpackField): HeadFault | undefined {
  switch (name.form) {
    case nameForm.method:
      if (found.method !== undefined) return repeated()
      found.method = value
      return undefined
    case nameForm.scheme:
      if (found.scheme !== undefined) return repeated()
      found.scheme = value
      return undefined
    case nameForm.authority:
      if (found.authority !== undefined) return repeated()
      found.authority = value
      return undefined
    case nameForm.path:
      if (found.path !== undefined) return repeated()
      found.path = value
      return undefined
    case nameForm.protocol:
      if (found.protocol !== undefined) return repeated()
      found.protocol = value
      return undefined
    default:
      return malformed('A pseudo-header field is unknown')
  }
}

/** RFC 9113 8.2. */
function takeField(found: Gathered, field: HpackField): HeadFault | undefined {
  const { name, value } = field
  if (!(field.sound ?? isSound(field))) return malformed('A field value holds a control byte or surrounding whitespace')
  if (name.form !== nameForm.plain) {
    if (name.form === nameForm.te && value === 'trailers') return undefined
    return malformed(wrongName(name.form))
  }
  if (name.found !== fieldClass.other) {
    const verdict = applyField(found, name.found, value)
    if (verdict !== 'keep') return verdict
  }
  // The client's key, if there is one, is not part of an extended CONNECT (RFC 8441 5).
  if (found.protocol !== undefined && name.text === 'sec-websocket-key') return undefined
  found.fields.push(name.text, value)
  found.classes.push(name.found)
  return undefined
}

/** Takes a field that governs the message. Undefined: it was taken and is not one of the fields. */
function applyField(found: Gathered, kind: FieldClass, value: string): HeadFault | 'keep' | undefined {
  switch (kind) {
    case fieldClass.host:
      if (found.host !== undefined) return headMalformed('Host is repeated')
      found.host = value
      return 'keep'
    case fieldClass.contentLength:
      if (found.contentLengthBytes !== undefined) return malformed('Content-Length is repeated')
      if (!isContentLength(value)) return malformed('Content-Length is not a plain number of bytes')
      found.contentLengthBytes = Number(value)
      return 'keep'
    case fieldClass.expect:
      if (found.expectation !== undefined) return headMalformed('Expect is repeated')
      found.expectation = value
      return 'keep'
    case fieldClass.cookie:
      if (found.cookieAt < 0) {
        found.cookieAt = found.fields.length
        return 'keep'
      }
      // RFC 9113 8.2.3: crumbs are one field again.
      found.fields[found.cookieAt + 1] += `; ${value}`
      return undefined
    default:
      return 'keep'
  }
}

function checkPseudoFields(found: Gathered, limits: HeadLimits): HeadFault | undefined {
  const { method, scheme, path, protocol } = found
  // A request that an intermediary turned into HTTP/2 may have Host only (RFC 9113 8.3.1).
  const authority = found.authority ?? found.host
  if (method === undefined) return malformed(':method is missing')
  if (protocol !== undefined && method !== 'CONNECT') return malformed(':protocol without CONNECT')
  // Tunnels are not offered (RFC 9113 8.5), and no protocol but WebSocket; the method is not quoted, as in HTTP/1.1.
  const meant = protocol === 'websocket' ? 'GET' : method
  if (meant === 'CONNECT' || !limits.knownMethods.has(meant)) {
    return { fault: 'method_unknown', detail: 'The method or protocol is not one that is let through' }
  }
  if (scheme === undefined || path === undefined || path === '') return malformed(':scheme or :path is missing')
  if (scheme !== 'https') return headMalformed(':scheme is not https')
  if (authority === undefined) return headMalformed(':authority and Host are missing')
  if (!isAuthority(authority)) return headMalformed(':authority is not a name or address with a port')
  if (found.host !== undefined && found.host.toLowerCase() !== authority.toLowerCase()) {
    return headMalformed('Host differs from :authority')
  }
  if (path.length > limits.targetBytesMax) {
    return { fault: 'target_too_long', detail: `Target longer than ${limits.targetBytesMax} bytes` }
  }
  if (path === '*') return method === 'OPTIONS' ? undefined : headMalformed('The target * is for OPTIONS only')
  return isOriginForm(path) ? undefined : headMalformed(':path is not a path')
}

function checkFields(found: Gathered, endStream: boolean): HeadFault | undefined {
  const { contentLengthBytes = 0, protocol, expectation } = found
  if (contentLengthBytes > 0 && (endStream || protocol !== undefined)) {
    return malformed('Content-Length without a body')
  }
  if (expectation !== undefined && expectation.toLowerCase() !== '100-continue') {
    return { fault: 'expectation_unknown', detail: 'Expect is not 100-continue' }
  }
  return undefined
}

function requestFraming(contentLengthBytes: number | undefined, endStream: boolean): BodyFraming {
  if (contentLengthBytes !== undefined) return bodyOfLength(contentLengthBytes)
  return endStream ? noBody : chunkedBody
}

function hasBody(framing: BodyFraming): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0)
}

/** RFC 9113 8.2.1, and as strict on control bytes as HTTP/1.1 is: the application hears of the value in that version. */
function isSound(field: HpackField): boolean {
  const { value } = field
  const sound = valueBytes.test(value) && !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))
  field.sound = sound
  return sound
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function wrongName(form: number): string {
  if (form === nameForm.connection) return 'A connection-specific field'
  if (form === nameForm.te) return 'TE is not "trailers"'
  return form === nameForm.malformed ? 'A field name is no lower-case token' : 'A pseudo-header field after a field'
}

function repeated(): HeadFault {
  return malformed('A pseudo-header field is repeated')
}

function malformed(detail: string): HeadFault {
  return { fault: 'http2_protocol_error', detail }
}
