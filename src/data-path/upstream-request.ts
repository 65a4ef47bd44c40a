import type { Batch } from './batch.ts'
import { chunkEnd, chunkStart, lastChunk } from './http1/chunked-body.ts'
import type { FieldList } from './http1/field-list.ts'
import { endToEndTrailers } from './http1/trailer-fields.ts'
import { type AddedLines, type ForwardRequest, upstreamRequestHead } from './request-headers.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** Methods that may be sent twice without harm (RFC 9110 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** Writes one request to the application: head, body in the framing the head states, end. */
export class UpstreamRequest {
  /** Nothing of the request is left to be sent. */
  done: boolean
  /** Body bytes given to a connection. */
  bodyBytes = 0
  readonly #request: ForwardRequest
  readonly #batch: Batch

  constructor(request: ForwardRequest, batch: Batch) {
    this.#request = request
    this.#batch = batch
    this.done = request.framing.kind === 'none'
  }

  /** Whether the whole request may be sent a second time although the first may have had its effect. */
  get repeatable(): boolean {
    return this.#request.framing.kind === 'none' && idempotentMethods.has(this.#request.method)
  }

  sendHead({ socket }: UpstreamConnection, from: { requestId: string; lines: AddedLines }): void {
    const head = upstreamRequestHead(this.#request, from.requestId, from.lines)
    if (this.done) {
      this.#batch.write(socket, head)
      return
    }
    // The first body bytes, if they are here already, go out in the same packet as the head.
    socket.cork()
    process.nextTick(() => socket.uncork())
    socket.write(head, 'latin1')
  }

  /** A piece of the body. Returns false when the application is slow: wait for `upstreamDrained`. */
  sendBody({ socket }: UpstreamConnection, chunk: Buffer): boolean {
    this.bodyBytes += chunk.length
    if (this.#request.framing.kind === 'chunked') {
      socket.cork()
      socket.write(chunkStart(chunk.length), 'latin1')
      socket.write(chunk)
      socket.write(chunkEnd, 'latin1')
      socket.uncork()
    } else {
      socket.write(chunk)
    }
    return !socket.writableNeedDrain
  }

  sendEnd(connection: UpstreamConnection | undefined, trailers: FieldList): void {
    this.done = true
    if (this.#request.framing.kind !== 'chunked') return
    const kept = endToEndTrailers(trailers, this.#request.connectionNominated)
    connection?.socket.write(lastChunk(kept), 'latin1')
  }
}
