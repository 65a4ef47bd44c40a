import { createHash, randomBytes } from 'node:crypto'
import type { FieldList } from './http1/field-list.ts'

/** Appended to the key before it is hashed (RFC 6455 1.3). */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * The key of a WebSocket that came over HTTP/2, where there is none (RFC 8441 5.1): the application speaks HTTP/1.1, so the gateway
 * makes one and checks the answer.
 */
export class WebSocketKey {
  readonly #key = randomBytes(16).toString('base64')

  /** Fields of the request to the application. */
  get fields(): FieldList {
    return ['Sec-WebSocket-Key', this.#key]
  }

  /** The fields of a 101 without those of the key; undefined when the application does not prove that it read it. */
  accepted(fields: FieldList): FieldList | undefined {
    const expected = createHash('sha1').update(`${this.#key}${acceptSuffix}`).digest('base64')
    const kept: FieldList = []
    let proven = false
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string
      if (name.toLowerCase() === 'sec-websocket-accept') proven = fields[at + 1] === expected
      else kept.push(name, fields[at + 1] as string)
    }
    return proven ? kept : undefined
  }
}
