import type { FaultCode } from '../base/errors.ts'
import type { BodyFraming } from './http1/body-framing.ts'
import type { FieldList } from './http1/field-list.ts'

/** The start of an answer, in no version's form. */
export type ResponseStart = {
  readonly status: number
  readonly reason: string
  readonly fields: FieldList
  /** How long the body is: `chunked` and `until_close` both mean "not known beforehand". */
  readonly framing: BodyFraming
  /** Content-Length to state although no body follows (HEAD, 304). */
  readonly statedLength: string | undefined
}

/**
 * One request's way back to the client: what `forward` knows of it, whether HTTP/1.1 or HTTP/2 carries it. Body chunks
 * are only valid during the call; an implementation copies what it cannot write at once.
 */
export type ClientStream = {
  /** Sends a 1xx answer at once, if the client's version has them. */
  respondInformational(status: number, reason: string, fields: FieldList): void
  respond(start: ResponseStart): void
  /**
   * The application switched to WebSocket: what follows both ways are bytes of that, passed as they are. Returns the status the
   * client was sent; undefined when the application's answer does not fit the client's request.
   */
  switchProtocols(fields: FieldList): number | undefined
  writeBody(chunk: Buffer): void
  endBody(trailers: FieldList): void
  /** Sends what was gathered since the last call. Returns false when the client is slow: wait for `clientDrained`. */
  flush(): boolean
  /** Stops and resumes the request body. */
  pauseBody(): void
  resumeBody(): void
  /** Judges the user again, as before a request. Returns false when the connection was cut for it. */
  stillPermitted(): boolean
  /** Sets the one deadline of the exchange; on expiry `Exchange.expired()` is called. Unit: milliseconds from now. */
  awaitWithin(durationMs: number): void
  /** Answers with a page of the gateway's own; only before `respond`. The exchange is over. */
  respondFault(code: FaultCode): void
  /** Ends the client's side abruptly, because an answer that has begun cannot be finished. */
  abort(code: FaultCode): void
  /** The exchange is over: what was gathered is sent. `bodyUnread`: the client is still sending a body nobody will read. */
  exchangeEnded(bodyUnread: boolean): void
}
