// Goal: a PROXY header is read exactly as the specification has it, whole or in parts, and nothing else passes for one.
// Method: tables of good and bad headers of both versions; every beginning of a good one; every bit of a checked one turned round.
import t from 'tap'
import { parseProxyHeader, proxyHeaderBytesMax } from '../../src/data-path/proxy-header.ts'
import { badHeaders, block, checkedHeader, goodHeaders, ipv4Hex, signatureHex } from './proxy-samples.ts'

t.test('good headers', async (t) => {
  for (const [what, bytes, address, port] of goodHeaders) {
    const source = address === undefined ? undefined : { address, port }
    t.same(parseProxyHeader(bytes), { source, byteLength: bytes.length }, what)
    const more = Buffer.concat([bytes, Buffer.from('160301', 'hex')])
    t.same(parseProxyHeader(more), { source, byteLength: bytes.length }, `${what}, and a ClientHello behind it`)
  }
})

t.test('every beginning of a good header is incomplete', async (t) => {
  for (const [what, bytes] of goodHeaders) {
    const early = []
    for (let length = 0; length < bytes.length; length++) {
      if (parseProxyHeader(bytes.subarray(0, length)) !== 'incomplete') early.push(length)
    }
    t.same(early, [], what)
  }
})

t.test('bad headers are malformed, whatever comes behind them', async (t) => {
  for (const [what, bytes] of badHeaders) {
    const header = parseProxyHeader(bytes)
    t.ok(header !== 'incomplete' && 'malformed' in header, `${what}: ${JSON.stringify(header)}`)
    t.same(parseProxyHeader(Buffer.concat([bytes, Buffer.alloc(5_000, 0x0a)])), header, `${what}, and more`)
  }
})

t.test('what begins wrong is told at the first wrong byte', async (t) => {
  for (const [what, hex] of [
    ['the first byte', '16'],
    ['a line', Buffer.from('PROXX').toString('hex')],
    ['the signature', '0d0a0d0a000d0a515549540d'],
    ['the version', `${signatureHex}11`],
    ['the command', `${signatureHex}22`],
  ] as const) {
    const bytes = Buffer.from(hex, 'hex')
    t.equal(parseProxyHeader(bytes.subarray(0, -1)), 'incomplete', what)
    t.type(parseProxyHeader(bytes), 'object', what)
  }
})

t.test('nothing is incomplete that is as long as the longest header', async (t) => {
  const line = Buffer.from('PROXY UNKNOWN '.padEnd(proxyHeaderBytesMax, 'x'))
  t.type(parseProxyHeader(line), 'object')
  for (const length of [proxyHeaderBytesMax - 15, 40_000, 0xffff]) {
    const bytes = Buffer.concat([block(0x21, 0x11, ipv4Hex, length), Buffer.alloc(proxyHeaderBytesMax)])
    t.type(parseProxyHeader(bytes.subarray(0, proxyHeaderBytesMax)), 'object', `${length} announced`)
  }
})

t.test('a turned bit is found by the checksum', async (t) => {
  const passed: number[] = []
  for (let bit = 0; bit < checkedHeader.length * 8; bit++) {
    const turned = Buffer.from(checkedHeader)
    const at = bit >> 3
    turned.writeUInt8(turned.readUInt8(at) ^ (1 << (bit & 7)), at)
    const header = parseProxyHeader(turned)
    if (header !== 'incomplete' && 'source' in header) passed.push(bit)
  }
  const command = 12 * 8
  const checksumType = Array.from({ length: 8 }, (_, bit) => 28 * 8 + bit)
  t.same(passed, [command, ...checksumType], 'but those that make it LOCAL or the checksum another field')
})
