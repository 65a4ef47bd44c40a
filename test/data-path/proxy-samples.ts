import { proxyHeaderBytesMax } from '../../src/data-path/proxy-header.ts'

/** Headers of the PROXY protocol, good and bad, for the parser by itself and for its comparison with HAProxy's. */

/** What version 2 begins with. */
export const signatureHex = '0d0a0d0a000d0a515549540a'
/** From 192.0.2.7:56324 to 198.51.100.1:443. */
export const ipv4Hex = 'c0000207 c6336401 dc04 01bb'
const ipv6Hex = '20010db8000000000000000000000007 20010db8000000000000000000000001 dc04 01bb'
/** A header as HAProxy 2.6 sent it, with the checksum as its only further field. */
export const checkedHeader = block(0x21, 0x11, `${ipv4Hex} 030004 548e28ff`)

function line(text: string): Buffer {
  return Buffer.from(`${text}\r\n`, 'latin1')
}

/** Version 2; the length is that of what follows unless another is given. */
export function block(versionAndCommand: number, family: number, hex: string, length?: number): Buffer {
  const rest = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const fixed = Buffer.alloc(4)
  fixed.writeUInt8(versionAndCommand, 0)
  fixed.writeUInt8(family, 1)
  fixed.writeUInt16BE(length ?? rest.length, 2)
  return Buffer.concat([Buffer.from(signatureHex, 'hex'), fixed, rest])
}

const unixHex = '2f'.repeat(216)

