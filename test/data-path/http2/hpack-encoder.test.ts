// Goal: answers are encoded so that a decoder reads the same, short where fields repeat, and secrets stay out of the table.
// Method: encode and decode; look at the bytes where the form matters; node:http2 as the other side is in http2-differential.test.ts.
import t from 'tap'
import { HpackDecoder } from '../../../src/data-path/http2/hpack-decoder.ts'
import { HpackEncoder } from '../../../src/data-path/http2/hpack-encoder.ts'
import { createRandom } from '../../fuzz/random.ts'
import { decoded } from './hpack-lists.ts'

function pair(tableBytesMax = 4_096): { encoder: HpackEncoder; decoder: HpackDecoder } {
  return { encoder: new HpackEncoder(), decoder: new HpackDecoder({ tableBytesMax }) }
}

const answer = [
  ...['Server', 'Sekisho', 'Content-Type', 'text/html; charset=utf-8', 'Cache-Control', 'no-store'],
  ...['X-Frame-Options', 'DENY', 'Date', 'Tue, 07 Oct 2025 10:00:00 GMT', 'content-length', '1834'],
  ...['Strict-Transport-Security', 'max-age=31536000', 'Set-Cookie', 'session=4f3a9c1e; Secure'],
]
const lowered = answer.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))

t.test('names are lower case, values as they are, and :status comes first', async (t) => {
  const { encoder, decoder } = pair()
  t.strictSame(decoded(decoder, encoder.encode(200, answer)), [':status', '200', ...lowered])
  t.strictSame(decoded(decoder, encoder.encode(undefined, ['X-Sum', 'abc'])), ['x-sum', 'abc'])
  t.strictSame(decoded(decoder, encoder.encode(undefined, [])), [])
})

t.test('the same answer again is one byte a field, but for secrets', async (t) => {
  const { encoder, decoder } = pair()
  for (let round = 0; round < 2; round++) decoded(decoder, encoder.encode(200, answer))
  const third = encoder.encode(200, answer)
  t.strictSame(decoded(decoder, third), [':status', '200', ...lowered])
  // :status and seven fields, then Set-Cookie: two bytes of index, one of length, its value.
  t.equal(third.length, 8 + 3 + 'session=4f3a9c1e; Secure'.length)
})

t.test('every status, common and not', async (t) => {
  const { encoder, decoder } = pair()
  for (const status of [200, 204, 206, 304, 400, 404, 500, 100, 103, 301, 302, 403, 431, 503, 599, 302, 302]) {
    t.strictSame(decoded(decoder, encoder.encode(status, [])), [':status', String(status)])
  }
  t.equal(encoder.encode(302, []).length, 1)
})

t.test('RFC 7541 7.1.3: secrets are never indexed and say so', async (t) => {
  const { encoder, decoder } = pair()
  for (const name of ['set-cookie', 'Set-Cookie', 'authorization', 'www-authenticate', 'x-csrf-token']) {
    for (let round = 0; round < 3; round++) {
      const block = encoder.encode(undefined, [name, 'value'])
      t.equal((block[0] as number) & 0xf0, 0x10, name)
      t.strictSame(decoded(decoder, block), [name.toLowerCase(), 'value'])
    }
  }
  t.equal(decoded(decoder, Buffer.from('be', 'hex')), 'An index points to no entry')
})

t.test('a value that changes each time does not fill the table', async (t) => {
  const { encoder, decoder } = pair()
  for (let round = 0; round < 300; round++) {
    const fields = ['server', 'Sekisho', 'etag', `"${round}"`, 'x-request-id', `${round * 7919}`]
    t.strictSame(decoded(decoder, encoder.encode(200, fields)), [':status', '200', ...fields])
  }
  // Server is there still, and of the others only the name that the static table lacks.
  t.strictSame(decoded(decoder, Buffer.from('bebf', 'hex')), ['x-request-id', '0', 'server', 'Sekisho'])
  t.type(decoded(decoder, Buffer.from('c0', 'hex')), 'string')
})

t.test('the client’s table size is kept to, and a change of it is said first (4.2)', async (t) => {
  const { encoder } = pair()
  encoder.encode(200, answer)
  encoder.resize(0)
  encoder.resize(100)
  const block = encoder.encode(200, answer)
  t.equal(block.toString('hex', 0, 3), '203f45', 'the smallest size, then the last')
  const small = new HpackDecoder({ tableBytesMax: 100 })
  t.strictSame(decoded(small, block), [':status', '200', ...lowered])
  t.strictSame(decoded(small, encoder.encode(200, answer)), [':status', '200', ...lowered])

  const none = new HpackEncoder()
  none.resize(0)
  const unindexed = new HpackDecoder({ tableBytesMax: 0 })
  for (let round = 0; round < 3; round++) {
    t.strictSame(decoded(unindexed, none.encode(200, answer)), [':status', '200', ...lowered])
  }

  const large = new HpackEncoder()
  large.resize(65_536)
  t.equal(large.encode(200, []).toString('hex'), '88', 'more than 4096 bytes are not used, so nothing changes')
})

t.test('random answers with a table that turns over are read as they were meant', async (t) => {
  const wrong: string[] = []
  for (let seed = 1; seed <= 20; seed++) {
    const random = createRandom(seed)
    const tableBytes = random.pick([64, 200, 500, 4_096])
    const { encoder, decoder } = pair(tableBytes)
    encoder.resize(tableBytes)
    const names = Array.from({ length: 40 }, (_, at) =>
      at % 3 === 0 ? `X-Name-${at}` : random.pick(lowered.filter((_, n) => n % 2 === 0)),
    )
    for (let round = 0; round < 200; round++) {
      const fields: string[] = []
      for (let count = random.integer(12); count > 0; count--) {
        const bytes = Array.from(
          { length: random.integer(random.pick([4, 60, 400])) },
          () => 0x21 + random.integer(220),
        )
        fields.push(random.pick(names), random.chance(0.6) ? `v${random.integer(4)}` : String.fromCharCode(...bytes))
      }
      const expected = [':status', '200', ...fields.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))]
      const found = decoded(decoder, encoder.encode(200, fields), { headBytesMax: 1e6, headFieldsMax: 100 })
      if (JSON.stringify(found) !== JSON.stringify(expected)) wrong.push(`seed ${seed}, round ${round}`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('names made up by an application, more than are remembered, stay right', async (t) => {
  const { encoder, decoder } = pair()
  const wrong: number[] = []
  for (let round = 0; round < 5_000; round++) {
    const fields = [`X-Made-Up-${round}`, 'v', 'Server', 'Sekisho']
    const lower = [`x-made-up-${round}`, 'v', 'server', 'Sekisho']
    const found = decoded(decoder, encoder.encode(undefined, fields))
    if (JSON.stringify(found) !== JSON.stringify(lower)) wrong.push(round)
  }
  t.strictSame(wrong, [])
})
