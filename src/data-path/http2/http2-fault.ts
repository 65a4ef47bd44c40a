/** Error codes of RST_STREAM and GOAWAY (RFC 9113 7). */
export const http2Error = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const

/**
 * Why a stream or a whole connection is ended (RFC 9113 5.4), as a value. `streamId` 0: the connection ends with GOAWAY.
 * `code` is one of `http2Error`. `detail` is for logs: it quotes no field value, path or query.
 */
export type Http2Fault = { readonly code: number; readonly streamId: number; readonly detail: string }

/** A fault that ends the connection (RFC 9113 5.4.1). */
export function connectionFault(code: number, detail: string): Http2Fault {
  return { code, streamId: 0, detail }
}
