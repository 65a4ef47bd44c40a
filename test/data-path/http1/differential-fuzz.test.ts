// Goal: whatever our parser accepts, Node's own (llhttp, strict) accepts and reads in the same way; cuts change nothing.
// Method: ten seconds of generated connections; `npm run fuzz -- --seed N --seconds S` repeats or goes on.
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { compareReadings } from '../../fuzz/compare-readings.ts'
import { fuzz, judgeStream } from '../../fuzz/differential.ts'
import { createNodeReader } from '../../fuzz/node-reading.ts'
import { readWithOurs } from '../../fuzz/our-reading.ts'
import { seedStreams } from '../../fuzz/seed-streams.ts'

t.test('known desync streams are read alike, at every cut', async (t) => {
  const node = createNodeReader()
  for (const { name, text } of seedStreams) t.equal(judgeStream(Buffer.from(text, 'latin1'), node), undefined, name)
  node.close()
})

t.test('the comparison sees every kind of difference', async (t) => {
  const node = createNodeReader()
  const post = (rest: string) => Buffer.from(`POST /a HTTP/1.1\r\nHost: a\r\n${rest}`)
  const chunked = (body: string) => post(`Transfer-Encoding: chunked\r\n\r\n${body}`)
  const pairs: readonly (readonly [what: string, ours: Buffer, other: Buffer])[] = [
    ['method', post('\r\n'), Buffer.from('PUT /a HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['target', post('\r\n'), Buffer.from('POST /b HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['order of fields', post('X: 1\r\nY: 2\r\n\r\n'), post('Y: 2\r\nX: 1\r\n\r\n')],
    ['value', post('X: 1\r\n\r\n'), post('X: 2\r\n\r\n')],
    ['body', chunked('1\r\na\r\n0\r\n\r\n'), chunked('1\r\nb\r\n0\r\n\r\n')],
    ['end of the body', chunked('1\r\na\r\n0\r\n\r\n'), chunked('1\r\na\r\n')],
    ['trailers', chunked('0\r\nX: 1\r\n\r\n'), chunked('0\r\nX: 2\r\n\r\n')],
    ['one message more', post('\r\n'), Buffer.concat([post('\r\n'), post('\r\n')])],
    ['a fault', post('\r\n'), Buffer.concat([post('\r\n'), Buffer.from('\0')])],
    ['nothing accepted', post('\r\n'), post('X\r\n\r\n')],
  ]
  for (const [what, ours, other] of pairs) {
    t.equal(compareReadings(readWithOurs([ours]), node.read([ours])), undefined, `${what}: alike with itself`)
    t.type(compareReadings(readWithOurs([ours]), node.read([other])), 'string', `${what}: seen`)
  }
  node.close()
})

t.test('generated connections are read alike', { timeout: 60_000 }, async (t) => {
  const seed = Math.floor(systemClock.nowMs()) % 0x7fffffff
  const { cases, acceptedMessages, divergence } = fuzz({ seed, seconds: 10, clock: systemClock })
  t.comment(`seed ${seed}: ${cases} connections, ${acceptedMessages} requests accepted by both`)
  t.strictSame(divergence, undefined)
  t.ok(cases > 1_000, `${cases} connections`)
  t.ok(acceptedMessages > cases / 4, 'enough was accepted for the comparison to mean something')
})
