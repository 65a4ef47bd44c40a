// Goal: the Huffman code of RFC 7541 appendix B, both ways, and every wrong ending refused (5.2).
// Method: strings of appendix C, each symbol's code from the table, all bytes round and round, endings written out bit by bit.
import t from 'tap'
import { codeLengths, codes, endOfString } from '../../../src/data-path/http2/huffman-code.ts'
import { decodeHuffman } from '../../../src/data-path/http2/huffman-decode.ts'
import { encodeHuffman, huffmanBytes } from '../../../src/data-path/http2/huffman-encode.ts'
import { createRandom } from '../../fuzz/random.ts'

const examples: readonly (readonly [text: string, hex: string])[] = [
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['302', '6402'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ['https://www.example.com', '9d29ad171863c78f0b97c8e9ae82ae43d3'],
  [
    'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ],
  ['', ''],
]

function encoded(text: string): Buffer {
  const target = Buffer.alloc(huffmanBytes(text) + 1, 0x55)
  const end = encodeHuffman(text, target, 0)
  if (end !== target.length - 1 || target[end] !== 0x55) throw new Error(`${end} bytes instead of ${target.length - 1}`)
  return target.subarray(0, end)
}

/** A string of 0 and 1 as bytes, filled with ones. */
function bits(text: string): Buffer {
  const filled = text.padEnd(Math.ceil(text.length / 8) * 8, '1')
  return Buffer.from(
    Array.from({ length: filled.length / 8 }, (_, at) => Number.parseInt(filled.slice(at * 8, at * 8 + 8), 2)),
  )
}

function codeOf(symbol: number): string {
  return (codes[symbol] as number).toString(2).padStart(codeLengths[symbol] as number, '0')
}

const decode = (bytes: Buffer) => decodeHuffman(bytes, 0, bytes.length)

t.test('the strings of appendix C', async (t) => {
  for (const [text, hex] of examples) {
    t.equal(encoded(text).toString('hex'), hex, text)
    t.equal(decode(Buffer.from(hex, 'hex')), text)
  }
})

t.test('codes of appendix B, one of each length', async (t) => {
  const rows: readonly (readonly [symbol: number, code: number, length: number])[] = [
    [48, 0x0, 5],
    [32, 0x14, 6],
    [58, 0x5c, 7],
    [38, 0xf8, 8],
    [33, 0x3f8, 10],
    [39, 0x7fa, 11],
    [35, 0xffa, 12],
    [0, 0x1ff8, 13],
    [94, 0x3ffc, 14],
    [60, 0x7ffc, 15],
    [92, 0x7fff0, 19],
    [128, 0xfffe6, 20],
    [153, 0x1fffdc, 21],
    [129, 0x3fffd2, 22],
    [1, 0x7fffd8, 23],
    [9, 0xffffea, 24],
    [199, 0x1ffffec, 25],
    [192, 0x3ffffe0, 26],
    [203, 0x7ffffde, 27],
    [2, 0xfffffe2, 28],
    [10, 0x3ffffffc, 30],
    [endOfString, 0x3fffffff, 30],
  ]
  for (const [symbol, code, length] of rows) {
    t.strictSame([codes[symbol], codeLengths[symbol]], [code, length], `symbol ${symbol}`)
  }
})

t.test('every byte, alone, doubled, and among others', async (t) => {
  const wrong: string[] = []
  for (let symbol = 0; symbol < 256; symbol++) {
    const one = String.fromCharCode(symbol)
    for (const text of [one, one + one, `a${one}z`, `${one}0`, `~${one}`]) {
      if (decode(encoded(text)) !== text) wrong.push(`symbol ${symbol}`)
    }
  }
  const random = createRandom(7541)
  for (let round = 0; round < 2_000; round++) {
    const high = random.chance(0.5) ? 256 : 127
    const text = String.fromCharCode(...Array.from({ length: random.integer(200) }, () => random.integer(high)))
    if (decode(encoded(text)) !== text) wrong.push(`round ${round}`)
  }
  t.strictSame(wrong, [])
  t.equal(decode(encoded('a'.repeat(100_000)))?.length, 100_000)
})

t.test('a part of a larger buffer is read and nothing around it', async (t) => {
  const bytes = Buffer.concat([Buffer.from('ffff', 'hex'), encoded('no-cache'), Buffer.from('0000', 'hex')])
  t.equal(decodeHuffman(bytes, 2, 8), 'no-cache')
})

t.test('wrong endings and EOS are refused', async (t) => {
  const a = codeOf(97)
  t.equal(decode(bits(a)), 'a')
  t.equal(decode(bits(`${codeOf(38)}`)), '&')
  const wrong: readonly (readonly [what: string, bits: string])[] = [
    ['8 bits of padding', `${codeOf(38)}11111111`],
    ['padding of a whole byte alone', '11111111'],
    ['11 bits of padding', `${a}11111111111`],
    ['padding with a 0', `${a}110`],
    ['padding of zeros', `${a}000`],
    ['EOS', codeOf(endOfString)],
    ['EOS after a symbol', a + codeOf(endOfString)],
    ['EOS before a symbol', `${codeOf(endOfString)}${a}11111`],
    ['a long code cut off', codeOf(10).slice(0, 24)],
    ['a long code cut off after a symbol', a + codeOf(2).slice(0, 27)],
    ['30 ones and more', '1'.repeat(40)],
  ]
  for (const [what, text] of wrong) t.equal(decode(bits(text)), undefined, what)
})
