import type { Random } from './random.ts'
import { canary } from './random-stream.ts'

const sizes = [
  '0',
  '1',
  '2',
  '5',
  'a',
  'A',
  '1f',
  '10',
  '00',
  '0005',
  '000000000005',
  '5 ',
  ' 5',
  '5\t',
  '+5',
  '-1',
  '0x5',
]
const moreSizes = [
  '',
  'g',
  '5g',
  '5,5',
  '5.0',
  '7fffffff',
  '80000000',
  'ffffffff',
  '100000000',
  'ffffffffffffffff',
  '5\0',
]
const extensions = [
  '',
  '',
  '',
  '',
  ';',
  ';a',
  ';a=b',
  ';a="b"',
  ';a="b;c\\""',
  '; a = b',
  ';a=b;c',
  ';\t',
  ';a=\0',
  ';a=\n',
  `;${'e'.repeat(30)}`,
]
const lineEnds = [
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\r\n',
  '\n',
  '\r',
  '\r\r\n',
  '\n\r',
  '',
  ' \r\n',
  '\r\n\r\n',
  '\r\n ',
]
const trailerLines = [
  'X-T: 1',
  'X-T:1 ',
  'x-t',
  'X-T : 1',
  ' fold',
  'X-T: a\0',
  'X-T: \xff',
  ': a',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Host: b',
  'Trailer: x',
  'Connection: close',
  `X-Long: ${'t'.repeat(300)}`,
]
const lengths = ['0', '1', '5', '6', '40', '300']

/** One connection's bytes: one to three requests with plain heads and bodies of every kind, then the canary. */
export function randomBodyStream(random: Random): Buffer {
  // Mostly plain, as with heads: a stream that is wrong in four places tells nothing about the fourth.
  const wildness = random.pick([0, 0.03, 0.1, 0.3])
  let text = ''
  const messages = 1 + random.integer(3)
  for (let count = 0; count < messages; count++) {
    const body = random.chance(0.75) ? chunkedBody(random, wildness) : sizedBody(random, wildness)
    const method = random.pick(['POST', 'PUT', 'DELETE', 'GET', 'OPTIONS'])
    text += `${method} /body HTTP/1.1\r\nHost: a\r\n${body}`
  }
  return Buffer.from(text + canary, 'latin1')
}

function sizedBody(random: Random, wildness: number): string {
  const length = random.pick(lengths)
  const bytes = Math.max(0, Number(length) + (random.chance(wildness) ? random.pick([-1, 1, 20]) : 0))
  return `Content-Length: ${length}\r\n\r\n${content(random, bytes)}`
}

function chunkedBody(random: Random, wildness: number): string {
  const plain = () => !random.chance(wildness)
  const lineEnd = () => (plain() ? '\r\n' : random.pick(lineEnds))
  let text = 'Transfer-Encoding: chunked\r\n\r\n'
  const chunks = random.integer(5)
  for (let count = 0; count < chunks; count++) {
    const told = plain() ? random.pick(['1', '5', 'a', '1F', '03']) : random.pick([...sizes, ...moreSizes])
    const size = Math.min(Math.max(0, Number.parseInt(told, 16) || 0), 100)
    const extension = random.chance(0.1) ? random.pick(extensions) : ''
    const bytes = plain() ? size : size + random.pick([-1, 1, 2])
    text += `${told}${extension}${lineEnd()}${content(random, Math.max(0, bytes))}${lineEnd()}`
  }
  text += `${plain() ? '0' : random.pick(sizes)}${lineEnd()}`
  const trailers = random.chance(0.2) ? 1 + random.integer(3) : 0
  for (let count = 0; count < trailers; count++) {
    text += `${plain() ? 'X-Sum: 1' : random.pick(trailerLines)}${lineEnd()}`
  }
  return text + lineEnd()
}

/** Body bytes, now and then such as another reader might take for the end of the message or the start of the next. */
function content(random: Random, bytes: number): string {
  const looks = random.chance(0.2) ? random.pick(['0\r\n\r\n', canary, '\r\n', '\r\n0\r\n\r\nGET / HTTP/1.1\r\n']) : ''
  return (looks + 'b'.repeat(bytes)).slice(0, bytes)
}
