// Goal: the DER reader takes only what DER allows and never looks beyond its level.
// Method: hand-written bytes, each with the one defect its name says.
import t from 'tap'
import { DerReader, tags } from '../../src/x509/der-reader.ts'
import { derInteger, derNamedBits, derOid } from '../../src/x509/der-writer.ts'
import { readOid } from '../../src/x509/object-identifier.ts'

const reader = (hex: string) => new DerReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const unreadable = { code: 'certificate_unreadable', path: /^byte \d+$/ }

t.test('elements that DER allows', async (t) => {
  const element = reader('04 03 010203').next()
  t.match(element, { tag: 4, start: 0, contentStart: 2, end: 5 })
  t.equal(reader(`04 8180 ${'00'.repeat(128)}`).next().end, 131)
  t.equal(reader(`04 820100 ${'00'.repeat(256)}`).next().end, 260)
  t.equal(reader('').peek(), -1)
  t.equal(reader('').done, true)
  t.equal(reader('04 00').optional(tags.integer), undefined)
})

t.test('elements that it does not', async (t) => {
  const rows: Record<string, string> = {
    'nothing at all': '',
    'a tag alone': '04',
    'contents beyond the end': '04 02 01',
    'an indefinite length': '04 80 01 00 00',
    'a length in a longer form than needed': '04 81 7f',
    'a length with a leading zero octet': `04 8200ff ${'00'.repeat(255)}`,
    'a length of five octets': '04 85 0000000001 00',
    'a length cut off': '04 82 01',
    'a high tag number': '1f 81 01 00',
  }
  for (const [name, hex] of Object.entries(rows)) t.throws(() => reader(hex).next(), unreadable, name)
})

t.test('a level ends where its element ends', async (t) => {
  const outer = reader('30 03 02 01 05 02 01 06')
  const inner = outer.enter(tags.sequence)
  t.equal(inner.smallInteger(), 5)
  inner.finish()
  t.throws(() => inner.next(), unreadable, 'not into what follows')
  t.throws(() => outer.finish(), unreadable, 'surplus is told')
  t.throws(() => reader('30 03 04 02 01').enter(tags.sequence).next(), unreadable, 'an inner element beyond its level')
})

t.test('levels are bounded', async (t) => {
  let hex = ''
  for (let level = 0; level < 40; level++) hex = `30${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`
  let level = reader(hex)
  t.throws(() => {
    for (let depth = 0; depth < 40; depth++) level = level.enter(tags.sequence)
  }, unreadable)
})

t.test('integers', async (t) => {
  t.equal(reader('02 01 00').smallInteger(), 0)
  t.equal(reader('02 04 7fffffff').smallInteger(), 0x7fffffff)
  for (const hex of ['02 00', '02 02 0001', '02 02 ff80', '02 01 ff', '02 05 0080000000', '03 01 00']) {
    t.throws(() => reader(hex).smallInteger(), unreadable, hex)
  }
  t.same(Buffer.from(derInteger('80')).toString('hex'), '02020080')
  t.same(Buffer.from(derInteger('00ff1')).toString('hex'), '02020ff1')
})

t.test('booleans and bit strings', async (t) => {
  t.equal(reader('01 01 ff').boolean(), true)
  t.equal(reader('01 01 00').boolean(), false)
  for (const hex of ['01 01 01', '01 00', '01 02 ff00']) t.throws(() => reader(hex).boolean(), unreadable, hex)
  t.same([...reader('03 03 00 0102').wholeOctets()], [1, 2])
  for (const hex of ['03 00', '03 02 01 02']) t.throws(() => reader(hex).wholeOctets(), unreadable, hex)
  t.equal(Buffer.from(derNamedBits([0])).toString('hex'), '03020780')
  t.equal(Buffer.from(derNamedBits([5, 6])).toString('hex'), '03020106')
})

t.test('object identifiers', async (t) => {
  const large = '2.25.329800735698586629295641978511506172918'
  for (const oid of ['2.5.4.3', '1.2.840.113549.1.1.11', '0.9.2342.19200300.100.1.1', '2.999.1', large]) {
    t.equal(readOid(new DerReader(derOid(oid))), oid)
    t.equal(readOid(new DerReader(derOid(oid))), oid, 'the second time from memory')
  }
  const rows: Record<string, string> = {
    empty: '06 00',
    'a padded arc': '06 03 55 80 01',
    'an arc cut off': '06 02 55 84',
    'over-long': `06 41 ${'01'.repeat(65)}`,
  }
  for (const [name, hex] of Object.entries(rows)) t.throws(() => readOid(reader(hex)), unreadable, name)
})
