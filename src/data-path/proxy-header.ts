import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/** Where a forwarded connection came from. */
export type ProxySource = {
  /** As `plainAddress` writes it: IPv6 as in RFC 5952, IPv4 in its own form even where it was sent mapped into IPv6. */
  readonly address: string
  readonly port: number
}

/** A complete header. */
export type ProxyHeader = {
  /** Undefined: the balancer speaks for itself (LOCAL), or does not say (UNKNOWN, UNSPEC, unix); the connection's own address counts. */
  readonly source: ProxySource | undefined
  /** Length of the header; what the client itself sent begins behind it. */
  readonly byteLength: number
}

/** Bytes that are no header and can never become one. The text says why, and holds nothing of them but numbers. */
export type MalformedProxyHeader = { readonly malformed: string }

/**
 * Most bytes a header may have. Version 1 allows 107 by itself. Version 2 could announce 64 KiB; the largest fields that
 * balancers add are the client's certificate or its names, so 4 KiB is ample, and a connection not judged yet holds no more.
 */
export const proxyHeaderBytesMax = 4_096

const lineBytesMax = 107
const lineStart = Buffer.from('PROXY ', 'latin1')
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const fixedBytes = 16
const checksumType = 3

/**
 * Reads a PROXY protocol header, version 1 or 2 (haproxy.org, proxy-protocol.txt), at the beginning of a connection.
 *
 * `incomplete`: more bytes are needed; never with `proxyHeaderBytesMax` bytes or more. Whatever differs from the specification is
 * malformed at the first byte that shows it, because the sender is a machine that was configured to speak it.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | MalformedProxyHeader | 'incomplete' {
  if (startsWith(bytes, lineStart)) return bytes.length < lineStart.length ? 'incomplete' : parseLine(bytes)
  if (startsWith(bytes, signature)) return bytes.length < fixedBytes ? incompleteBlock(bytes) : parseBlock(bytes)
  return { malformed: 'the connection begins with no header' }
}

/** Whether the bytes so far are those the other begins with. */
function startsWith(bytes: Buffer, expected: Buffer): boolean {
  const length = Math.min(bytes.length, expected.length)
  return bytes.compare(expected, 0, length, 0, length) === 0
}

/** Version 1: one line of text. */
function parseLine(bytes: Buffer): ProxyHeader | MalformedProxyHeader | 'incomplete' {
  const end = bytes.subarray(0, lineBytesMax).indexOf('\r\n')
  if (end < 0) return bytes.length < lineBytesMax ? 'incomplete' : { malformed: 'the line is too long' }
  const line = bytes.toString('latin1', lineStart.length, end)
  const byteLength = end + 2
  // Behind UNKNOWN the specification has everything up to the end of the line ignored.
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return { source: undefined, byteLength }
  const [protocol, from = '', to = '', fromPort = '', toPort = '', ...more] = line.split(' ')
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return { malformed: 'the protocol of the line is unknown' }
  if (more.length > 0) return { malformed: 'the line has too many parts' }
  const isAddress = protocol === 'TCP4' ? isIPv4 : isPlainIpv6
  if (!isAddress(from) || !isAddress(to)) return { malformed: 'an address of the line is none' }
  if (!isPort(fromPort) || !isPort(toPort)) return { malformed: 'a port of the line is none' }
  const address = protocol === 'TCP4' ? from : canonicalIpv6(from)
  return { source: { address, port: Number(fromPort) }, byteLength }
}

function isPlainIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

/** One client has one address, however it was written: limits and lists compare text. */
function canonicalIpv6(text: string): string {
  const { address } = new SocketAddress({ address: text, family: 'ipv6' })
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** Signature seen, fixed part not complete: the version can be told already. */
function incompleteBlock(bytes: Buffer): MalformedProxyHeader | 'incomplete' {
  return bytes.length > signature.length ? (versionFault(bytes) ?? 'incomplete') : 'incomplete'
}

function versionFault(bytes: Buffer): MalformedProxyHeader | undefined {
  const versionAndCommand = bytes.readUInt8(12)
  if (versionAndCommand >> 4 !== 2) return { malformed: `the version is ${versionAndCommand >> 4}` }
  const command = versionAndCommand & 15
  return command > 1 ? { malformed: `the command is ${command}` } : undefined
}

/** Families of version 2 that may stand in a TCP header, with the length of their addresses. */
const addressBytesOf: ReadonlyMap<number, number> = new Map([
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
])
const ipv4Stream = 0x11
const ipv6Stream = 0x21

/** Version 2: a binary block whose fixed part is complete. */
function parseBlock(bytes: Buffer): ProxyHeader | MalformedProxyHeader | 'incomplete' {
  const fault = versionFault(bytes)
  if (fault !== undefined) return fault
  const byteLength = fixedBytes + bytes.readUInt16BE(14)
  if (byteLength > proxyHeaderBytesMax) return { malformed: `the header has ${byteLength} bytes` }
  if (bytes.length < byteLength) return 'incomplete'
  const block = bytes.subarray(0, byteLength)
  const isLocal = (block.readUInt8(12) & 15) === 0
  const family = block.readUInt8(13)
  // The sender's own connections, and what it cannot describe: the specification has the whole rest ignored.
  if (isLocal || family === 0) return { source: undefined, byteLength }
  const addressBytes = addressBytesOf.get(family)
  if (addressBytes === undefined) return { malformed: `the family and protocol is ${family}` }
  if (byteLength < fixedBytes + addressBytes) return { malformed: 'the header is shorter than its addresses' }
  const typesFault = checkTypes(block, fixedBytes + addressBytes)
  return typesFault ?? { source: sourceOf(block, family), byteLength }
}

function sourceOf(block: Buffer, family: number): ProxySource | undefined {
  if (family === ipv4Stream) {
    return { address: block.subarray(16, 20).join('.'), port: block.readUInt16BE(24) }
  }
  if (family !== ipv6Stream) return undefined
  const groups = Array.from({ length: 8 }, (_, group) => block.readUInt16BE(16 + group * 2).toString(16))
  return { address: canonicalIpv6(groups.join(':')), port: block.readUInt16BE(48) }
}

/** The type-length-value fields behind the addresses must fill the header exactly; a checksum among them must be right. */
function checkTypes(block: Buffer, start: number): MalformedProxyHeader | undefined {
  let checksumAt: number | undefined
  for (let at = start; at < block.length; ) {
    if (at + 3 > block.length) return { malformed: 'a field behind the addresses is cut off' }
    const length = block.readUInt16BE(at + 1)
    const valueAt = at + 3
    if (valueAt + length > block.length) return { malformed: 'a field behind the addresses is longer than the header' }
    if (block.readUInt8(at) === checksumType) {
      if (length !== 4 || checksumAt !== undefined) return { malformed: 'the checksum is not one field of four bytes' }
      checksumAt = valueAt
    }
    at = valueAt + length
  }
  if (checksumAt === undefined || checksumOf(block, checksumAt) === block.readUInt32BE(checksumAt)) return undefined
  return { malformed: 'the checksum is wrong' }
}

/** CRC-32C (RFC 9260, appendix A) of the header with its four bytes at `checksumAt` taken as zeros. */
function checksumOf(block: Buffer, checksumAt: number): number {
  let remainder = 0xffffffff
  for (const [at, byte] of block.entries()) {
    remainder ^= at >= checksumAt && at < checksumAt + 4 ? 0 : byte
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0)
  }
  return ~remainder >>> 0
}