/** Complete headers and whom they name; no address: the connection's own counts. */
export const goodHeaders: readonly (readonly [
  what: string,
  bytes: Buffer,
  address: string | undefined,
  port?: number,
])[] = [
  ['TCP4', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443'), '192.0.2.7', 56324],
  ['TCP4 with extreme ports', line('PROXY TCP4 255.255.255.255 0.0.0.0 0 65535'), '255.255.255.255', 0],
  ['TCP6', line('PROXY TCP6 2001:db8::7 2001:db8::1 56324 443'), '2001:db8::7', 56324],
  ['TCP6 not in its shortest form', line('PROXY TCP6 2001:DB8:0:0::7 ::1 1 2'), '2001:db8::7', 1],
  ['TCP6 with a mapped address', line('PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 2'), '192.0.2.7', 1],
  ['TCP6 with a mapped address in hex', line('PROXY TCP6 0:0:0:0:0:FFFF:C000:0207 ::1 1 2'), '192.0.2.7', 1],
  [
    'the longest TCP6',
    line(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535`),
    `${'ffff:'.repeat(7)}ffff`,
    65535,
  ],
  ['UNKNOWN', line('PROXY UNKNOWN'), undefined],
  ['UNKNOWN with anything behind it', line('PROXY UNKNOWN what ever 1 \t 2'), undefined],
  ['the longest line', line(`PROXY UNKNOWN ${'x'.repeat(91)}`), undefined],
  ['LOCAL', block(0x20, 0, ''), undefined],
  ['LOCAL with addresses that are to be ignored', block(0x20, 0x11, ipv4Hex), undefined],
  ['LOCAL with a family nobody knows', block(0x20, 0xff, '01'), undefined],
  ['UNSPEC', block(0x21, 0, ''), undefined],
  ['UNSPEC with fields', block(0x21, 0, 'e00001ff'), undefined],
  ['IPv4', block(0x21, 0x11, ipv4Hex), '192.0.2.7', 56324],
  ['IPv6', block(0x21, 0x21, ipv6Hex), '2001:db8::7', 56324],
  [
    'IPv6 with a mapped address',
    block(0x21, 0x21, `${'00'.repeat(10)}ffffc0000207 ${'00'.repeat(16)} 0001 0002`),
    '192.0.2.7',
    1,
  ],
  ['unix', block(0x21, 0x31, unixHex), undefined],
  [
    'fields behind the addresses, empty ones too',
    block(0x21, 0x11, `${ipv4Hex} 040000 020003 616263 e00000`),
    '192.0.2.7',
    56324,
  ],
  ['a right checksum', checkedHeader, '192.0.2.7', 56324],
  ['the longest', block(0x21, 0x11, `${ipv4Hex} 04 0fe1 ${'00'.repeat(proxyHeaderBytesMax - 31)}`), '192.0.2.7', 56324],
]

/** Complete or hopeless ones that must not pass. */
export const badHeaders: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a ClientHello', Buffer.from('16030100', 'hex')],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['PRI of HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['small letters', line('proxy TCP4 192.0.2.7 198.51.100.1 56324 443')],
  ['no space', line('PROXYTCP4 192.0.2.7 198.51.100.1 56324 443')],
  ['two spaces', line('PROXY  TCP4 192.0.2.7 198.51.100.1 56324 443')],
  ['two spaces further on', line('PROXY TCP4 192.0.2.7  198.51.100.1 56324 443')],
  ['a tab', line('PROXY TCP4\t192.0.2.7 198.51.100.1 56324 443')],
  ['a space at the end', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 ')],
  ['something more', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443 1')],
  ['no ports', line('PROXY TCP4 192.0.2.7 198.51.100.1')],
  ['nothing at all', line('PROXY ')],
  ['another protocol', line('PROXY UDP4 192.0.2.7 198.51.100.1 56324 443')],
  ['something that begins with UNKNOWN', line('PROXY UNKNOWNS')],
  ['IPv6 as TCP4', line('PROXY TCP4 2001:db8::7 198.51.100.1 56324 443')],
  ['IPv4 as TCP6', line('PROXY TCP6 192.0.2.7 198.51.100.1 56324 443')],
  ['a bad second address', line('PROXY TCP4 192.0.2.7 nowhere 56324 443')],
  ['leading zeros in IPv4', line('PROXY TCP4 192.0.02.7 198.51.100.1 56324 443')],
  ['a zone', line('PROXY TCP6 fe80::1%eth0 ::1 56324 443')],
  ['brackets', line('PROXY TCP6 [2001:db8::7] ::1 56324 443')],
  ['two gaps', line('PROXY TCP6 2001::db8::7 ::1 56324 443')],
  ['a port of 65536', line('PROXY TCP4 192.0.2.7 198.51.100.1 65536 443')],
  ['a port with a leading zero', line('PROXY TCP4 192.0.2.7 198.51.100.1 056324 443')],
  ['a port of 00', line('PROXY TCP4 192.0.2.7 198.51.100.1 00 443')],
  ['a port with a sign', line('PROXY TCP4 192.0.2.7 198.51.100.1 +1 443')],
  ['a port in hex', line('PROXY TCP4 192.0.2.7 198.51.100.1 0x10 443')],
  ['a bad second port', line('PROXY TCP4 192.0.2.7 198.51.100.1 56324 -1')],
  ['a line feed alone', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\n'.padEnd(120, 'x'))],
  ['a carriage return alone', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r'.padEnd(120, 'x'))],
  ['one byte more than a line may have', line(`PROXY UNKNOWN ${'x'.repeat(92)}`)],
  ['version 1 in a block', block(0x11, 0x11, ipv4Hex)],
  ['version 3 in a block', block(0x31, 0x11, ipv4Hex)],
  ['a command of 2', block(0x22, 0x11, ipv4Hex)],
  ['a command of 15', block(0x2f, 0, '')],
  ['UDP', block(0x21, 0x12, ipv4Hex)],
  ['UDP over IPv6', block(0x21, 0x22, ipv6Hex)],
  ['a datagram unix socket', block(0x21, 0x32, unixHex)],
  ['a family of 4', block(0x21, 0x41, ipv6Hex)],
  ['a protocol of 3', block(0x21, 0x13, ipv4Hex)],
  ['a family without a protocol', block(0x21, 0x10, ipv4Hex)],
  ['IPv4 a byte short', block(0x21, 0x11, ipv4Hex.slice(0, -2))],
  ['IPv4 without addresses', block(0x21, 0x11, '')],
  ['IPv6 with the addresses of IPv4', block(0x21, 0x21, ipv4Hex)],
  ['unix a byte short', block(0x21, 0x31, unixHex.slice(2))],
  ['one byte behind the addresses', block(0x21, 0x11, `${ipv4Hex} 00`)],
  ['two bytes behind the addresses', block(0x21, 0x11, `${ipv4Hex} 0400`)],
  ['a field that is cut off', block(0x21, 0x11, `${ipv4Hex} 040002 00`)],
  ['a second field that is cut off', block(0x21, 0x11, `${ipv4Hex} 040001 00 04ffff`)],
  ['a wrong checksum', block(0x21, 0x11, `${ipv4Hex} 030004 00000000`)],
  ['a checksum of two bytes', block(0x21, 0x11, `${ipv4Hex} 030002 0000`)],
  ['a checksum of no bytes', block(0x21, 0x11, `${ipv4Hex} 030000`)],
  ['two checksums', block(0x21, 0x11, `${ipv4Hex} 030004 00000000 030004 00000000`)],
  ['more than we read, at once', block(0x21, 0x11, ipv4Hex, proxyHeaderBytesMax - 15)],
  ['as long as can be said', block(0x20, 0, '', 0xffff)],
]
