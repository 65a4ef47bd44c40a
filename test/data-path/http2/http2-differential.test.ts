// Goal: what our codec reads and writes is what another implementation (nghttp2 in node:http2) means and understands; no bytes, however
// broken, make it throw or exceed its bounds.
// Method: node:http2 clients with random fields, tables, padding and bodies against a small server made of the codec; then a session of
// valid bytes, changed at random.
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import t from 'tap'
import { FrameReader } from '../../../src/data-path/http2/frame-reader.ts'
import { FrameWriter } from '../../../src/data-path/http2/frame-writer.ts'
import { HpackDecoder } from '../../../src/data-path/http2/hpack-decoder.ts'
import { HpackEncoder } from '../../../src/data-path/http2/hpack-encoder.ts'
import { readHttp2Head } from '../../../src/data-path/http2/http2-head.ts'
import { createRandom, type Random } from '../../fuzz/random.ts'
import { preface, RecordedSink, rawFrame } from './recorded-sink.ts'

type Exchange = { request: string[]; body: string; trailers: string[]; answer: string[] }

const limits = { headBytesMax: 65_536, headFieldsMax: 200 }

/** Serves one connection: remembers each request in `log` and answers it with what `answerOf` says, its body back, and a trailer. */
class CodecServer extends RecordedSink {
  readonly log = new Map<number, Exchange>()
  readonly #socket: net.Socket
  readonly #random: Random
  readonly #reader = new FrameReader({ frameBytesMax: 16_384, blockBytesMax: 65_536 })
  readonly #decoder = new HpackDecoder({ tableBytesMax: 4_096 })
  readonly #encoder = new HpackEncoder()
  readonly #writer = new FrameWriter()

  constructor(socket: net.Socket, random: Random) {
    super()
    this.#socket = socket
    this.#random = random
    this.#writer.settings([3, 100, 4, 1_000_000, 6, 65_536])
    this.#writer.windowUpdate(0, 10_000_000)
    socket.on('data', (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + random.integer(random.pick([5, 50, 20_000]))
        const fault = this.#reader.feed(bytes.subarray(at, end), this)
        if (fault !== undefined) throw new Error(fault.detail)
        at = end
      }
      const output = this.#writer.take()
      if (output !== undefined) socket.write(output)
    })
    socket.on('error', () => socket.destroy())
  }

  override settings(pairs: readonly number[]): void {
    for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === 1) this.#encoder.resize(pairs[at + 1] as number)
    this.#writer.settingsAck()
  }

  override headerBlock(streamId: number, block: Buffer, endStream: boolean): void {
    const list = this.#decoder.decode(block, limits)
    if ('code' in list) throw new Error(list.detail)
    const fields = list.fields.flatMap(({ name, value }) => [name.text, value])
    const open = this.log.get(streamId)
    if (open === undefined) this.log.set(streamId, { request: fields, body: '', trailers: [], answer: [] })
    else open.trailers = fields
    if (endStream) this.dataEnd(streamId)
  }

  override data(streamId: number, chunk: Buffer): void {
    const open = this.log.get(streamId) as Exchange
    open.body += chunk.toString('latin1')
  }

  override dataEnd(streamId: number): void {
    const open = this.log.get(streamId) as Exchange
    open.answer = randomFields(this.#random)
    this.#writer.headers(this.#encoder.encode(200 + (streamId % 3), open.answer), { streamId, endStream: false })
    this.#writer.data(streamId, Buffer.from(open.body, 'latin1'), false)
    this.#writer.headers(this.#encoder.encode(undefined, ['X-Sum', String(open.body.length)]), {
      streamId,
      endStream: true,
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

const names = [
  'accept',
  'User-Agent',
  'etag',
  'X-One',
  'x-two',
  'cache-control',
  'Authorization',
  'x-a-rather-long-name-of-a-field',
]

/** Fields with different names, as node:http2 gives them back one by one. */
function randomFields(random: Random): string[] {
  const fields: string[] = []
  for (const name of names) {
    if (random.chance(0.4)) continue
    const length = random.pick([0, 3, 20, 200, random.chance(0.05) ? 20_000 : 30])
    const characters = Array.from({ length }, () => 0x21 + random.integer(0x5e))
    fields.push(name, random.chance(0.5) ? `steady ${name}` : String.fromCharCode(...characters))
  }
  return fields
}

function asObject(fields: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (let at = 0; at < fields.length; at += 2) found[(fields[at] as string).toLowerCase()] = fields[at + 1] as string
  return found
}

type Reply = { headers: Record<string, unknown>; trailers: Record<string, unknown>; body: string }

async function ask(client: http2.ClientHttp2Session, fields: readonly string[], body: string): Promise<Reply> {
  const stream = client.request(
    { ':method': 'POST', ':path': '/x', ...asObject(fields) },
    { endStream: false, waitForTrailers: true },
  )
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }))
  stream.end(body)
  const reply: Reply = { headers: {}, trailers: {}, body: '' }
  stream.on('response', (headers) => Object.assign(reply.headers, headers))
  stream.on('trailers', (trailers) => Object.assign(reply.trailers, trailers))
  stream.on('data', (chunk: Buffer) => {
    reply.body += chunk.toString('latin1')
  })
  await once(stream, 'close')
  return reply
}

