/**
 * Streams that made some parser disagree with another: the starting points of mutation, and cases of their own.
 * Each stands under the class or advisory it belongs to.
 */
export const seedStreams: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'plain GET', text: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' },
  { name: 'GET with a body', text: 'GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' },
  {
    name: 'CL and TE',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'TE and CL',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n',
  },
  { name: 'two lengths', text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab' },
  { name: 'equal lengths', text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na' },
  { name: 'length list', text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na' },
  { name: 'signed length', text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na' },
  { name: 'length with a leading zero', text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 01\r\n\r\na' },
  { name: 'empty length', text: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n' },
  { name: 'CVE-2023-30589 bare CR', text: 'GET / HTTP/1.1\r\nHost: a\r\nDummy: x\rContent-Length: 23\r\n\r\n' },
  { name: 'CVE-2024-27982 space before length', text: 'GET / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\nabcde' },
  { name: 'CVE-2025-23167 CRLF CR X', text: 'GET / HTTP/1.1\r\nHost: a\r\n\rXGET / HTTP/1.1\r\nHost: b\r\n\r\n' },
  { name: 'CVE-2023-25725 empty name', text: 'GET / HTTP/1.1\r\nHost: a\r\n: x\r\nContent-Length: 1\r\n\r\na' },
  {
    name: 'CVE-2022-32213 chunked in a list',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'CVE-2022-32215 folded TE',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n',
  },
  { name: 'TE in HTTP/1.0', text: 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'TE with a quote', text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n' },
  {
    name: 'TE with a vertical tab',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'twin of TE',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'space before the colon',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
  },
  { name: 'bare LF', text: 'GET / HTTP/1.1\nHost: a\n\n' },
  { name: 'absolute form', text: 'GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n' },
  { name: 'absolute form without a path', text: 'GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n' },
  { name: 'absolute form of another host', text: 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n' },
  { name: 'CONNECT', text: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n' },
  { name: 'asterisk', text: 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n' },
  {
    name: 'chunks',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n',
  },
  {
    name: 'trailers',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1 \r\nCookie: c=1\r\n\r\n',
  },
  {
    name: 'framing trailer',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n',
  },
  {
    name: 'chunk extension',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b;c="d e"\r\na\r\n0\r\n\r\n',
  },
  {
    name: 'chunk extension with LF',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n',
  },
  {
    name: 'chunk size 0x',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n',
  },
  {
    name: 'chunk size overflow',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n',
  },
  {
    name: 'chunk data too long',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n',
  },
  {
    name: 'chunk ends in LF',
    text: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n',
  },
  { name: 'HTTP/1.0 keep-alive', text: 'GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n' },
  { name: 'HTTP/1.0', text: 'GET / HTTP/1.0\r\n\r\n' },
  { name: 'close in a list', text: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n' },
  { name: 'upgrade', text: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' },
  {
    name: 'h2c',
    text: 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n',
  },
  { name: 'HTTP/2 preface', text: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  { name: 'Expect', text: 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na' },
  { name: 'two Hosts', text: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' },
  { name: 'empty line first', text: '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n' },
]
