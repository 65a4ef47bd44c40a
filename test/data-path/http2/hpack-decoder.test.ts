// Goal: field blocks are decoded as RFC 7541 says, the table in step whatever comes, and every malformed block refused.
// Method: the examples of appendix C written out; each malformed form as bytes; limits at their edges.
import t from 'tap'
import { HpackDecoder } from '../../../src/data-path/http2/hpack-decoder.ts'
import { http2Error } from '../../../src/data-path/http2/http2-fault.ts'
import { decoded, hexBytes, listLimits } from './hpack-lists.ts'

function decoderOf(tableBytesMax = 4_096): HpackDecoder {
  return new HpackDecoder({ tableBytesMax })
}

const requests: readonly string[][] = [
  [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
  [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com', 'cache-control', 'no-cache'],
  [
    ':method',
    'GET',
    ':scheme',
    'https',
    ':path',
    '/index.html',
    ':authority',
    'www.example.com',
    'custom-key',
    'custom-value',
  ],
]
const date21 = 'Mon, 21 Oct 2013 20:13:21 GMT'
const date22 = 'Mon, 21 Oct 2013 20:13:22 GMT'
const location = 'https://www.example.com'
const setCookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'
const responses: readonly string[][] = [
  [':status', '302', 'cache-control', 'private', 'date', date21, 'location', location],
  [':status', '307', 'cache-control', 'private', 'date', date21, 'location', location],
  [
    ...[':status', '200', 'cache-control', 'private', 'date', date22, 'location', location],
    ...['content-encoding', 'gzip', 'set-cookie', setCookie],
  ],
]

t.test('C.2: each form of a field', async (t) => {
  const forms: readonly (readonly [hex: string, name: string, value: string, indexed: boolean])[] = [
    ['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', 'custom-key', 'custom-header', true],
    ['040c 2f73 616d 706c 652f 7061 7468', ':path', '/sample/path', false],
    ['1008 7061 7373 776f 7264 0673 6563 7265 74', 'password', 'secret', false],
    ['82', ':method', 'GET', false],
  ]
  for (const [hex, name, value, indexed] of forms) {
    const decoder = decoderOf()
    t.strictSame(decoded(decoder, hexBytes(hex)), [name, value])
    t.strictSame(decoded(decoder, hexBytes('be')), indexed ? [name, value] : 'An index points to no entry', name)
  }
})

t.test('C.3 and C.4: requests, without and with Huffman', async (t) => {
  const plain = [
    '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '8286 84be 5808 6e6f 2d63 6163 6865',
    '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
  ]
  const coded = [
    '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    '8286 84be 5886 a8eb 1064 9cbf',
    '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
  ]
  for (const blocks of [plain, coded]) {
    const decoder = decoderOf()
    t.strictSame(
      blocks.map((hex) => decoded(decoder, hexBytes(hex))),
      requests,
    )
  }
})

t.test('C.5 and C.6: responses with evictions from a table of 256 bytes', async (t) => {
  const plain = [
    `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54
     6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d`,
    '4803 3330 37c1 c0bf',
    `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
     6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
     2076 6572 7369 6f6e 3d31`,
  ]
  const coded = [
    `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
     8f0b 97c8 e9ae 82ae 43d3`,
    '4883 640e ffc1 c0bf',
    `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
     dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
  ]
  for (const blocks of [plain, coded]) {
    const decoder = decoderOf(256)
    t.strictSame(
      blocks.map((hex) => decoded(decoder, hexBytes(hex))),
      responses,
    )
    // C.5.3: what is in the table afterwards, newest first.
    t.strictSame(decoded(decoder, hexBytes('be bf c0')), [
      ...['set-cookie', setCookie, 'content-encoding', 'gzip', 'date', date22],
    ])
    t.type(decoded(decoder, hexBytes('c1')), 'string')
  }
})

t.test('malformed blocks', async (t) => {
  const wrong: readonly (readonly [what: string, hex: string])[] = [
    ['6.1 index 0', '80'],
    ['2.3.3 index beyond the static table while the dynamic one is empty', 'be'],
    ['2.3.3 name index beyond the tables', '7e0161'],
    ['5.1 integer cut off in its prefix', 'ff'],
    ['5.1 integer cut off later', 'ff8080'],
    ['5.1 integer of too many bytes', 'ff8080808001'],
    ['5.1 integer with endless zeros', '7f8080808080808080808000'],
    ['5.1 length near 2^35', '007f80808080ff7f'],
    ['5.2 no value', '0001 61'],
    ['5.2 no name', '00'],
    ['5.2 value longer than the block', '0001 61 05 6162'],
    ['5.2 name longer than the block', '00 0a 61'],
    ['5.2 Huffman with EOS', '0001 61 84 ffffffff'],
    ['5.2 Huffman with 8 bits of padding', '0001 61 82 f8ff'],
    ['5.2 Huffman padded with zeros', '0001 61 81 18'],
    ['5.2 Huffman name with wrong padding', '00 81 18 01 61'],
    ['4.2 size update after a field', '82 20'],
    ['4.2 three size updates', '20 20 20 82'],
    ['6.3 size update above the setting', '3fe21f 82'],
    ['6.3 size update cut off', '3f'],
  ]
  for (const [what, hex] of wrong) {
    t.match(decoderOf().decode(hexBytes(hex), listLimits), { code: http2Error.compressionError, streamId: 0 }, what)
  }
})

t.test('5.1: integers of one byte and of more', async (t) => {
  const value = 'v'.repeat(300)
  const block = Buffer.concat([hexBytes('00 01 61 7f ad01'), Buffer.from(value)])
  t.strictSame(decoded(decoderOf(), block), ['a', value])
  t.equal(decoded(decoderOf(), hexBytes('ff8080808001')), 'An integer is too large')
  t.equal(decoded(decoderOf(), hexBytes('ff80808001')), 'An index points to no entry')
  // 1337, the example of C.1.2, as the size of a table.
  t.strictSame(decoded(decoderOf(), hexBytes('3f9a0a 82')), [':method', 'GET'])
  t.type(decoded(decoderOf(1_336), hexBytes('3f9a0a 82')), 'string')
})

t.test(
  '4.2, 4.3: a size update evicts; 0 and back empties the table; an entry larger than the table does too',
  async (t) => {
    const first = '40 01 61 01 31'
    const second = '40 01 62 01 32'
    const decoder = decoderOf()
    t.strictSame(decoded(decoder, hexBytes(`${first}${second} be bf`)), ['a', '1', 'b', '2', 'b', '2', 'a', '1'])
    // 34 bytes an entry: 67 leave room for one.
    t.strictSame(decoded(decoder, hexBytes('3f24 be')), ['b', '2'])
    t.type(decoded(decoder, hexBytes('bf')), 'string')

    const emptied = decoderOf()
    decoded(emptied, hexBytes(first))
    t.strictSame(decoded(emptied, hexBytes('20 3fe11f')), [])
    t.type(decoded(emptied, hexBytes('be')), 'string')

    const small = decoderOf(40)
    t.strictSame(decoded(small, hexBytes(first)), ['a', '1'])
    t.strictSame(decoded(small, hexBytes('be 40 01 63 08 3131313131313131')), ['a', '1', 'c', '11111111'])
    t.type(decoded(small, hexBytes('be')), 'string')
  },
)

t.test('4.4: a new entry may take its name from one that it evicts', async (t) => {
  const decoder = decoderOf(34)
  t.strictSame(decoded(decoder, hexBytes('40 01 61 01 31')), ['a', '1'])
  t.strictSame(decoded(decoder, hexBytes('7e 01 32 be')), ['a', '2', 'a', '2'])
})

t.test('the table turns over many times and stays in step', async (t) => {
  const decoder = decoderOf(34 * 3)
  for (let round = 0; round < 1_000; round++) {
    const value = String(round % 10)
    const block = Buffer.concat([hexBytes('40 01 61 01'), Buffer.from(value), hexBytes('be')])
    t.strictSame(decoded(decoder, block), ['a', value, 'a', value])
  }
  t.strictSame(decoded(decoder, hexBytes('be bf c0')), ['a', '9', 'a', '8', 'a', '7'])
  t.type(decoded(decoder, hexBytes('c1')), 'string')
})

t.test('a table full of the smallest entries ends where it ends', async (t) => {
  const decoder = decoderOf()
  decoded(decoder, Buffer.concat(Array.from({ length: 128 }, () => hexBytes('400000'))), {
    headBytesMax: 0,
    headFieldsMax: 0,
  })
  // The index of the oldest: 61 and 128 are 127 and 62.
  t.strictSame(decoded(decoder, hexBytes('ff3e')), ['', ''])
  t.equal(decoded(decoder, hexBytes('ff3f')), 'An index points to no entry')
})

t.test('a list that is too large is read to its end: the next one is right', async (t) => {
  // RFC 9113 6.5.2: name, value and 32.
  const block = hexBytes('40 01 61 01 31 40 01 62 01 32')
  const at = (headBytesMax: number, headFieldsMax: number) => {
    const decoder = decoderOf()
    const list = decoder.decode(block, { headBytesMax, headFieldsMax })
    t.strictSame(decoded(decoder, hexBytes('be bf')), ['b', '2', 'a', '1'])
    return 'tooLarge' in list && list.tooLarge
  }
  t.equal(at(68, 2), false)
  t.equal(at(67, 2), true)
  t.equal(at(68, 1), true)
})

t.test('a small block cannot become a large list: one entry, referred to ten thousand times', async (t) => {
  const decoder = decoderOf()
  const value = Buffer.alloc(4_000, 0x61)
  decoder.decode(Buffer.concat([hexBytes('40 01 61 7f a11e'), value]), listLimits)
  const list = decoder.decode(Buffer.alloc(10_000, 0xbe), listLimits)
  t.match(list, { tooLarge: true })
  t.equal('fields' in list && list.fields.length, 4)
})

t.test('Cookie crumbs count as one field, and in bytes each', async (t) => {
  const crumbs = Buffer.concat(Array.from({ length: 10 }, () => hexBytes('0f11 01 61')))
  t.equal((decoded(decoderOf(), crumbs, { headBytesMax: 390, headFieldsMax: 1 }) as string[]).length, 20)
  t.match(decoderOf().decode(crumbs, { headBytesMax: 389, headFieldsMax: 1 }), { tooLarge: true })
})
