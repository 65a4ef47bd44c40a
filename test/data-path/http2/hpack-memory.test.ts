// Goal: a connection remembers its tables and nothing more: no field block and no head of an answer stays alive through a slice of it.
// Method: many connections see one large block or head each; what the heap holds afterwards is far less than those together.
import v8 from 'node:v8'
import vm from 'node:vm'
import t from 'tap'
import { HpackDecoder } from '../../../src/data-path/http2/hpack-decoder.ts'
import { HpackEncoder } from '../../../src/data-path/http2/hpack-encoder.ts'
import { hexBytes } from './hpack-lists.ts'

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

const connections = 400
const largeBytes = 50_000
const limits = { headBytesMax: 1_000_000, headFieldsMax: 100 }

function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

t.test('a decoder keeps entries, not blocks', async (t) => {
  const large = Buffer.concat([hexBytes('00 01 62 7f d18503'), Buffer.alloc(largeBytes, 0x78)])
  const kept = hexBytes(`40 46 ${'61'.repeat(70)} 14 ${'62'.repeat(20)}`)
  const ownName = (at: number) =>
    Buffer.concat([hexBytes('00 14'), Buffer.from(String(at).padStart(20, 'c')), hexBytes('01 63')])
  const before = heapBytes()
  const decoders = Array.from({ length: connections }, (_, at) => {
    const decoder = new HpackDecoder({ tableBytesMax: 4_096 })
    const list = decoder.decode(Buffer.concat([large, kept, ownName(at)]), limits)
    if ('code' in list || list.fields[0]?.value.length !== largeBytes) throw new Error('The block was not read')
    return decoder
  })
  const perConnection = (heapBytes() - before) / connections
  t.comment(`${Math.round(perConnection)} bytes a connection`)
  t.ok(perConnection < largeBytes / 5, `${perConnection} bytes`)
  t.equal(decoders.length, connections)
})

t.test('an encoder keeps entries, not heads', async (t) => {
  const before = heapBytes()
  const encoders = Array.from({ length: connections }, (_, at) => {
    const head = Buffer.from(
      `${`X-Name-Of-Field-${at}`.padEnd(24)}${'value of a field'.padEnd(40, '.')}${'x'.repeat(largeBytes)}`,
    )
    const text = head.toString('latin1')
    const encoder = new HpackEncoder()
    encoder.encode(200, [text.slice(0, 24).trimEnd(), text.slice(24, 64), 'content-type', text.slice(24, 64)])
    return encoder
  })
  const perConnection = (heapBytes() - before) / connections
  t.comment(`${Math.round(perConnection)} bytes a connection`)
  t.ok(perConnection < largeBytes / 5, `${perConnection} bytes`)
  t.equal(encoders.length, connections)
})
