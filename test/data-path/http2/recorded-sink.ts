import { FrameReader, type FrameSink } from '../../../src/data-path/http2/frame-reader.ts'
import type { Http2Fault } from '../../../src/data-path/http2/http2-fault.ts'

/** One call of a sink: the method's name, then what it was told; bytes as hex. */
export type FrameEvent = readonly (string | number | boolean)[]

/** A sink that remembers. Pieces of data that follow each other are one event, so that cuts make no difference. */
export class RecordedSink implements FrameSink {
  readonly events: FrameEvent[] = []
  #piece: [string, number, string] | undefined

  dataFrame(streamId: number, payloadBytes: number): void {
    this.#add('dataFrame', streamId, payloadBytes)
  }
  data(streamId: number, chunk: Buffer): void {
    const hex = chunk.toString('hex')
    if (this.#piece?.[1] === streamId) {
      this.#piece[2] += hex
      return
    }
    this.#piece = ['data', streamId, hex]
    this.events.push(this.#piece)
  }
  dataEnd(streamId: number): void {
    this.#add('dataEnd', streamId)
  }
  headerBlock(streamId: number, block: Buffer, endStream: boolean): void {
    this.#add('headerBlock', streamId, block.toString('hex'), endStream)
  }
  rstStream(streamId: number, code: number): void {
    this.#add('rstStream', streamId, code)
  }
  settings(pairs: readonly number[]): void {
    this.#add('settings', ...pairs)
  }
  settingsAck(): void {
    this.#add('settingsAck')
  }
  ping(payload: Buffer): void {
    this.#add('ping', payload.toString('hex'))
  }
  pingAck(payload: Buffer): void {
    this.#add('pingAck', payload.toString('hex'))
  }
  goaway(lastStreamId: number, code: number): void {
    this.#add('goaway', lastStreamId, code)
  }
  windowUpdate(streamId: number, increment: number): void {
    this.#add('windowUpdate', streamId, increment)
  }
  idleFrame(type: number): void {
    this.#add('idleFrame', type)
  }
  streamFault({ streamId, code }: Http2Fault): void {
    this.#add('streamFault', streamId, code)
  }

  #add(...event: FrameEvent): void {
    this.#piece = undefined
    this.events.push(event)
  }
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** An empty SETTINGS frame. */
export const noSettings = Buffer.from('000000040000000000', 'hex')

export type RawFrame = {
  readonly type: number
  readonly flags?: number
  readonly streamId?: number
  readonly payload?: Uint8Array | string
}

/** A frame as bytes, right or wrong. A payload that is text is hex. */
export function rawFrame({ type, flags = 0, streamId = 0, payload = '' }: RawFrame): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload.replaceAll(' ', ''), 'hex') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, body])
}

/** What a new reader makes of these pieces after the preface and an empty SETTINGS. */
export function readFrames(
  pieces: readonly Uint8Array[],
  limits: { blockBytesMax?: number } = {},
): { events: FrameEvent[]; fault: Http2Fault | undefined } {
  const reader = new FrameReader({ frameBytesMax: 16_384, blockBytesMax: 16_384, ...limits })
  const sink = new RecordedSink()
  reader.feed(Buffer.concat([preface, noSettings]), sink)
  let fault: Http2Fault | undefined
  for (const piece of pieces) fault ??= reader.feed(Buffer.from(piece), sink)
  return { events: sink.events.slice(1), fault }
}