async function converse(seed: number): Promise<{ wanted: unknown[]; found: unknown[] }> {
  const random = createRandom(seed)
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const client = http2.connect(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`, {
    settings: { headerTableSize: random.pick([0, 100, 4_096, 65_536]) },
    paddingStrategy: random.pick([http2.constants.PADDING_STRATEGY_NONE, http2.constants.PADDING_STRATEGY_MAX]),
    maxSendHeaderBlockLength: 200_000,
  })
  const codec = new CodecServer((await accepted)[0], random)
  const wanted: unknown[] = []
  const found: unknown[] = []
  for (let round = 0; round < 8; round++) {
    const requests = Array.from({ length: 4 }, () => ({
      fields: randomFields(random),
      body: 'b'.repeat(random.integer(40_000)),
    }))
    const replies = await Promise.all(requests.map(({ fields, body }) => ask(client, fields, body)))
    for (const [at, { fields, body }] of requests.entries()) {
      const streamId = 1 + 2 * (round * 4 + at)
      const exchange = codec.log.get(streamId) as Exchange
      const { ':status': status, ...headers } = replies[at]?.headers ?? {}
      wanted.push({ ...asObject(fields), ':path': '/x' }, body, { 'x-end': 'yes' })
      const { ':method': _, ':scheme': __, ':authority': ___, ...received } = asObject(exchange.request)
      found.push(received, exchange.body, asObject(exchange.trailers))
      wanted.push(200 + (streamId % 3), asObject(exchange.answer), body, { 'x-sum': String(body.length) })
      found.push(status, headers, replies[at]?.body, replies[at]?.trailers)
    }
  }
  client.destroy()
  codec.close()
  server.close()
  return { wanted, found }
}

t.test('node:http2 clients and our codec understand each other', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const { wanted, found } = await converse(seed)
    t.equal(found.length, 8 * 4 * 7)
    for (const [at, value] of wanted.entries()) {
      if (JSON.stringify(sorted(found[at])) !== JSON.stringify(sorted(value)))
        t.strictSame(found[at], value, `seed ${seed}`)
    }
  }
})

function sorted(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).sort() : value
}

/** Bytes of a valid session: several requests with bodies, continuations and what else clients send. */
function validSession(random: Random): Buffer {
  const writer = new FrameWriter()
  const encoder = new HpackEncoder()
  writer.settings([1, 4_096, 4, 65_535])
  for (let streamId = 1; streamId < 12; streamId += 2) {
    const fields = [':method', 'POST', ':scheme', 'https', ':authority', 'bank.example', ':path', '/a']
    writer.frameBytesMax = random.pick([10, 200, 16_384])
    const all = [...fields, ...randomFields(random).filter((text) => text.length < 1_000)]
    writer.headers(encoder.encode(undefined, all.length % 2 === 0 ? all : fields), { streamId, endStream: false })
    writer.data(streamId, Buffer.alloc(random.integer(300)), true)
    writer.windowUpdate(streamId, 1 + random.integer(1_000))
    if (random.chance(0.3)) writer.ping(Buffer.alloc(8))
    if (random.chance(0.2)) writer.rstStream(streamId, 8)
  }
  return Buffer.concat([preface, writer.take() as Buffer, rawFrame({ type: 0xbe, payload: 'abcdef' })])
}

t.test('changed bytes never throw, and nothing exceeds its bound', { timeout: 60_000 }, async (t) => {
  const headLimits = { headBytesMax: 2_000, headFieldsMax: 20, targetBytesMax: 200, knownMethods: new Set(['POST']) }
  const blockBytesMax = 1_000
  let accepted = 0
  let faults = 0
  let heads = 0
  const exceeded: string[] = []
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = createRandom(seed)
    const bytes = validSession(random)
    for (let changes = random.integer(4); changes > 0; changes--) {
      bytes[preface.length + random.integer(bytes.length - preface.length)] = random.integer(256)
    }
    const reader = new FrameReader({ frameBytesMax: 16_384, blockBytesMax })
    const decoder = new HpackDecoder({ tableBytesMax: 4_096 })
    const sink = Object.assign(new RecordedSink(), {
      headerBlock: (_streamId: number, block: Buffer, endStream: boolean) => {
        if (block.length > 16_384) exceeded.push(`seed ${seed}: a block of ${block.length} bytes`)
        const list = decoder.decode(block, headLimits)
        if ('code' in list) {
          faults++
          reader.stop()
          return
        }
        const listBytes = list.fields.reduce((sum, { name, value }) => sum + name.text.length + value.length + 32, 0)
        if (listBytes > headLimits.headBytesMax) exceeded.push(`seed ${seed}: a list of ${listBytes} bytes`)
        if (!('fault' in readHttp2Head(list, headLimits, endStream))) heads++
      },
    })
    let fault: unknown
    for (let at = 0; at < bytes.length && fault === undefined; ) {
      const end = at + 1 + random.integer(random.pick([4, 100, 2_000]))
      fault = reader.feed(bytes.subarray(at, end), sink)
      at = end
    }
    if (fault === undefined) accepted++
    else faults++
  }
  t.strictSame(exceeded, [])
  t.comment(`${accepted} sessions read to their end, ${faults} faults, ${heads} heads`)
  t.ok(accepted > 500, 'enough was accepted')
  t.ok(faults > 500, 'enough was refused')
  t.ok(heads > 3_000, 'enough heads were read')
})
