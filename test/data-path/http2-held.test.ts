// Goal: bytes that wait come out as they went in, and small pieces cost no more memory than large ones (CVE-2019-9511 class).
// Method: pieces of many sizes put in and taken out in turn, compared with one plain buffer; the memory behind the pieces is summed.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { Http2Held } from '../../src/data-path/http2-held.ts'

function takeAll(held: Http2Held): Buffer {
  const pieces: Buffer[] = []
  for (let next = held.first(); next !== undefined; next = held.first()) {
    pieces.push(next)
    held.drop(next.length)
  }
  return Buffer.concat(pieces)
}

t.test('what goes in comes out in order', async (t) => {
  for (const size of [1, 7, 511, 512, 513, 5_000, 16_384, 70_000]) {
    const held = new Http2Held()
    const all = randomBytes(size * 37)
    for (let at = 0; at < all.length; at += size) held.append(all.subarray(at, at + size))
    t.equal(held.length, all.length)
    t.ok(takeAll(held).equals(all), `pieces of ${size}`)
    t.equal(held.length, 0)
    t.equal(held.first(), undefined)
  }
})

t.test('taken in part while more comes, and nothing that was given changes later', async (t) => {
  const held = new Http2Held()
  const all = randomBytes(100_000)
  const given: Buffer[] = []
  let put = 0
  for (let turn = 1; put < all.length; turn++) {
    const piece = all.subarray(put, put + ((turn * 131) % 997) + 1)
    put += piece.length
    held.append(piece)
    const first = held.first() as Buffer
    const part = first.subarray(0, (turn % 3) * 100)
    given.push(part)
    held.drop(part.length)
  }
  given.push(takeAll(held))
  t.ok(Buffer.concat(given).equals(all))
})

t.test('one-byte pieces share memory', async (t) => {
  const held = new Http2Held()
  for (let count = 0; count < 100_000; count++) held.append(Buffer.of(count))
  const pieces: number[] = []
  for (let next = held.first(); next !== undefined; next = held.first()) {
    pieces.push(next.length)
    held.drop(next.length)
  }
  t.ok(pieces.length < 20, `${pieces.length} blocks`)
})

t.test('cleared', async (t) => {
  const held = new Http2Held()
  held.append(Buffer.alloc(1_000))
  held.drop(10)
  held.clear()
  t.equal(held.length, 0)
  t.equal(held.first(), undefined)
  held.append(Buffer.from('after'))
  t.equal(takeAll(held).toString(), 'after')
})
