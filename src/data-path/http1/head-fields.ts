import { isContentLength } from './body-framing.ts'
import { classifyField, type FieldClass, fieldClass } from './field-class.ts'
import type { FieldList } from './field-list.ts'
import { type HeadFault, headMalformed } from './head-fault.ts'
import { usualField } from './usual-field.ts'

/** The field lines of one head, and what those that govern the message say. */
export type HeadFields = {
  readonly fields: FieldList
  /** The class of each field, in the same order. */
  readonly classes: FieldClass[]
  host: string | undefined
  contentLengthBytes: number | undefined
  chunked: boolean
  close: boolean
  keepAlive: boolean
  /** Connection options but `close` and `keep-alive`, lower case. */
  nominated: readonly string[]
  expectation: string | undefined
  /** Value of Upgrade, if there is exactly one such field. */
  upgradeProtocol: string | undefined
}

/** Where the field lines stand in `text`, and how many there may be. */
export type FieldRange = { readonly start: number; readonly end: number; readonly fieldsMax: number }

const fieldLines = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*/y
const connectionOptions = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?: *, *[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/
// Each nominated name is compared with each field of the head: a bound keeps that cheap.
const nominatedMax = 32
const noNames: readonly string[] = Object.freeze([])
const upgradeOnly: readonly string[] = Object.freeze(['upgrade'])

/**
 * Reads field lines (RFC 9112 5) from `range.start` up to `range.end`, the place after the CRLF of the last one.
 * Strict: no folding, no space before the colon, no bare CR or LF, no control byte but HTAB in values; framing fields at
 * most once and in their plainest form; Content-Length never together with Transfer-Encoding.
 */
export function readHeadFields(text: string, range: FieldRange): HeadFields | HeadFault {
  const { end } = range
  fieldLines.lastIndex = range.start
  fieldLines.test(text)
  if (fieldLines.lastIndex !== end) return malformedLine(text, fieldLines.lastIndex)

  const found = emptyHeadFields()
  const namesAndValuesMax = range.fieldsMax * 2
  const tabbed = text.includes('\t')
  let at = range.start
  while (at < end) {
    const colon = text.indexOf(':', at)
    const lineEnd = text.indexOf('\r', colon)
    const usual = usualField(text, at, colon)
    const name = usual === undefined ? text.slice(at, colon) : usual.name
    const kind = usual === undefined ? classifyField(name) : usual.found
    const value = trimmedValue(text, colon + 1, lineEnd)
    if (kind !== fieldClass.other && kind <= fieldClass.upgrade) {
      // llhttp does not take `chunked` or a connection option for what it is when a HTAB follows: refused, not guessed.
      if (tabbed && text.slice(colon, lineEnd).includes('\t')) {
        return headMalformed('HTAB in a field that governs the message')
      }
      const fault = applyField(found, kind, value)
      if (fault !== undefined) return fault
    }
    if (found.fields.length >= namesAndValuesMax) {
      return { fault: 'head_too_large', detail: `More than ${range.fieldsMax} fields` }
    }
    found.fields.push(name, value)
    found.classes.push(kind)
    at = lineEnd + 2
  }
  if (found.chunked && found.contentLengthBytes !== undefined) {
    return headMalformed('Content-Length together with Transfer-Encoding')
  }
  return found
}

function emptyHeadFields(): HeadFields {
  return {
    fields: [],
    classes: [],
    host: undefined,
    contentLengthBytes: undefined,
    chunked: false,
    close: false,
    keepAlive: false,
    nominated: noNames,
    expectation: undefined,
    upgradeProtocol: undefined,
  }
}

/** The part of `text` from `from` to `to` without surrounding SP and HTAB. */
function trimmedValue(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function applyField(found: HeadFields, kind: FieldClass, value: string): HeadFault | undefined {
  switch (kind) {
    case fieldClass.host:
      if (found.host !== undefined) return headMalformed('Host is repeated')
      found.host = value
      return undefined
    case fieldClass.contentLength:
      if (found.contentLengthBytes !== undefined) return headMalformed('Content-Length is repeated')
      if (!isContentLength(value)) return headMalformed('Content-Length is not a plain number of bytes')
      found.contentLengthBytes = Number(value)
      return undefined
    case fieldClass.transferEncoding:
      if (found.chunked) return headMalformed('Transfer-Encoding is repeated')
      if (value.toLowerCase() !== 'chunked') return headMalformed('Transfer-Encoding is not exactly "chunked"')
      found.chunked = true
      return undefined
    case fieldClass.connection:
      return applyConnection(found, value)
    case fieldClass.expect:
      if (found.expectation !== undefined) return headMalformed('Expect is repeated')
      found.expectation = value
      return undefined
    case fieldClass.upgrade:
      if (found.upgradeProtocol !== undefined) return headMalformed('Upgrade is repeated')
      found.upgradeProtocol = value
      return undefined
    default:
      return undefined
  }
}

function applyConnection(found: HeadFields, value: string): HeadFault | undefined {
  switch (value) {
    case 'keep-alive':
    case 'Keep-Alive':
      found.keepAlive = true
      return undefined
    case 'close':
      found.close = true
      return undefined
    case 'Upgrade':
    case 'upgrade':
      found.nominated = found.nominated.length === 0 ? upgradeOnly : [...found.nominated, 'upgrade']
      return undefined
  }
  if (!connectionOptions.test(value)) return headMalformed('Connection is not a list of options')
  for (const option of value.toLowerCase().split(',')) {
    const name = option.trim()
    if (name === 'close') found.close = true
    else if (name === 'keep-alive') found.keepAlive = true
    else if (name === 'host' || name === 'content-length') return headMalformed(`Connection nominates ${name}`)
    else if (found.nominated.length >= nominatedMax) return headMalformed('Connection nominates too many fields')
    else found.nominated = [...found.nominated, name]
  }
  return undefined
}

/** Says what is wrong with the field line at `at`: for logs, and only after the line was refused. */
function malformedLine(text: string, at: number): HeadFault {
  const lineFeed = text.indexOf('\n', at)
  const line = text.slice(at, lineFeed === -1 ? text.length : lineFeed)
  const name = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*/.exec(line)?.[0] ?? ''
  const next = line.charAt(name.length)
  if (name === '' && (next === ' ' || next === '\t')) return headMalformed('A field line is folded')
  if (name === '') return headMalformed('A field line has no name')
  if (next === ' ' || next === '\t') return headMalformed('Space between a field name and its colon')
  if (next !== ':') return headMalformed('A field name holds a byte that is not allowed')
  return headMalformed('A field value holds a control byte, or its line does not end in CRLF')
}
