import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { type KeyList, packKeys, unpackKeys } from './journal-keys.ts'
import type { TrustEvent } from './ports.ts'
import type { LogPosition } from './store-port.ts'

/**
 * How a journal begins: by what its process knew then. It builds on snapshot `base` (0: none) and on the first `bytes` of each
 * of `parts`; where these are there, what the journal says of being complete holds.
 */
export type JournalOpening = {
  readonly schema: number
  readonly bootId: string
  readonly base: number
  readonly parts: readonly (readonly [journal: number, bytes: number])[]
  /** Something was applied between these and this journal that could not be written anywhere. */
  readonly gap: boolean
  readonly highestVersion: number
}

/** At this moment all that the store had said up to the position was applied. Times without the boot id, which the opening has. */
export type HeardRecord = {
  readonly position: LogPosition
  readonly highestVersion: number
  readonly monotonicMs: number
  readonly wallMs: number
}

/** One record of a journal. */
export type JournalRecord =
  | { readonly kind: 'opening'; readonly opening: JournalOpening }
  | { readonly kind: 'events'; readonly events: readonly TrustEvent[]; readonly highestVersion: number }
  | { readonly kind: 'heard'; readonly heard: HeardRecord }

/** Version of the journal's format; raised when an older program would misread it. */
export const journalSchema = 1

/** Length, its complement, and CRC-32 of the body: a torn record can be told from a damaged one. Unit: bytes. */
export const frameBytes = 12
/** No record is longer; a length above this is damage. Unit: bytes. */
export const bodyBytesMax = 256 * 1_048_576

/** A record holds at most so many, so that it is read in bounded memory; one event is never split. */
const eventsMax = 4_096
const keysMax = 32_768

/** What stands in a body before the packed keys: events with the number of their keys in place of these. */
type EventsBody = {
  readonly events: readonly Record<string, unknown>[]
  readonly issuers: readonly string[]
  readonly highestVersion: number
}

/** A record as it stands in the file. */
export function encodeRecord(record: Exclude<JournalRecord, { kind: 'events' }>): Buffer {
  return frame(record, Buffer.alloc(0))
}

/** Events as one or more records. */
export function* encodeEvents(events: readonly TrustEvent[], highestVersion: number): Generator<Buffer> {
  let first = 0
  let keys = 0
  for (const [position, event] of events.entries()) {
    if (position - first >= eventsMax || keys >= keysMax) {
      yield encodeGroup(events.slice(first, position), highestVersion)
      first = position
      keys = 0
    }
    if (event.kind === 'revoked') keys += event.keys.length
  }
  if (first < events.length) yield encodeGroup(events.slice(first), highestVersion)
}

function encodeGroup(events: readonly TrustEvent[], highestVersion: number): Buffer {
  const { issuers, bytes } = packKeys(events.flatMap((event) => (event.kind === 'revoked' ? event.keys : [])))
  const plain = events.map((event) => (event.kind === 'revoked' ? { ...event, keys: event.keys.length } : event))
  return frame({ kind: 'events', events: plain, issuers, highestVersion }, bytes)
}

function frame(json: unknown, keys: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(json))
  const record = Buffer.allocUnsafe(frameBytes + 4 + text.length + keys.length)
  record.writeUInt32LE(text.length, frameBytes)
  text.copy(record, frameBytes + 4)
  keys.copy(record, frameBytes + 4 + text.length)
  const body = record.subarray(frameBytes)
  assert(body.length <= bodyBytesMax, `a journal record has at most ${bodyBytesMax} bytes`)
  record.writeUInt32LE(body.length, 0)
  record.writeUInt32LE(~body.length >>> 0, 4)
  record.writeUInt32LE(crc32(body), 8)
  return record
}

/** The length of the body by its frame; undefined: these bytes are no frame. */
export function bodyLength(bytes: Buffer): number | undefined {
  const length = bytes.readUInt32LE(0)
  return bytes.readUInt32LE(4) === ~length >>> 0 && length <= bodyBytesMax ? length : undefined
}

/** The record whose frame and body these bytes are. Throws if they are not what was written. */
export function decodeRecord(bytes: Buffer): JournalRecord {
  const body = bytes.subarray(frameBytes)
  if (crc32(body) !== bytes.readUInt32LE(8)) throw new Error('wrong checksum')
  const textEnd = 4 + body.readUInt32LE(0)
  const json: { readonly kind: unknown } = JSON.parse(body.toString('utf8', 4, textEnd))
  if (json.kind === 'opening' || json.kind === 'heard') return json as JournalRecord
  if (json.kind !== 'events') throw new Error(`unknown kind of record ${JSON.stringify(json.kind)}`)
  const { events, issuers, highestVersion } = json as unknown as EventsBody
  const keys = unpackKeys({ issuers, bytes: body.subarray(textEnd) })
  return { kind: 'events', events: events.map((event) => withKeys(event, keys)), highestVersion }
}

function withKeys(event: Record<string, unknown>, keys: KeyList): TrustEvent {
  if (event.kind !== 'revoked') return event as TrustEvent
  return { ...event, keys: keys.next(Number(event.keys)) } as unknown as TrustEvent
}
