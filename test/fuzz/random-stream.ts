import type { Random } from './random.ts'
import { seedStreams } from './seed-streams.ts'

/** Closes each stream: what a parser makes of it shows where it believes the message before it ends. */
export const canary = 'GET /canary HTTP/1.1\r\nHost: canary\r\n\r\n'

const methods = [
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'PATCH',
  'CONNECT',
  'PRI',
  'get',
  'G,T',
]
const targets = [
  '/',
  '/',
  '/a/b',
  '/a?b=c&d',
  '/%00',
  '//x/y',
  '/a|b^c',
  '/a?{b}`c`\\',
  '/a\\b',
  '/a;b',
  '/?',
  '/a?b?c',
  '*',
  'http://a/',
  'http://a',
  'http://a?q',
  'HTTP://A/b',
  'https://a:8443/x',
  'http://u@a/',
  'a:443',
  '/a#b',
  '/"<>',
  '/\xe9',
  '/a\tb',
  '',
  `/${'x'.repeat(509)}`,
  `/${'x'.repeat(600)}`,
]
const versions = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.1 ',
]
const hosts = ['a', 'a', 'a', 'a', 'a:8443', 'A', 'a.', '[::1]:443', '', 'a b', 'a,b', 'u@a', 'a/b', 'a:']
const connections = [
  'close',
  'keep-alive',
  'keep-alive',
  'upgrade',
  'te, close',
  'x,y',
  'close',
  'keep-alive',
  'Keep-Alive',
  'Close',
  'CLOSE',
  'upgrade',
  'keep-alive, Upgrade',
  'close, x',
  'x,close',
  'x , close',
  'close\t',
  'close \t',
  'close\t ',
  '\tclose',
  'close,',
  ',close',
  'closed',
  'x\t,close',
  'keep-alive,close',
  'te',
  'content-length',
  'close x',
  '"close"',
  'close;q=1',
  'keep-alive ,te',
]
const lengths = [
  '0',
  '1',
  '5',
  '5 ',
  '\t5',
  '05',
  '+5',
  '-1',
  '5\t',
  '5 \t',
  '5,5',
  '0x5',
  '5\x0b',
  '',
  '5 5',
  '99999999999999999999',
]
const codings = [
  'chunked',
  'chunked',
  'chunked',
  'Chunked',
  'CHUNKED ',
  'chunked, chunked',
  'gzip, chunked',
  'identity',
  'xchunked',
  'chunked;a=b',
  ' \tchunked',
  'chunked\t',
  'chunked \t ',
  '',
  'chunked,',
]
const lineEnds = [
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\n',
  '\r',
  '\r\r\n',
  '\r\n ',
]
const otherFields = [
  'Accept: */*',
  'X-A:b',
  'X-A: b',
  'X-A:  b\t ',
  'X-A:',
  'X-A: \t',
  'x_y: 1',
  'x.y: 1',
  'Cookie: a=b; c=d',
  'X-Obs: \xe9\xff',
  'Expect: 100-continue',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Proxy-Connection: close',
  'Proxy-Connection: keep-alive',
  'TE: trailers',
  'Trailer: x',
  'Sekisho-Login-Id: x',
  'X A: b',
  'X-A : b',
  ': b',
  'X-A',
  'X-A: a\x00b',
  'X-A: a\x7fb',
  'X\xe9: b',
  '(x): y',
  `X-Long: ${'y'.repeat(200)}`,
  'Content_Length: 5',
  "!#$%&'*+-.^_`|~: token",
  'Keep-Alive: timeout=5',
  'Content-Length : 3',
  'Date: x',
  'Via: 1.1 x',
]
const chunkSizes = [
  '1',
  '5',
  'a',
  'A',
  '005',
  '00000001',
  '000000001',
  '0x5',
  ' 5',
  '5 ',
  '+5',
  '-5',
  '',
  'g',
  '5;a',
  '5;a=b',
  '5;a="b c"',
  '5; a',
  '5;a=\x00',
  '5;',
  '5;a=',
  'FFFFFFFF',
  '5\t',
]
const trailers = [
  '',
  '',
  '',
  'X-T: 1\r\n',
  'X-T: 1 \r\nX-U:2\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Cookie: a\r\n',
  ' fold\r\n',
  'x\r\n',
  'X-T: a\nb\r\n',
  'Host: b\r\n',
]
const evilBytes = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\x0b',
  '\x0c',
  '\x7f',
  '\x80',
  '\xff',
  '0',
  '"',
  '\r\n\r\n',
  'chunked',
  '#',
  '\\',
]

