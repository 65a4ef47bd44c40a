// Goal: bytes that wait come out in their order, whatever the sizes of their pieces, and small pieces do not cost a buffer each.
// Method: pieces of random sizes are added and read at random; what comes out is compared with what went in.
import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { HeldBytes } from '../../src/data-path/held-bytes.ts'

t.test('everything comes out once and in order', async (t) => {
  for (let round = 0; round < 50; round++) {
    const held = new HeldBytes()
    const [sent, read]: [Buffer[], Buffer[]] = [[], []]
    const take = (bytes: Buffer, place: number) => {
      read.push(Buffer.from(bytes.subarray(0, place)))
      held.readUpTo(place)
    }
    for (let step = 0; step < 200; step++) {
      const piece = randomBytes(randomInt(1, round % 2 === 0 ? 20 : 8_000))
      sent.push(piece)
      held.add(piece)
      const { length } = held
      if (step % 7 === 0) t.equal(held.join()?.length, length)
      const { first } = held
      if (first !== undefined && step % 2 === 0) take(first, randomInt(0, first.length + 1))
    }
    while (held.first !== undefined) take(held.first, held.first.length)
    t.ok(Buffer.concat(read).equals(Buffer.concat(sent)))
    t.equal(held.length, 0)
  }
})

t.test('a large piece is never copied until all are wanted', async (t) => {
  const held = new HeldBytes()
  const pieces = [randomBytes(16_384), randomBytes(16_384), randomBytes(16_384)]
  for (const piece of pieces) held.add(piece)
  for (const piece of pieces) {
    t.equal(held.first, piece)
    held.readUpTo(piece.length)
  }
  t.equal(held.first, undefined)
})

t.test('small pieces are gathered', async (t) => {
  const held = new HeldBytes()
  for (let at = 0; at < 10_000; at++) held.add(Buffer.from([at % 256]))
  let pieces = 0
  for (; held.first !== undefined; pieces++) held.readUpTo(held.first.length)
  t.ok(pieces < 5, `${pieces} pieces for 10,000 bytes`)
})

t.test('cleared, it holds nothing', async (t) => {
  const held = new HeldBytes()
  for (const piece of [randomBytes(5_000), randomBytes(5_000)]) held.add(piece)
  held.clear()
  t.equal(held.length, 0)
  t.equal(held.join(), undefined)
  held.add(Buffer.from('again'))
  t.equal(held.join()?.toString(), 'again')
})
