// Goal: names are decoded by their string type, exactly, and nothing ambiguous slips through (CVE-2021-44531).
// Method: hand-written names; each string type with what it can and cannot hold.
import t from 'tap'
import { tags } from '../../src/x509/der-reader.ts'
import { derElement, derOid, derSequence } from '../../src/x509/der-writer.ts'
import { encodeName } from '../../src/x509/encode-name.ts'
import { nameAttributes, readName } from '../../src/x509/read-name.ts'

const commonName = '2.5.4.3'
const attribute = (tag: number, bytes: Uint8Array, oid = commonName) => derSequence(derOid(oid), derElement(tag, bytes))
const nameOf = (...attributes: Uint8Array[]) => derSequence(...attributes.map((one) => derElement(tags.set, one)))
const textOf = (tag: number, bytes: Uint8Array) => nameAttributes(readName(nameOf(attribute(tag, bytes))))[0]?.value
const utf16 = (text: string) => Buffer.from(text, 'utf16le').swap16()

t.test('each string type', async (t) => {
  t.equal(textOf(tags.utf8String, Buffer.from('利用者01')), '利用者01')
  t.equal(textOf(tags.utf8String, Buffer.from('\ufeffuser')), '\ufeffuser', 'a byte order mark is a character')
  t.equal(textOf(tags.printableString, Buffer.from('user_01')), 'user_01')
  t.equal(textOf(tags.ia5String, Buffer.from('a@example.jp')), 'a@example.jp')
  t.equal(textOf(tags.numericString, Buffer.from('0123')), '0123')
  t.equal(textOf(tags.visibleString, Buffer.from('user')), 'user')
  t.equal(textOf(tags.teletexString, Buffer.from([0x75, 0xe9])), 'ué')
  t.equal(textOf(tags.bmpString, utf16('契約')), '契約')
  t.equal(textOf(tags.universalString, Buffer.from('0001f600', 'hex')), '\u{1f600}')
  const long = 'x'.repeat(300)
  t.equal(textOf(tags.utf8String, Buffer.from(long)), long)
  t.equal(textOf(tags.utf8String, Buffer.from('')), '')
})

t.test('NUL and control characters stay in', async (t) => {
  t.equal(textOf(tags.utf8String, Buffer.from('user01\0.evil\r\n')), 'user01\0.evil\r\n')
  t.equal(textOf(tags.bmpString, utf16('a\0b')), 'a\0b')
})

t.test('octets that the type cannot hold', async (t) => {
  const rows: [string, number, Uint8Array][] = [
    ['overlong UTF-8', tags.utf8String, Buffer.from([0xc0, 0xaf])],
    ['a surrogate in UTF-8', tags.utf8String, Buffer.from([0xed, 0xa0, 0x80])],
    ['UTF-8 cut off', tags.utf8String, Buffer.from([0xe5, 0x88])],
    ['a high octet in PrintableString', tags.printableString, Buffer.from([0x75, 0xe9])],
    ['a high octet in IA5String', tags.ia5String, Buffer.from([0x80])],
    ['half a character', tags.bmpString, Buffer.from([0x00])],
    ['a surrogate pair in BMPString', tags.bmpString, Buffer.from('d83dde00', 'hex')],
    ['beyond Unicode', tags.universalString, Buffer.from('00110000', 'hex')],
    ['an over-long value', tags.utf8String, Buffer.alloc(4_097, 0x61)],
  ]
  for (const [name, tag, bytes] of rows) t.throws(() => textOf(tag, bytes), { code: 'certificate_unreadable' }, name)
})

t.test('structure', async (t) => {
  const two = derSequence(
    derElement(
      tags.set,
      attribute(tags.utf8String, Buffer.from('a')),
      attribute(tags.utf8String, Buffer.from('b'), '2.5.4.11'),
    ),
    derElement(tags.set, attribute(tags.utf8String, Buffer.from('c'))),
  )
  t.same(nameAttributes(readName(two)), [
    { oid: commonName, value: 'a' },
    { oid: '2.5.4.11', value: 'b' },
    { oid: commonName, value: 'c' },
  ])
  t.same(
    nameAttributes(readName(nameOf(attribute(tags.bitString, Buffer.from([0, 1]), '2.5.4.45')))),
    [],
    'no character string',
  )
  const rows: Record<string, Uint8Array> = {
    'an empty relative name': derSequence(derElement(tags.set)),
    'an attribute of three': derSequence(
      derElement(tags.set, derSequence(derOid(commonName), derElement(5), derElement(5))),
    ),
    'surplus after the name': Buffer.concat([nameOf(), Buffer.from([5, 0])]),
    'too many attributes': nameOf(...Array.from({ length: 65 }, () => attribute(tags.utf8String, Buffer.from('x')))),
  }
  for (const [name, der] of Object.entries(rows))
    t.throws(() => readName(der), { code: 'certificate_unreadable' }, name)
})

t.test('written names read back', async (t) => {
  const attributes = [
    { oid: '2.5.4.6', value: 'JP' },
    { oid: '2.5.4.10', value: 'デモ銀行' },
    { oid: commonName, value: 'user01' },
    { oid: '1.2.840.113549.1.9.1', value: 'user01@example.jp' },
  ]
  t.same(nameAttributes(readName(encodeName(attributes))), attributes)
})
