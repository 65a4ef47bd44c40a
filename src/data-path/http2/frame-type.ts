/** Frame types (RFC 9113 6). */
export const frameType = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  rstStream: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  ping: 0x6,
  goaway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const

/** Flags of frames (RFC 9113 6); which of them mean something depends on the type. */
export const frameFlag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const

/** Bytes of a frame before its payload (RFC 9113 4.1). */
export const frameHeadBytes = 9

/** Parameters of SETTINGS (RFC 9113 6.5.2, RFC 8441 3). */
export const http2Setting = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
} as const

/** Largest flow-control window (RFC 9113 6.9.1). Unit: bytes. */
export const windowBytesMax = 0x7fffffff
