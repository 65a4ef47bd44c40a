import type { Http2Fault } from './http2-fault.ts'

/**
 * Takes what a client's frames say. Buffers are views: valid during the call only. What needs the state of streams (idle, closed, order
 * of their ids, flow control) is left to the sink.
 */
export type FrameSink = {
  /** A DATA frame begins. `payloadBytes` count against flow control, padding included. Pieces of data follow, if it holds any. */
  dataFrame(streamId: number, payloadBytes: number): void
  /** The next piece of a DATA frame, without padding; never empty. */
  data(streamId: number, chunk: Buffer): void
  /** A DATA frame with END_STREAM is complete. */
  dataEnd(streamId: number): void
  /** A whole field block: HEADERS with all its CONTINUATIONs. It must be decoded whatever becomes of the stream. The id is odd. */
  headerBlock(streamId: number, block: Buffer, endStream: boolean): void
  rstStream(streamId: number, code: number): void
  /** Identifier, value, identifier, value…; the values were checked (RFC 9113 6.5.2, RFC 8441 3). An acknowledgement is owed. */
  settings(pairs: readonly number[]): void
  settingsAck(): void
  /** `payload` is 8 bytes; an acknowledgement with the same is owed. */
  ping(payload: Buffer): void
  pingAck(payload: Buffer): void
  goaway(lastStreamId: number, code: number): void
  /** `streamId` 0: the connection's window. `increment` is at least 1. */
  windowUpdate(streamId: number, increment: number): void
  /** A frame that asks for nothing was read: PRIORITY, an unknown type, or DATA with neither data nor END_STREAM. To be counted. */
  idleFrame(type: number): void
  /** A stream error (RFC 9113 5.4.2); reading goes on. The stream may be idle, which makes it an error of the connection. */
  streamFault(fault: Http2Fault): void
}
