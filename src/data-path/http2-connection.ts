import type { FaultCode } from '../base/errors.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ClientProtocol } from './client-protocol.ts'
import { FrameReader, type FrameSink } from './http2/frame-reader.ts'
import { http2Setting, windowBytesMax } from './http2/frame-type.ts'
import { FrameWriter } from './http2/frame-writer.ts'
import { HpackDecoder } from './http2/hpack-decoder.ts'
import { HpackEncoder } from './http2/hpack-encoder.ts'
import { connectionFault, type Http2Fault, http2Error } from './http2/http2-fault.ts'
import { readHttp2Head, readHttp2Trailers } from './http2/http2-head.ts'
import { Http2Backlog } from './http2-backlog.ts'
import { Budget } from './http2-budget.ts'
import { offeredSettings, trailerLimits } from './http2-offer.ts'
import { Http2Room, windowBytesDefault } from './http2-room.ts'
import { Http2Stream } from './http2-stream.ts'
import { Http2Window } from './http2-window.ts'

/** How long a closing connection may go on sending before it is dropped, so that the answer is read. Unit: milliseconds. */
const lingerMs = 2_000
/** How long a draining client has to say that it has heard of it. Unit: milliseconds. */
const drainAckMs = 1_000
const drainPing = Buffer.from('draining', 'latin1')
/** Our SETTINGS_HEADER_TABLE_SIZE, the default, and the largest frame we take. */
const headerTableBytes = 4_096
const frameBytesMax = 16_384
/** Settings in one frame; clients send six or so (CVE-2020-11080). */
const settingsMax = 32
/** Gathered beyond this, output is written before the batch ends. Unit: bytes. */
const gatheredBytesMax = 65_536
/** A client that leaves more than this unread is not read any more. Unit: bytes. */
const waitingBytesMax = 262_144

/**
 * HTTP/2 towards one client (RFC 9113): reads frames, keeps windows and budgets, and gives each stream its frames. Output is
 * gathered and leaves in one write at the end of the batch.
 *
 * A client that costs more than it asks for is sent away: resets, refused streams and stream errors come out of one budget
 * (CVE-2023-44487, CVE-2025-8671), frames that ask for nothing out of another.
 */
export class Http2Connection implements ClientProtocol, FrameSink {
  readonly connection: ClientConnection
  readonly encoder = new HpackEncoder()
  readonly writer = new FrameWriter()
  readonly room = new Http2Room()
  /** What the client was told of each stream's window. Unit: bytes. */
  readonly streamWindowBytes: number
  /** Whole answers that wait for the client. */
  readonly backlog: Http2Backlog
  readonly #reader: FrameReader
  readonly #decoder = new HpackDecoder({ tableBytesMax: headerTableBytes })
  readonly #streams = new Map<number, Http2Stream>()
  readonly #streamsMax: number
  readonly #resets: Budget
  readonly #controlFrames: Budget
  /** SETTINGS_INITIAL_WINDOW_SIZE of the client. */
  #streamSendWindow = windowBytesDefault
  readonly #receiveWindow: Http2Window
  /** The DATA frame being read, and its bytes that have not been handed on: at its end, padding. */
  #frameStreamId = 0
  #frameRest = 0
  #lastStreamId = 0
  /** Of the last GOAWAY; it never grows (RFC 9113 6.8). */
  #lastAnnouncedId = windowBytesMax
  /** `open`; `leaving`: no new streams; `closing`: everything was written. */
  #stage: 'open' | 'leaving' | 'closing' = 'open'
  #gathering = false
  /** The client was told that the end is near. */
  #announced = false

