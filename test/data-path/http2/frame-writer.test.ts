// Goal: what is written is what RFC 9113 6 says, and one write carries many frames. Method: bytes compared with frames written out, and
// read back where a frame is divided.
import t from 'tap'
import { FrameWriter } from '../../../src/data-path/http2/frame-writer.ts'
import { rawFrame } from './recorded-sink.ts'

t.test('every frame the gateway sends', async (t) => {
  const writer = new FrameWriter()
  t.equal(writer.take(), undefined)
  const payload = Buffer.from('0102030405060708', 'hex')
  writer.settings([3, 100, 4, 0x7fffffff])
  writer.settingsAck()
  writer.ping(payload)
  writer.pingAck(payload)
  writer.goaway(0x7fffffff, 0)
  writer.rstStream(5, 8)
  writer.windowUpdate(0, 0x7fffffff)
  writer.windowUpdate(7, 1)
  writer.headers(Buffer.from('88', 'hex'), { streamId: 0x7fffffff, endStream: false })
  writer.headers(Buffer.from('89', 'hex'), { streamId: 9, endStream: true })
  writer.data(9, Buffer.from('abc'), false)
  writer.data(9, Buffer.alloc(0), true)
  const expected = Buffer.concat([
    rawFrame({ type: 4, payload: '0003 00000064 0004 7fffffff' }),
    rawFrame({ type: 4, flags: 1 }),
    rawFrame({ type: 6, payload }),
    rawFrame({ type: 6, flags: 1, payload }),
    rawFrame({ type: 7, payload: '7fffffff 00000000' }),
    rawFrame({ type: 3, streamId: 5, payload: '00000008' }),
    rawFrame({ type: 8, payload: '7fffffff' }),
    rawFrame({ type: 8, streamId: 7, payload: '00000001' }),
    rawFrame({ type: 1, flags: 4, streamId: 0x7fffffff, payload: '88' }),
    rawFrame({ type: 1, flags: 5, streamId: 9, payload: '89' }),
    rawFrame({ type: 0, streamId: 9, payload: Buffer.from('abc') }),
    rawFrame({ type: 0, flags: 1, streamId: 9 }),
  ])
  t.equal(writer.length, expected.length)
  t.equal(writer.take()?.toString('hex'), expected.toString('hex'))
  t.equal(writer.length, 0)
  t.equal(writer.take(), undefined)
})

t.test('payloads larger than the client takes are divided', async (t) => {
  const writer = new FrameWriter()
  const block = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index & 0xff))
  writer.headers(block, { streamId: 1, endStream: true })
  writer.data(1, block, true)
  writer.frameBytesMax = 65_536
  writer.data(1, block, false)
  const parts = [block.subarray(0, 16_384), block.subarray(16_384, 32_768), block.subarray(32_768)]
  const expected = Buffer.concat([
    ...parts.map((payload, at) =>
      rawFrame({ type: at === 0 ? 1 : 9, flags: [1, 0, 4][at] ?? 0, streamId: 1, payload }),
    ),
    ...parts.map((payload, at) => rawFrame({ type: 0, flags: at === 2 ? 1 : 0, streamId: 1, payload })),
    rawFrame({ type: 0, streamId: 1, payload: block }),
  ])
  t.ok(writer.take()?.equals(expected))
})

t.test('what was taken is the taker’s: later frames do not touch it', async (t) => {
  const writer = new FrameWriter()
  writer.data(1, Buffer.from('first'), false)
  const taken = writer.take() as Buffer
  const before = Buffer.from(taken)
  writer.data(1, Buffer.from('other'), false)
  t.ok(taken.equals(before))
  t.equal(writer.take()?.toString('latin1', 9), 'other')
})