/** One connection's bytes: one to three messages from grammar or from known cases, perhaps mutated, then the canary. */
export function randomStream(random: Random): Buffer {
  let text = ''
  const messages = 1 + random.integer(3)
  // Mostly plain: a stream that is wrong in four places tells nothing about the fourth.
  const wildness = random.pick([0, 0.02, 0.05, 0.15, 0.3])
  for (let i = 0; i < messages; i++) {
    text += random.chance(0.2) ? random.pick(seedStreams).text : randomMessage(random, wildness)
  }
  if (random.chance(0.3)) text = mutate(text, random)
  return Buffer.from(text + canary, 'latin1')
}

/** Cuts a stream at up to five places. */
export function cutAtRandom(stream: Buffer, random: Random): Buffer[] {
  const places = Array.from({ length: 1 + random.integer(5) }, () => random.integer(stream.length + 1))
  places.sort((left, right) => left - right)
  const pieces: Buffer[] = []
  let from = 0
  for (const place of [...places, stream.length]) {
    if (place > from) pieces.push(stream.subarray(from, place))
    from = place
  }
  return pieces
}

function randomMessage(random: Random, wildness: number): string {
  const plain = (): boolean => !random.chance(wildness)
  const lineEnd = (): string => (plain() || random.chance(0.7) ? '\r\n' : random.pick(lineEnds))
  const method = plain() ? random.pick(methods.slice(0, 10)) : random.pick(methods)
  const target = plain() ? random.pick(targets.slice(0, 6)) : random.pick(targets)
  const version = plain() ? random.pick(versions.slice(0, 5)) : random.pick(versions)
  let text = `${method} ${target} ${version}${lineEnd()}`
  const lines: string[] = []
  if (plain() || random.chance(0.9)) lines.push(`Host: ${plain() ? 'a' : random.pick(hosts)}`)
  if (random.chance(0.4)) lines.push(`Connection: ${random.pick(plain() ? connections.slice(0, 6) : connections)}`)
  const others = random.integer(random.chance(0.02) ? 30 : 4)
  for (let i = 0; i < others; i++) lines.push(random.pick(plain() ? otherFields.slice(0, 18) : otherFields))
  let body = ''
  if (random.chance(0.3)) {
    const length = plain() ? '5' : random.pick(lengths)
    lines.push(`${random.pick(['Content-Length', 'content-length'])}: ${length}`)
    body = 'hello'
  }
  if (random.chance(body === '' ? 0.4 : wildness / 2)) {
    lines.push(`Transfer-Encoding: ${plain() ? 'chunked' : random.pick(codings)}`)
    body = randomChunks(random, plain)
  }
  while (lines.length > 0) text += (lines.splice(random.integer(lines.length), 1)[0] as string) + lineEnd()
  return `${text}${lineEnd()}${body}`
}

function randomChunks(random: Random, plain: () => boolean): string {
  let text = ''
  const chunks = random.integer(4)
  for (let i = 0; i < chunks; i++) {
    const size = plain() ? random.pick(chunkSizes.slice(0, 6)) : random.pick(chunkSizes)
    const bytes = Math.max(0, Number.parseInt(size, 16) || 0)
    text += `${size}\r\n${'d'.repeat(Math.min(bytes, 40))}${plain() ? '\r\n' : random.pick(lineEnds)}`
  }
  return `${text}${plain() ? '0' : random.pick(['00', '0;a=b', '0 '])}\r\n${random.pick(plain() ? trailers.slice(0, 5) : trailers)}\r\n`
}

function mutate(text: string, random: Random): string {
  let mutated = text
  const times = 1 + random.integer(3)
  for (let i = 0; i < times; i++) {
    const at = random.integer(mutated.length + 1)
    const bytes = 1 + random.integer(random.chance(0.8) ? 2 : 20)
    const slice = mutated.slice(at, at + bytes)
    switch (random.integer(5)) {
      case 0:
        mutated = mutated.slice(0, at) + mutated.slice(at + bytes)
        break
      case 1:
        mutated = mutated.slice(0, at) + random.pick(evilBytes) + mutated.slice(at)
        break
      case 2:
        mutated = mutated.slice(0, at) + random.pick(evilBytes) + mutated.slice(at + 1)
        break
      case 3:
        mutated = mutated.slice(0, at) + slice + mutated.slice(at)
        break
      default:
        mutated = mutated.slice(0, at) + String.fromCharCode(random.integer(256)) + mutated.slice(at + 1)
    }
  }
  return mutated
}
