import type { BodySink } from './http1/body-reader.ts'
import type { FieldList } from './http1/field-list.ts'
import { http2Error } from './http2/http2-fault.ts'
import type { Http2Connection } from './http2-connection.ts'
import { Http2Held } from './http2-held.ts'
import { Http2Window } from './http2-window.ts'

export type Http2BodyOptions = {
  readonly streamId: number
  /** What the DATA must add up to (RFC 9113 8.1.1). */
  readonly contentLengthBytes: number | undefined
  /** Nothing may be handed on before the application has switched to WebSocket: it would read it as a request. */
  readonly awaitsSwitch: boolean
}

/**
 * The body of a request of HTTP/2, of one that did not end with its head. It is handed on as it comes; what comes while the application
 * takes no more waits here, and the windows bound how much that is.
 */
export class Http2Body {
  /** END_STREAM came. */
  ended = false
  /** Who takes the body; undefined: nobody does, and what comes is dropped. */
  sink: BodySink | undefined
  readonly #http2: Http2Connection
  readonly #streamId: number
  readonly #window: Http2Window
  readonly #contentLengthBytes: number | undefined
  #receivedBytes = 0
  /** Handed on to an application that takes no more, and not given back to the windows yet. Unit: bytes. */
  #credit = 0
  /** What came while it was paused, and then the end. */
  #held: Http2Held | undefined
  #heldTrailers: FieldList | undefined
  #paused = false
  #awaitsSwitch: boolean

  constructor(http2: Http2Connection, options: Http2BodyOptions) {
    this.#http2 = http2
    this.#streamId = options.streamId
    this.#window = new Http2Window(http2.streamWindowBytes)
    this.#contentLengthBytes = options.contentLengthBytes
    this.#awaitsSwitch = options.awaitsSwitch
  }

  /** Takes bytes from the window. Returns false when the client sent more than it may. */
  takeWindow(bytes: number): boolean {
    return this.#window.take(bytes)
  }

  /** Returns the error of the stream, if this is one too many. */
  data(chunk: Buffer): number | undefined {
    this.#receivedBytes += chunk.length
    const surplus = this.#contentLengthBytes !== undefined && this.#receivedBytes > this.#contentLengthBytes
    if (this.ended || surplus) {
      this.#http2.received(chunk.length)
      return this.ended ? http2Error.streamClosed : http2Error.protocolError
    }
    if (this.#holds) {
      this.#held ??= new Http2Held()
      this.#held.append(chunk)
    } else {
      this.#handOn(chunk)
    }
    return undefined
  }

  /** Returns the error of the stream, if this may not be its end. */
  end(trailers: FieldList): number | undefined {
    if (this.ended) return http2Error.streamClosed
    if (this.#contentLengthBytes !== undefined && this.#receivedBytes !== this.#contentLengthBytes)
      return http2Error.protocolError
    this.ended = true
    if (this.#holds) this.#heldTrailers = trailers
    else this.sink?.end(trailers)
    return undefined
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#handOnHeld()
  }

  /** The application has switched: what follows are bytes for it. */
  switched(): void {
    this.#awaitsSwitch = false
    // The answer's head leaves first.
    process.nextTick(() => this.#handOnHeld())
  }

  /** So many bytes of DATA frames have been dealt with. Of a body that nobody takes, no more is asked for. */
  giveStreamWindow(bytes: number): void {
    if (this.ended || this.sink === undefined) return
    const increment = this.#window.give(bytes)
    if (increment === 0) return
    this.#http2.writer.windowUpdate(this.#streamId, increment)
    this.#http2.gather()
  }

  /** Nobody takes the body any more: what was held goes back to the connection's window, which all streams share. */
  drop(): void {
    this.sink = undefined
    this.#paused = false
    this.#awaitsSwitch = false
    const bytes = this.#credit + (this.#held?.length ?? 0)
    this.#credit = 0
    this.#held = undefined
    if (bytes > 0) this.#http2.received(bytes)
  }

  get #holds(): boolean {
    return this.#paused || this.#awaitsSwitch || (this.#held !== undefined && this.#held.length > 0)
  }

  #handOn(chunk: Buffer): void {
    this.#credit += chunk.length
    this.sink?.data(chunk)
    if (!this.#paused) this.#giveWindows()
  }

  /** The client may send as much again as was handed on. */
  #giveWindows(): void {
    const bytes = this.#credit
    if (bytes === 0) return
    this.#credit = 0
    this.#http2.received(bytes)
    this.giveStreamWindow(bytes)
  }

  #handOnHeld(): void {
    if (this.#awaitsSwitch) return
    this.#giveWindows()
    for (let next = this.#held?.first(); next !== undefined && !this.#paused; next = this.#held?.first()) {
      this.#held?.drop(next.length)
      this.#handOn(next)
    }
    if (this.#paused) return
    const trailers = this.#heldTrailers
    this.#heldTrailers = undefined
    if (trailers !== undefined) this.sink?.end(trailers)
  }
}
