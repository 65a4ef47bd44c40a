/** One HTTP/2 frame as the fuzzer writes it; nothing keeps it from being wrong. */
export type Frame = {
  /** 8 bits. */
  readonly type: number
  /** 8 bits. */
  readonly flags: number
  /** 32 bits: the reserved one may be set. */
  readonly streamId: number
  readonly payload: Buffer
  /** Length that the head tells, when it is not the payload's. 24 bits. */
  readonly toldLength?: number
}

/** Frame types by the names of RFC 9113 6. */
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

/** Flags by the names of RFC 9113 6. */
export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const

/** What a client sends first. */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

const headBytes = 9

/** A frame; flags and payload default to none. */
export function frame(type: number, streamId: number, rest: { flags?: number; payload?: Buffer } = {}): Frame {
  return { type, streamId, flags: rest.flags ?? 0, payload: rest.payload ?? Buffer.alloc(0) }
}

/** The frame's bytes. */
export function encodeFrame({ type, flags, streamId, payload, toldLength }: Frame): Buffer {
  const bytes = Buffer.alloc(headBytes + payload.length)
  bytes.writeUIntBE((toldLength ?? payload.length) & 0xffffff, 0, 3)
  bytes[3] = type & 0xff
  bytes[4] = flags & 0xff
  bytes.writeUInt32BE(streamId >>> 0, 5)
  payload.copy(bytes, headBytes)
  return bytes
}

/** A 32-bit number as a payload. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** A SETTINGS payload. */
export function settingsPayload(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.alloc(settings.length * 6)
  for (const [index, [id, value]] of settings.entries()) {
    bytes.writeUInt16BE(id, index * 6)
    bytes.writeUInt32BE(value >>> 0, index * 6 + 2)
  }
  return bytes
}

/** The whole frames at the start of `bytes`, and how many bytes they take. */
export function decodeFrames(bytes: Buffer): { frames: Frame[]; byteLength: number } {
  const frames: Frame[] = []
  let at = 0
  while (at + headBytes <= bytes.length) {
    const end = at + headBytes + bytes.readUIntBE(at, 3)
    if (end > bytes.length) break
    const payload = bytes.subarray(at + headBytes, end)
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff
    frames.push({ type: bytes[at + 3] as number, flags: bytes[at + 4] as number, streamId, payload })
    at = end
  }
  return { frames, byteLength: at }
}
