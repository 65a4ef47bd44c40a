import { frameFlag, frameType } from './frame-type.ts'
import { connectionFault, type Http2Fault, http2Error } from './http2-fault.ts'

/** The rest of a frame's head. */
export type FrameShape = { readonly flags: number; readonly length: number }

/**
 * What RFC 9113 6 says of a frame by its head alone: whether it belongs to a stream, and how long it may be. Every fault is one of the
 * connection.
 */
export function judgeFrame(type: number, streamId: number, shape: FrameShape): Http2Fault | undefined {
  switch (type) {
    case frameType.data:
      return onStream(streamId, 'DATA') ?? atLeast(shape.length, prefixBytes(shape.flags & frameFlag.padded), 'DATA')
    case frameType.headers:
      if ((streamId & 1) === 0) return wrong('HEADERS on a stream that no client can open')
      return atLeast(shape.length, prefixBytes(shape.flags), 'HEADERS')
    case frameType.priority:
      return onStream(streamId, 'PRIORITY') ?? exactly(shape.length, 5, 'PRIORITY')
    case frameType.rstStream:
      return onStream(streamId, 'RST_STREAM') ?? exactly(shape.length, 4, 'RST_STREAM')
    case frameType.settings:
      return onConnection(streamId, 'SETTINGS') ?? judgeSettingsLength(shape)
    case frameType.pushPromise:
      return wrong('PUSH_PROMISE from a client')
    case frameType.ping:
      return onConnection(streamId, 'PING') ?? exactly(shape.length, 8, 'PING')
    case frameType.goaway:
      return onConnection(streamId, 'GOAWAY') ?? atLeast(shape.length, 8, 'GOAWAY')
    case frameType.windowUpdate:
      return exactly(shape.length, 4, 'WINDOW_UPDATE')
    default:
      return undefined
  }
}

function judgeSettingsLength({ flags, length }: FrameShape): Http2Fault | undefined {
  if ((flags & frameFlag.ack) !== 0) return exactly(length, 0, 'An acknowledgement of SETTINGS')
  return length % 6 === 0 ? undefined : wrongLength('SETTINGS')
}

/** Bytes that the flags promise at the beginning of the payload: the pad length, and the fields of priority. */
function prefixBytes(flags: number): number {
  return ((flags & frameFlag.padded) !== 0 ? 1 : 0) + ((flags & frameFlag.priority) !== 0 ? 5 : 0)
}

function onStream(streamId: number, name: string): Http2Fault | undefined {
  return streamId === 0 ? wrong(`${name} on stream 0`) : undefined
}

function onConnection(streamId: number, name: string): Http2Fault | undefined {
  return streamId === 0 ? undefined : wrong(`${name} on a stream`)
}

function exactly(length: number, bytes: number, name: string): Http2Fault | undefined {
  return length === bytes ? undefined : wrongLength(name)
}

function atLeast(length: number, bytesMin: number, name: string): Http2Fault | undefined {
  return length >= bytesMin ? undefined : wrongLength(name)
}

function wrong(detail: string): Http2Fault {
  return connectionFault(http2Error.protocolError, detail)
}

function wrongLength(name: string): Http2Fault {
  return connectionFault(http2Error.frameSizeError, `${name} has a wrong length`)
}
