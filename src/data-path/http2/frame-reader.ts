import { judgeFrame } from './frame-rules.ts'
import type { FrameSink } from './frame-sink.ts'
import { frameFlag, frameHeadBytes, frameType } from './frame-type.ts'
import { HeaderBlock } from './header-block.ts'
import { connectionFault, type Http2Fault, http2Error } from './http2-fault.ts'
import { judgeSetting } from './setting-rules.ts'

export type { FrameSink } from './frame-sink.ts'

/** Bounds of what is read and kept. */
export type FrameLimits = {
  /** Our SETTINGS_MAX_FRAME_SIZE. Unit: bytes of payload. Range 16384 to 16777215. */
  readonly frameBytesMax: number
  /** Largest field block made of more than one frame. Unit: bytes as received. */
  readonly blockBytesMax: number
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const nothing = Buffer.alloc(0)

/**
 * Reads the frames a client sends (RFC 9113 3.4, 4, 6), the preface first, from bytes in pieces of any size. At any time it keeps at most
 * one frame that is not DATA, and one field block.
 *
 * States: in the preface; between frames, with the beginning of a frame's head in `#head`; in the payload of a frame that is
 * not DATA, with its beginning in `#payload`; in the payload of a DATA frame, of which nothing is kept; stopped.
 */
export class FrameReader {
  readonly #limits: FrameLimits
  readonly #block: HeaderBlock
  #stopped = false
  #prefaceBytes = 0
  #settingsSeen = false

  #head = nothing
  #headBytes = 0
  #length = 0
  #type = 0
  #flags = 0
  #streamId = 0

  #payload: Buffer | undefined
  #payloadBytes = 0

  #inData = false
  #padLengthDue = false
  #dataBytes = 0
  #dataLeft = 0
  #paddingLeft = 0

  constructor(limits: FrameLimits) {
    this.#limits = limits
    this.#block = new HeaderBlock(limits.blockBytesMax)
  }

  /**
   * Reads on. A fault ends the connection: what is fed after it is ignored. Faults: PROTOCOL_ERROR, FRAME_SIZE_ERROR,
   * FLOW_CONTROL_ERROR, ENHANCE_YOUR_CALM.
   */
  feed(bytes: Buffer, sink: FrameSink): Http2Fault | undefined {
    const fault = this.#read(bytes, sink)
    if (fault !== undefined) this.stop()
    return fault
  }

  /** No more calls of the sink, also from a `feed` under way: the connection ends. */
  stop(): void {
    this.#stopped = true
    this.#payload = undefined
    this.#block.clear()
  }

  #read(bytes: Buffer, sink: FrameSink): Http2Fault | undefined {
    const end = bytes.length
    let at = 0
    if (this.#prefaceBytes < preface.length) {
      at = this.#readPreface(bytes)
      if (at < 0) return connectionFault(http2Error.protocolError, 'The connection does not begin with the preface')
    }
    while (at < end && !this.#stopped) {
      if (this.#inData) {
        if (this.#padLengthDue) {
          const fault = this.#readPadLength(bytes[at++] as number)
          if (fault !== undefined) return fault
        }
        at = this.#readData(bytes, at, sink)
        continue
      }
      if (this.#payload !== undefined) {
        at += this.#fillPayload(bytes, at)
        if (this.#payloadBytes < this.#length) return undefined
        const payload = this.#payload
        this.#payload = undefined
        const fault = this.#take(payload, 0, sink)
        if (fault !== undefined) return fault
        continue
      }
      const after = this.#readHead(bytes, at)
      if (after < 0) return undefined
      at = after
      const fault = this.#judgeHead() ?? this.#begin(bytes, at, sink)
      if (fault !== undefined) return fault
      if (!this.#inData && this.#payload === undefined) at += this.#length
    }
    return undefined
  }

  /** Returns the place after what belongs to the preface, or -1 if something else stands there. */
  #readPreface(bytes: Buffer): number {
    const from = this.#prefaceBytes
    const count = Math.min(preface.length - from, bytes.length)
    if (preface.compare(bytes, 0, count, from, from + count) !== 0) return -1
    this.#prefaceBytes += count
    return count
  }

  /** Reads a frame's head (RFC 9113 4.1). Returns the place after it, or -1 while it is incomplete. */
  #readHead(bytes: Buffer, at: number): number {
    if (this.#headBytes === 0 && bytes.length - at >= frameHeadBytes) {
      this.#parseHead(bytes, at)
      return at + frameHeadBytes
    }
    if (this.#head === nothing) this.#head = Buffer.alloc(frameHeadBytes)
    const count = Math.min(frameHeadBytes - this.#headBytes, bytes.length - at)
    bytes.copy(this.#head, this.#headBytes, at, at + count)
    this.#headBytes += count
    if (this.#headBytes < frameHeadBytes) return -1
    this.#headBytes = 0
    this.#parseHead(this.#head, 0)
    return at + count
  }

  #parseHead(bytes: Buffer, at: number): void {
    this.#length = bytes.readUIntBE(at, 3)
    this.#type = bytes[at + 3] as number
    this.#flags = bytes[at + 4] as number
    this.#streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff
  }

  #judgeHead(): Http2Fault | undefined {
    const type = this.#type
    if (!this.#settingsSeen) {
      if (type !== frameType.settings || (this.#flags & frameFlag.ack) !== 0) {
        return connectionFault(http2Error.protocolError, 'The first frame is not SETTINGS')
      }
      this.#settingsSeen = true
    }
    if (this.#length > this.#limits.frameBytesMax) {
      return connectionFault(http2Error.frameSizeError, `A frame is longer than ${this.#limits.frameBytesMax} bytes`)
    }
    const openStreamId = this.#block.streamId
    if (openStreamId !== 0 && (type !== frameType.continuation || this.#streamId !== openStreamId)) {
      return connectionFault(http2Error.protocolError, 'A field block is interrupted by another frame')
    }
    if (openStreamId === 0 && type === frameType.continuation) {
      return connectionFault(http2Error.protocolError, 'CONTINUATION without HEADERS before it')
    }
    return judgeFrame(type, this.#streamId, { flags: this.#flags, length: this.#length })
  }

  /** A frame's payload begins at `at`. Keeps the beginning if `bytes` do not hold all of it. */
  #begin(bytes: Buffer, at: number, sink: FrameSink): Http2Fault | undefined {
    if (this.#type === frameType.data) {
      this.#beginData(sink)
      return undefined
    }
    if (bytes.length - at >= this.#length) return this.#take(bytes, at, sink)
    this.#payload = Buffer.allocUnsafeSlow(this.#length)
    this.#payloadBytes = 0
    return undefined
  }

  /** Returns how many bytes were taken. */
  #fillPayload(bytes: Buffer, at: number): number {
    const count = Math.min(this.#length - this.#payloadBytes, bytes.length - at)
    bytes.copy(this.#payload as Buffer, this.#payloadBytes, at, at + count)
    this.#payloadBytes += count
    return count
  }

  #beginData(sink: FrameSink): void {
    this.#inData = true
    this.#padLengthDue = (this.#flags & frameFlag.padded) !== 0
    this.#dataBytes = this.#length
    this.#dataLeft = this.#length
    this.#paddingLeft = 0
    sink.dataFrame(this.#streamId, this.#length)
    if (this.#length === 0) this.#endData(sink)
  }

  #readPadLength(padLength: number): Http2Fault | undefined {
    this.#padLengthDue = false
    this.#dataBytes = this.#length - 1 - padLength
    if (this.#dataBytes < 0) return connectionFault(http2Error.protocolError, 'DATA has more padding than payload')
    this.#dataLeft = this.#dataBytes
    this.#paddingLeft = padLength
    return undefined
  }

  /** Hands on what there is of a DATA frame's payload. Returns the place after it. */
  #readData(bytes: Buffer, start: number, sink: FrameSink): number {
    let at = start
    const count = Math.min(this.#dataLeft, bytes.length - at)
    if (count > 0) {
      this.#dataLeft -= count
      sink.data(this.#streamId, bytes.subarray(at, at + count))
      at += count
    }
    if (this.#dataLeft > 0) return at
    const padding = Math.min(this.#paddingLeft, bytes.length - at)
    this.#paddingLeft -= padding
    if (this.#paddingLeft === 0) this.#endData(sink)
    return at + padding
  }

  #endData(sink: FrameSink): void {
    this.#inData = false
    if (this.#stopped) return
    if ((this.#flags & frameFlag.endStream) !== 0) sink.dataEnd(this.#streamId)
    else if (this.#dataBytes === 0) sink.idleFrame(frameType.data)
  }

  /** Takes a frame that is not DATA, whose whole payload stands in `bytes` from `at`. Its head was judged. */
  #take(bytes: Buffer, at: number, sink: FrameSink): Http2Fault | undefined {
    const streamId = this.#streamId
    switch (this.#type) {
      case frameType.headers:
      case frameType.continuation:
        return this.#takeFields(bytes, at, sink)
      case frameType.priority:
        if ((bytes.readUInt32BE(at) & 0x7fffffff) === streamId) return dependsOnItself()
        sink.idleFrame(frameType.priority)
        return undefined
      case frameType.rstStream:
        sink.rstStream(streamId, bytes.readUInt32BE(at))
        return undefined
      case frameType.settings:
        return this.#takeSettings(bytes, at, sink)
      case frameType.ping: {
        const payload = bytes.subarray(at, at + 8)
        if ((this.#flags & frameFlag.ack) !== 0) sink.pingAck(payload)
        else sink.ping(payload)
        return undefined
      }
      case frameType.goaway:
        sink.goaway(bytes.readUInt32BE(at) & 0x7fffffff, bytes.readUInt32BE(at + 4))
        return undefined
      case frameType.windowUpdate:
        return takeWindowUpdate(streamId, bytes.readUInt32BE(at) & 0x7fffffff, sink)
      default:
        sink.idleFrame(this.#type)
        return undefined
    }
  }

  /** RFC 9113 6.2, 6.10. */
  #takeFields(bytes: Buffer, start: number, sink: FrameSink): Http2Fault | undefined {
    const flags = this.#flags
    let at = start
    let end = start + this.#length
    const first = this.#type === frameType.headers
    if (first) {
      if ((flags & frameFlag.padded) !== 0) {
        end -= bytes[at] as number
        at += 1
      }
      if ((flags & frameFlag.priority) !== 0) {
        if (end - at >= 5 && (bytes.readUInt32BE(at) & 0x7fffffff) === this.#streamId) return dependsOnItself()
        at += 5
      }
      if (at > end) return connectionFault(http2Error.protocolError, 'HEADERS has more padding than payload')
    }
    const fragment = bytes.subarray(at, end)
    const complete = (flags & frameFlag.endHeaders) !== 0
    if (first && complete) {
      sink.headerBlock(this.#streamId, fragment, (flags & frameFlag.endStream) !== 0)
      return undefined
    }
    if (first) this.#block.begin(this.#streamId, (flags & frameFlag.endStream) !== 0)
    const fault = this.#block.add(fragment)
    if (fault !== undefined || !complete) return fault
    const endStream = this.#block.endStream
    sink.headerBlock(this.#streamId, this.#block.finish(), endStream)
    return undefined
  }

  /** RFC 9113 6.5. */
  #takeSettings(bytes: Buffer, start: number, sink: FrameSink): Http2Fault | undefined {
    if ((this.#flags & frameFlag.ack) !== 0) {
      sink.settingsAck()
      return undefined
    }
    const pairs: number[] = []
    for (let at = start; at < start + this.#length; at += 6) {
      const id = bytes.readUInt16BE(at)
      const value = bytes.readUInt32BE(at + 2)
      const fault = judgeSetting(id, value)
      if (fault !== undefined) return fault
      pairs.push(id, value)
    }
    sink.settings(pairs)
    return undefined
  }
}

/** RFC 9113 6.9: an increment of 0 is an error of the stream, or of the connection for its own window. */
function takeWindowUpdate(streamId: number, increment: number, sink: FrameSink): Http2Fault | undefined {
  if (increment > 0) {
    sink.windowUpdate(streamId, increment)
    return undefined
  }
  const fault: Http2Fault = { code: http2Error.protocolError, streamId, detail: 'WINDOW_UPDATE by 0' }
  if (streamId === 0) return fault
  sink.streamFault(fault)
  return undefined
}

// RFC 7540 5.3.1 makes it an error of the stream, which may be treated as one of the connection: no client does this by accident.
function dependsOnItself(): Http2Fault {
  return connectionFault(http2Error.protocolError, 'A stream depends on itself')
}
