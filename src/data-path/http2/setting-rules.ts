import { http2Setting, windowBytesMax } from './frame-type.ts'
import { connectionFault, type Http2Fault, http2Error } from './http2-fault.ts'

/** Whether a client may send this value (RFC 9113 6.5.2, RFC 8441 3). Unknown parameters are ignored. */
export function judgeSetting(id: number, value: number): Http2Fault | undefined {
  switch (id) {
    case http2Setting.enablePush:
    case http2Setting.enableConnectProtocol:
      return value <= 1 ? undefined : outOfRange(http2Error.protocolError, id)
    case http2Setting.initialWindowSize:
      return value <= windowBytesMax ? undefined : outOfRange(http2Error.flowControlError, id)
    case http2Setting.maxFrameSize:
      return value >= 16_384 && value <= 16_777_215 ? undefined : outOfRange(http2Error.protocolError, id)
    default:
      return undefined
  }
}

function outOfRange(code: number, id: number): Http2Fault {
  return connectionFault(code, `Setting ${id} is out of its range`)
}
