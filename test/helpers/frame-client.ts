import type { TLSSocket } from 'node:tls'
import { connectDoor, type Doors, nameOfCode } from './http2-client.ts'
import type { RawOptions } from './raw-client.ts'

/** An HTTP/2 client that sends any frames, right or wrong, and shows those that come. Written apart from the product's code. */

/** Frame types of RFC 9113 6. */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

/** Flags; their meaning depends on the type. */
export const frameFlags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const

/** Settings of RFC 9113 6.5.2 and RFC 8441. */
export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  streamsMax: 3,
  initialWindowSize: 4,
  frameSizeMax: 5,
  headerListSizeMax: 6,
  enableConnectProtocol: 8,
} as const

export type Frame = {
  /** One of `frameTypes`, or any other number. */
  readonly type: number
  readonly flags?: number
  readonly streamId?: number
  readonly payload?: Buffer
}

export type Fields = readonly (readonly [name: string, value: string])[]

export const clientPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const waitMs = 10_000

/** A frame's bytes. `length` lies about the payload's. */
export function writeFrame(
  { type, flags = 0, streamId = 0, payload = Buffer.alloc(0) }: Frame,
  length?: number,
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length ?? payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

/** A SETTINGS payload. */
export function settingsPayload(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6)
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6)
    payload.writeUInt32BE(value, index * 6 + 2)
  })
  return payload
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A header block of literals that are never indexed, without Huffman codes (RFC 7541 6.2.3): any bytes, right or wrong. */
export function headerBlock(fields: Fields): Buffer {
  const text = (value: string) => Buffer.concat([hpackInteger(Buffer.byteLength(value, 'latin1'), 7), latin1(value)])
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0x10), text(name), text(value)]))
}

