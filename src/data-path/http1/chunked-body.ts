import type { FieldList } from './field-list.ts'
import { fieldLines } from './head-text.ts'

/** What follows the data of each chunk (RFC 9112 7.1). */
export const chunkEnd = '\r\n'

/** What precedes the data of a chunk. `bytes` is at least 1: an empty chunk would end the body. */
export function chunkStart(bytes: number): string {
  return `${bytes.toString(16)}\r\n`
}

/** The end of a chunked body, with its trailer fields. */
export function lastChunk(trailers: FieldList): string {
  return trailers.length === 0 ? '0\r\n\r\n' : `0\r\n${fieldLines(trailers)}\r\n`
}