  constructor(connection: ClientConnection) {
    this.connection = connection
    const { limits, clock } = connection.door
    this.#reader = new FrameReader({ frameBytesMax, blockBytesMax: limits.headBytesMax })
    this.#resets = new Budget(limits.http2ResetsPerMinuteMax, clock)
    this.#controlFrames = new Budget(limits.http2ControlFramesPerMinuteMax, clock)
    // Kept, because a reload changes the limits and not what this client was told.
    const windowBytes = limits.http2ConnectionWindowBytes
    this.streamWindowBytes = limits.http2StreamWindowBytes
    this.#streamsMax = limits.http2StreamsMax
    this.#receiveWindow = new Http2Window(windowBytes)
    this.backlog = new Http2Backlog(connection.door, () => this.#shed())
    this.writer.settings(offeredSettings(limits))
    if (windowBytes > windowBytesDefault) this.writer.windowUpdate(0, windowBytes - windowBytesDefault)
    this.gather()
    connection.awaitWithin(limits.headTimeoutMs)
    if (connection.door.isDraining()) this.drain()
  }

  // From the client: ClientProtocol.

  receive(bytes: Buffer): void {
    const { door } = this.connection
    door.metrics.bytesReceived(door.name, bytes.length)
    if (this.#stage === 'closing') return
    const fault = this.#reader.feed(bytes, this)
    if (fault !== undefined) this.#fail(fault)
  }

  drained(): void {
    if (this.connection.socket.isPaused()) this.connection.socket.resume()
    this.room.serve()
  }

  expired(): void {
    if (this.#stage === 'closing') this.connection.end('closed')
    else if (this.#announced) this.leave()
    else this.drain()
  }

  drain(): void {
    if (this.#stage !== 'open' || this.#announced) return
    this.#announced = true
    // Said twice (RFC 9113 6.8): streams the client began before it heard of it are still served.
    this.writer.goaway(windowBytesMax, http2Error.noError)
    this.writer.ping(drainPing)
    this.gather()
    this.connection.awaitWithin(drainAckMs)
  }

  cut(cause: string): boolean {
    const streams = [...this.#streams.values()]
    if (!streams.some(({ outlivesCut }) => outlivesCut)) return false
    for (const stream of streams) if (!stream.outlivesCut) stream.connectionClosed(cause)
    this.leave()
    return true
  }

  closed(cause: string): void {
    this.#reader.stop()
    this.#stage = 'closing'
    for (const stream of this.#streams.values()) stream.connectionClosed(cause)
    this.#streams.clear()
  }

  // From the client: FrameSink.

  headerBlock(streamId: number, block: Buffer, endStream: boolean): void {
    const { limits, headLimits } = this.connection.door
    const open = this.#streams.get(streamId)
    // Decoded whatever becomes of it: the table must stay in step.
    const list = this.#decoder.decode(block, open === undefined ? limits : trailerLimits(limits))
    if ('code' in list) {
      this.#fail(list)
    } else if (open !== undefined) {
      const trailers = readHttp2Trailers(list)
      if (!endStream || 'fault' in trailers) this.streamError(streamId, http2Error.protocolError)
      else open.endRequest(trailers)
    } else if (streamId <= this.#lastStreamId) {
      this.streamError(streamId, http2Error.streamClosed)
    } else if (this.#stage !== 'open') {
      this.#lastStreamId = streamId
      this.writer.rstStream(streamId, http2Error.refusedStream)
      this.gather()
      this.#spend(this.#controlFrames)
    } else {
      this.#lastStreamId = streamId
      if (this.#streams.size >= this.#streamsMax) this.streamError(streamId, http2Error.refusedStream)
      else this.#open(streamId).begin(readHttp2Head(list, headLimits, endStream), endStream)
    }
  }

  #open(streamId: number): Http2Stream {
    const { door } = this.connection
    if (this.#streams.size === 0 && !this.#announced) this.connection.deadlineMs = Number.POSITIVE_INFINITY
    const stream = new Http2Stream(this, streamId, this.#streamSendWindow)
    this.#streams.set(streamId, stream)
    door.metrics.http2StreamOpened(door.name)
    return stream
  }

  /** Never opened: beyond the last one, or one that only a server opens. */
  #isIdle(streamId: number): boolean {
    return streamId > this.#lastStreamId || (streamId !== 0 && (streamId & 1) === 0)
  }

  dataFrame(streamId: number, payloadBytes: number): void {
    if (this.#frameRest > 0) {
      this.received(this.#frameRest)
      this.#streams.get(this.#frameStreamId)?.giveStreamWindow(this.#frameRest)
    }
    this.#frameStreamId = streamId
    this.#frameRest = payloadBytes
    if (!this.#receiveWindow.take(payloadBytes))
      this.#fail(connectionFault(http2Error.flowControlError, 'More than the window'))
    else if (this.#isIdle(streamId)) this.#fail(idleStream())
    else if (this.#streams.get(streamId)?.takeWindow(payloadBytes) === false)
      this.streamError(streamId, http2Error.flowControlError)
  }

  data(streamId: number, chunk: Buffer): void {
    this.#frameRest -= chunk.length
    const stream = this.#streams.get(streamId)
    if (stream !== undefined) {
      stream.takeData(chunk)
      return
    }
    this.received(chunk.length)
    this.#spend(this.#controlFrames)
  }

  dataEnd(streamId: number): void {
    this.#streams.get(streamId)?.endRequest([])
  }

  rstStream(streamId: number, _code: number): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) {
      if (this.#isIdle(streamId)) this.#fail(idleStream())
      this.#spend(this.#controlFrames)
      return
    }
    this.connection.door.metrics.http2StreamReset(this.connection.door.name)
    stream.resetByClient()
    this.#spend(this.#resets)
  }

  settings(pairs: readonly number[]): void {
    if (pairs.length > settingsMax * 2) {
      this.#fail(connectionFault(http2Error.enhanceYourCalm, `More than ${settingsMax} settings in one frame`))
      return
    }
    for (let at = 0; at < pairs.length; at += 2) this.#applySetting(pairs[at] as number, pairs[at + 1] as number)
    this.writer.settingsAck()
    this.gather()
    // Larger windows are news for what waits.
    this.room.serve()
    this.#spend(this.#controlFrames)
  }

  #applySetting(identifier: number, value: number): void {
    if (identifier === http2Setting.headerTableSize) this.encoder.resize(value)
    else if (identifier === http2Setting.maxFrameSize) this.writer.frameBytesMax = Math.min(value, gatheredBytesMax)
    else if (identifier === http2Setting.initialWindowSize) {
      const delta = value - this.#streamSendWindow
      this.#streamSendWindow = value
      for (const stream of this.#streams.values()) {
        if (!stream.growSendWindow(delta)) this.#fail(windowTooLarge())
      }
    }
  }

  settingsAck(): void {
    this.#spend(this.#controlFrames)
  }

  ping(payload: Buffer): void {
    this.writer.pingAck(payload)
    this.gather()
    this.#spend(this.#controlFrames)
  }

  pingAck(payload: Buffer): void {
    if (payload.equals(drainPing)) this.leave()
    this.#spend(this.#controlFrames)
  }

  goaway(_lastStreamId: number, _code: number): void {
    this.leave()
    this.#spend(this.#controlFrames)
  }

  windowUpdate(streamId: number, increment: number): void {
    const stream = this.#streams.get(streamId)
    if (stream !== undefined) {
      if (!stream.growSendWindow(increment)) this.streamError(streamId, http2Error.flowControlError)
      else if (this.room.leave(stream)) stream.mayWrite()
    } else if (this.#isIdle(streamId)) {
      this.#fail(idleStream())
    } else if (streamId === 0 && !this.room.grow(increment)) {
      this.#fail(windowTooLarge())
    }
    // Windows opened by a few bytes at a time cost more than they carry.
    if (increment < 1_024) this.#spend(this.#controlFrames)
  }

  idleFrame(): void {
    this.#spend(this.#controlFrames)
  }

  streamFault(fault: Http2Fault): void {
    if (fault.streamId > this.#lastStreamId) this.#fail({ ...fault, streamId: 0 })
    else this.streamError(fault.streamId, fault.code)
  }

  // For the streams.

  /** Whether more may be written now: neither the client nor what was gathered stands in the way. */
  get writable(): boolean {
    return !this.connection.socket.writableNeedDrain
  }

  /** What is in `writer` leaves at the end of the batch. */
  gather(): void {
    if (this.writer.length >= gatheredBytesMax) this.writeGathered()
    if (this.#gathering) return
    this.#gathering = true
    this.connection.door.batch.flushLater(this)
  }

  writeGathered(): void {
    this.#gathering = false
    const bytes = this.writer.take()
    const { socket, door } = this.connection
    // Written to after its end, a socket would be destroyed before the client has read its GOAWAY.
    if (bytes === undefined || socket.destroyed || socket.writableEnded) return
    door.metrics.bytesSent(door.name, bytes.length)
    socket.write(bytes)
    // Whoever asks and does not take the answers is asked to wait, or they would gather here.
    if (socket.writableLength > waitingBytesMax && this.#stage !== 'closing') socket.pause()
  }

  /** Too much waits for a client that takes too little: the oldest answers are given up. */
  #shed(): void {
    for (const stream of this.#streams.values()) {
      if (!this.backlog.over) return
      if (stream.shed()) this.#spend(this.#resets)
    }
  }

  /** DATA was sent: a client that takes answers may also ask for windows, of the stream and the connection, and pings. */
  sent(bytes: number): void {
    this.room.window -= bytes
    this.#controlFrames.earn(2)
  }

  /** Bytes of DATA have been dealt with: the client may send as many again. */
  received(bytes: number): void {
    const increment = this.#receiveWindow.give(bytes)
    if (increment === 0) return
    this.writer.windowUpdate(0, increment)
    this.gather()
  }

  /** Ends one stream because of what the client did on it. */
  streamError(streamId: number, code: number): void {
    this.connection.door.metrics.fault('http2_protocol_error')
    this.writer.rstStream(streamId, code)
    this.gather()
    this.#streams.get(streamId)?.failed('http2_protocol_error')
    this.#spend(this.#resets)
  }

  streamClosed(stream: Http2Stream): void {
    const { door } = this.connection
    this.room.leave(stream)
    if (!this.#streams.delete(stream.id)) return
    door.metrics.http2StreamClosed(door.name)
    if (this.#streams.size > 0) return
    if (this.#stage === 'leaving') this.#close()
    else if (!this.#announced) this.connection.awaitWithin(door.limits.keepAliveIdleTimeoutMs)
  }

  /** Answers what is under way, takes nothing new, and closes: after a denial, for example, so that a browser may choose again (R13). */
  leave(): void {
    if (this.#stage !== 'open') return
    this.#stage = 'leaving'
    this.#goaway(http2Error.noError)
    this.gather()
    if (this.#streams.size === 0) this.#close()
    else this.connection.deadlineMs = Number.POSITIVE_INFINITY
  }

  #close(): void {
    if (this.#stage === 'closing') return
    this.#stage = 'closing'
    this.#reader.stop()
    this.writeGathered()
    this.connection.door.batch.flush()
    this.connection.endWriting(lingerMs)
  }

  #goaway(code: number): void {
    this.#lastAnnouncedId = Math.min(this.#lastAnnouncedId, this.#lastStreamId)
    this.writer.goaway(this.#lastAnnouncedId, code)
  }

  #spend(budget: Budget): void {
    if (!budget.take())
      this.#fail(connectionFault(http2Error.enhanceYourCalm, 'Too many frames that cost more than they ask'))
  }

  /** A connection error (RFC 9113 5.4.1): everything under way ends. */
  #fail(fault: Http2Fault): void {
    if (this.#stage === 'closing') return
    const code: FaultCode = fault.code === http2Error.enhanceYourCalm ? 'http2_flood' : 'http2_protocol_error'
    this.connection.door.metrics.fault(code)
    this.#goaway(fault.code)
    this.#stage = 'leaving'
    for (const stream of this.#streams.values()) stream.failed(code)
    this.#close()
  }
}

function idleStream(): Http2Fault {
  return connectionFault(http2Error.protocolError, 'A frame for a stream that was never opened')
}

function windowTooLarge(): Http2Fault {
  return connectionFault(http2Error.flowControlError, 'A window beyond 2^31-1')
}
