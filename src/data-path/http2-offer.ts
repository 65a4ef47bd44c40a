import type { Limits } from '../config/gateway-config.ts'
import { http2Setting } from './http2/frame-type.ts'
import type { HpackLimits } from './http2/hpack-decoder.ts'

/** Our SETTINGS (RFC 9113 6.5.2, RFC 8441 3): identifier, value, identifier, value… What is not in it keeps its default. */
export function offeredSettings(limits: Limits): readonly number[] {
  return [
    ...[http2Setting.maxConcurrentStreams, limits.http2StreamsMax],
    ...[http2Setting.initialWindowSize, limits.http2StreamWindowBytes],
    ...[http2Setting.maxHeaderListSize, limits.headBytesMax],
    ...[http2Setting.enableConnectProtocol, 1],
  ]
}

/** Bounds of the trailers of a request; heads have their own. */
export function trailerLimits({ trailerBytesMax, headFieldsMax }: Limits): HpackLimits {
  return { headBytesMax: trailerBytesMax, headFieldsMax }
}