/** An integer with a prefix of so many bits (RFC 7541 5.1); the bits above it are 0. */
export function hpackInteger(value: number, prefixBits: number): Buffer {
  const limit = 2 ** prefixBits - 1
  if (value < limit) return Buffer.of(value)
  const bytes = [limit]
  let rest = value - limit
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Fields of a plain GET. */
export function requestFields(path = '/', more: Fields = []): Fields {
  return [[':method', 'GET'], [':scheme', 'https'], [':authority', 'localhost'], [':path', path], ...more]
}

/** A frame as it came. */
export type ReceivedFrame = Required<Frame>

export class FrameClient {
  readonly socket: TLSSocket
  /** Every frame that came, in order. */
  readonly frames: ReceivedFrame[] = []
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>
  #ended = false
  #held: Buffer = Buffer.alloc(0)
  #read = 0
  #changed: (() => void)[] = []

  /**
   * Connects and, unless `silent`, sends the preface and SETTINGS without a header table: the gateway's header blocks then
   * hold no references to earlier ones. SETTINGS and PING of the gateway are not acknowledged by themselves.
   */
  static async connect(gateway: Doors, options: RawOptions & { readonly silent?: boolean } = {}): Promise<FrameClient> {
    const { socket } = await connectDoor(gateway, { ...options, protocols: ['h2'] })
    const client = new FrameClient(socket)
    if (options.silent === true) return client
    client.send(clientPreface)
    return client.frame({
      type: frameTypes.settings,
      payload: settingsPayload([
        [settingIds.headerTableSize, 0],
        [settingIds.enablePush, 0],
      ]),
    })
  }

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes])
      this.#split()
      this.#change()
    })
    const end = () => {
      this.#ended = true
      this.#change()
    }
    socket.on('end', end)
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        end()
        resolve()
      })
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  send(bytes: string | Buffer): this {
    if (!this.socket.destroyed) this.socket.write(typeof bytes === 'string' ? latin1(bytes) : bytes)
    return this
  }

  frame(...frames: Frame[]): this {
    return this.send(Buffer.concat(frames.map((frame) => writeFrame(frame))))
  }

  /** HEADERS that begin a request; the stream is ended unless a body is to follow. */
  request(streamId: number, fields: Fields = requestFields(), { bodyFollows = false } = {}): this {
    const flags = frameFlags.endHeaders | (bodyFollows ? 0 : frameFlags.endStream)
    return this.frame({ type: frameTypes.headers, flags, streamId, payload: headerBlock(fields) })
  }

  data(streamId: number, payload: Buffer, { endStream = false } = {}): this {
    return this.frame({ type: frameTypes.data, flags: endStream ? frameFlags.endStream : 0, streamId, payload })
  }

  /** The next frame, those that were looked for before included in none; rejects when the connection ends before. */
  next(what = 'a frame'): Promise<ReceivedFrame> {
    return this.find(() => true, what)
  }

  /** The next frame that fits, passing over others; rejects when the connection ends before. */
  async find(fits: (frame: ReceivedFrame) => boolean, what = 'such a frame'): Promise<ReceivedFrame> {
    const timeout = AbortSignal.timeout(waitMs)
    for (;;) {
      while (this.#read < this.frames.length) {
        const frame = this.frames[this.#read++] as ReceivedFrame
        if (fits(frame)) return frame
      }
      if (this.#ended || timeout.aborted) {
        const seen = this.frames.map(describeFrame).join(', ')
        throw new Error(`${this.#ended ? 'The connection ended before' : 'There was no'} ${what}; there were: ${seen}`)
      }
      await this.#wait(timeout)
    }
  }

  /** The error code, by name, with which the gateway ends this stream. */
  async resetOf(streamId: number): Promise<string> {
    const frame = await this.find(
      (one) => one.type === frameTypes.resetStream && one.streamId === streamId,
      `RST_STREAM for ${streamId}`,
    )
    return nameOfCode(frame.payload.readUInt32BE(0))
  }

  /** The error code, by name, of the next GOAWAY. */
  async goAway(): Promise<{ readonly code: string; readonly lastStreamId: number; readonly text: string }> {
    const { payload } = await this.find(({ type }) => type === frameTypes.goAway, 'GOAWAY')
    return {
      code: nameOfCode(payload.readUInt32BE(4)),
      lastStreamId: payload.readUInt32BE(0),
      text: payload.toString('latin1', 8),
    }
  }

  /** Status of the final answer on this stream. */
  async statusOf(streamId: number): Promise<number> {
    for (;;) {
      const frame = await this.find(
        (one) => one.type === frameTypes.headers && one.streamId === streamId,
        `HEADERS for ${streamId}`,
      )
      const status = readStatus(frame.payload)
      if (status >= 200) return status
    }
  }

  /** Waits until the gateway has ended the connection. */
  async untilEnd(): Promise<void> {
    const timeout = AbortSignal.timeout(waitMs)
    while (!this.#ended) {
      if (timeout.aborted) throw new Error(`The connection did not end: ${this.frames.map(describeFrame).join(', ')}`)
      await this.#wait(timeout)
    }
  }

  close(): void {
    this.socket.destroy()
  }

  #split(): void {
    for (;;) {
      if (this.#held.length < 9) return
      const length = this.#held.readUIntBE(0, 3)
      if (this.#held.length < 9 + length) return
      this.frames.push({
        type: this.#held[3] as number,
        flags: this.#held[4] as number,
        streamId: this.#held.readUInt32BE(5) & 0x7fff_ffff,
        payload: Buffer.from(this.#held.subarray(9, 9 + length)),
      })
      this.#held = this.#held.subarray(9 + length)
    }
  }

  #change(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }

  #wait(timeout: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#changed.push(resolve)
      timeout.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}

function describeFrame({ type, flags, streamId, payload }: ReceivedFrame): string {
  const name = Object.entries(frameTypes).find(([, known]) => known === type)?.[0] ?? `type ${type}`
  const code = type === frameTypes.resetStream ? ` ${nameOfCode(payload.readUInt32BE(0))}` : ''
  return `${name} (stream ${streamId}, flags ${flags}, ${payload.length} bytes${code})`
}

/** The statuses of the static table (RFC 7541 appendix A), from index 8 on. */
const staticStatuses = [200, 204, 206, 304, 400, 404, 500]

/** `:status`, which is the first field (RFC 9113 8.3), from a block that uses the static table only. */
function readStatus(block: Buffer): number {
  let at = 0
  // A change of the table's size comes before everything else.
  while (((block[at] ?? 0) & 0xe0) === 0x20) at++
  const first = block[at] ?? 0
  if (first >= 0x88 && first < 0x88 + staticStatuses.length) return staticStatuses[first - 0x88] as number
  // A literal named by an index from 8 to 14, in any of its three forms.
  const index = (first & 0xc0) === 0x40 ? first & 0x3f : first & 0x0f
  const length = block[at + 1] ?? 0
  const value = block.subarray(at + 2, at + 2 + (length & 0x7f))
  if (index < 8 || index > 14) throw new Error(`No status at the beginning of ${block.toString('hex')}`)
  return Number(length >= 0x80 ? readHuffmanDigits(value) : value.toString('latin1'))
}

/** Three digits in the Huffman code: 0, 1 and 2 have five bits, the others six (RFC 7541 appendix B). */
function readHuffmanDigits(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let text = ''
  for (let at = 0; text.length < 3; ) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2)
    text += short <= 2 ? short : Number.parseInt(bits.slice(at, at + 6), 2) - 0x16
    at += short <= 2 ? 5 : 6
  }
  return text
}
