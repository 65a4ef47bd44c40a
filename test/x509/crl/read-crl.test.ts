// Goal: a list is read as it was written whatever the size of the chunks, bounded by its limits, and anything that is not exactly a
// list is refused with its position. Method: lists put together from DER, each with the one property its name says.
import t from 'tap'
import { GatewayError } from '../../../src/base/errors.ts'
import { readCrl } from '../../../src/x509/crl/read-crl.ts'
import { tags } from '../../../src/x509/der-reader.ts'
import { derElement, derInteger, derOid, derSequence, derText, derTime } from '../../../src/x509/der-writer.ts'
import { encodeName } from '../../../src/x509/encode-name.ts'
import { oids } from '../../../src/x509/oids.ts'
import { makeKeys, subjectOf } from '../../helpers/test-ca.ts'
import * as written from './written-list.ts'
import { entryOf, extensionOf, type ListParts, readBytes, reasonExtension, writeList } from './written-list.ts'

const unreadable = (message: RegExp) => ({ code: 'crl_unreadable', path: /^byte \d+$/, message })
const octets = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const utcTime = (digits: string) => derText(tags.utcTime, digits)
const generalizedTime = (digits: string) => derText(tags.generalizedTime, digits)

const full = writeList({
  entries: [
    entryOf('1'),
    entryOf('80', { extensions: [reasonExtension(1)] }),
    entryOf(`ff${'00'.repeat(19)}`, { time: generalizedTime('20510203040506Z') }),
    entryOf('0abc', { extensions: [written.invalidityExtension('19991231235959Z'), reasonExtension(6)] }),
    entryOf('5', { extensions: [written.unknownExtension(false), reasonExtension(0)] }),
  ],
  extensions: [
    written.keyExtension(),
    extensionOf(oids.crlNumber, derInteger(`7f${'ee'.repeat(19)}`)),
    written.pointExtension(derElement(0xa0, derElement(0xa0, derText(0x86, 'http://ca/a.crl'))), written.flag(0x81)),
    extensionOf(oids.freshestCrl, derSequence(derSequence(derElement(0xa0))), false),
    extensionOf(oids.issuerAltName, derSequence(derText(0x82, 'ca.example.jp')), true),
    extensionOf(oids.expiredCertsOnCrl, generalizedTime('20200101000000Z')),
  ],
})

t.test('everything that a list says', async (t) => {
  const reading = readBytes(full)
  t.match(reading, {
    version: 2,
    signatureAlgorithm: { hash: 'sha256', keyType: 'ec' },
    thisUpdateMs: written.thisUpdateMs,
    nextUpdateMs: written.nextUpdateMs,
    number: BigInt(`0x7f${'ee'.repeat(19)}`),
    baseNumber: undefined,
    distributionPoint: {
      onlyContainsUserCerts: true,
      onlyContainsCaCerts: false,
      onlyContainsAttributeCerts: false,
      indirect: false,
      onlySomeReasons: false,
    },
    hasOtherIssuers: false,
    passedOver: 0,
    bytes: full.length,
    signatureValid: true,
  })
  t.equal(Buffer.compare(reading.issuerNameDer, encodeName(subjectOf('crl-ca'))), 0)
  t.equal(reading.authorityKeyIdentifier?.length, 20)
  t.strictSame(reading.unknownCriticalExtensions, [])
  t.strictSame(reading.unknownCriticalEntryExtensions, [])
  const at = { revokedAtMs: written.revokedAtMs, reasonCode: undefined, invalidityDateMs: undefined }
  t.strictSame(
    [...reading.entries],
    [
      { ...at, serialHex: '1' },
      { ...at, serialHex: '80', reasonCode: 1 },
      { ...at, serialHex: `ff${'00'.repeat(19)}`, revokedAtMs: Date.parse('2051-02-03T04:05:06Z') },
      { ...at, serialHex: 'abc', reasonCode: 6, invalidityDateMs: Date.parse('1999-12-31T23:59:59Z') },
      { ...at, serialHex: '5', reasonCode: 0 },
    ],
  )
  t.equal(readBytes(full, { publicKey: undefined }).signatureValid, undefined, 'nobody verified it')
})

t.test('the size of the chunks does not matter', async (t) => {
  const large = writeList({
    entries: Array.from({ length: 3_000 }, (_, n) =>
      entryOf((n + 1).toString(16), { extensions: [reasonExtension(4)] }),
    ),
  })
  for (const list of [full, large]) {
    const expected = readBytes(list, { chunkBytes: list.length })
    for (const chunkBytes of [1, 7, 4_096, 65_536, 1_000_000]) {
      const reading = readBytes(list, { chunkBytes })
      t.strictSame({ ...reading, entries: [...reading.entries] }, { ...expected, entries: [...expected.entries] })
      t.equal(reading.signatureValid, true)
    }
  }
})

t.test('lists with little in them', async (t) => {
  t.match(readBytes(writeList()), { entries: { count: 0 }, number: 7n, signatureValid: true }, 'without entries')
  t.match(readBytes(writeList({ entries: [] })), { entries: { count: 0 } }, 'with an empty list of entries')
  const old = writeList({ version: null, extensions: null, nextUpdate: null, entries: [entryOf('a1')] })
  t.match(readBytes(old), { version: 1, number: undefined, nextUpdateMs: undefined, signatureValid: true })
  t.match([...readBytes(old).entries], [{ serialHex: 'a1', reasonCode: undefined }])
  const bare = readBytes(writeList({ extensions: null }))
  t.match(bare, { version: 2, authorityKeyIdentifier: undefined, distributionPoint: undefined })
})

t.test('serial numbers that no certificate here has are passed over and counted', async (t) => {
  const odd = ['02 01 00', '02 01 ff', '02 02 80 01', `02 15 01 ${'00'.repeat(20)}`, `02 16 00 ff ${'00'.repeat(20)}`]
  const list = writeList({ entries: [...odd.map((hex) => entryOf(octets(hex))), entryOf('ff'.repeat(20))] })
  t.match(readBytes(list), { passedOver: 5, entries: { count: 1 }, signatureValid: true })
  t.strictSame(
    [...readBytes(list).entries].map(({ serialHex }) => serialHex),
    ['ff'.repeat(20)],
  )
  t.throws(() => readBytes(list, { entriesMax: 5 }), { code: 'crl_refused' }, 'but count for the limit')
})

t.test('what makes a list a delta, an indirect or an unknown one is told', async (t) => {
  t.match(readBytes(writeList({ extensions: [written.numberExtension(9), written.deltaExtension(7)] })), {
    number: 9n,
    baseNumber: 7n,
  })
  const point = readBytes(
    writeList({
      extensions: [
        written.pointExtension(written.flag(0x82), octets('83 02 05 60'), written.flag(0x84), written.flag(0x85)),
      ],
    }),
  )
  t.strictSame(point.distributionPoint, {
    onlyContainsUserCerts: false,
    onlyContainsCaCerts: true,
    onlyContainsAttributeCerts: true,
    indirect: true,
    onlySomeReasons: true,
  })
  const relative = derElement(0xa0, derElement(0xa1, octets('30 00')))
  t.ok(readBytes(writeList({ extensions: [written.pointExtension(relative)] })).distributionPoint, 'a relative name')
  const unknown = [written.unknownExtension(true)]
  t.strictSame(readBytes(writeList({ extensions: unknown })).unknownCriticalExtensions, ['1.2.3.4'])
  t.strictSame(readBytes(writeList({ extensions: [written.unknownExtension(false)] })).unknownCriticalExtensions, [])
  const entries = [entryOf('1', { extensions: unknown }), entryOf('2', { extensions: unknown })]
  t.strictSame(readBytes(writeList({ entries })).unknownCriticalEntryExtensions, ['1.2.3.4'], 'once')
  const indirect = [entryOf('1', { extensions: [written.certificateIssuerExtension()] })]
  t.equal(readBytes(writeList({ entries: indirect })).hasOtherIssuers, true)
  t.strictSame(readBytes(writeList({ entries: indirect })).unknownCriticalEntryExtensions, [])
  const many = Array.from({ length: 40 }, (_, n) =>
    entryOf('1', { extensions: [extensionOf(`1.2.3.${n}`, octets('05 00'), true)] }),
  )
  t.equal(readBytes(writeList({ entries: many })).unknownCriticalEntryExtensions.length, 16, 'a few are named')
})

const rows: readonly (readonly [name: string, parts: ListParts, message: RegExp])[] = [
  ['version 1 written out', { version: derInteger('0') }, /version 1 at/],
  ['version 3', { version: derInteger('2') }, /version 3 at/],
  ['extensions in version 1', { version: null }, /extensions in a list of version 1/],
  [
    'an entry with extensions in version 1',
    { version: null, extensions: null, entries: [entryOf('1', { extensions: [reasonExtension(1)] })] },
    /an entry with extensions in a list of version 1/,
  ],
  ['two signature algorithms', { outerAlgorithm: derSequence(derOid('1.2.840.10045.4.3.3')) }, /two different/],
  ['no issuer', { issuer: new Uint8Array() }, /tag 23 where 48 belongs/],
  ['a malformed issuer', { issuer: octets('30 02 31 00') }, /an empty relative name/],
  ['a thisUpdate that does not exist', { thisUpdate: utcTime('260230000000Z') }, /a time that does not exist/],
  ['a thisUpdate without seconds', { thisUpdate: utcTime('2602030000Z') }, /a malformed time/],
  ['a nextUpdate with an offset', { nextUpdate: generalizedTime('20260203000000+0900') }, /a malformed time/],
  ['an entry that is no SEQUENCE', { entries: [derInteger('1')] }, /tag 2 where 48 belongs/],
  ['an empty entry', { entries: [derSequence()] }, /tag -1 where 2 belongs/],
  ['an entry without a time', { entries: [derSequence(derInteger('1'))] }, /an element is cut off/],
  ['a serial number with padding', { entries: [entryOf(octets('02 02 00 01'))] }, /a non-minimal INTEGER/],
  ['an empty serial number', { entries: [entryOf(octets('02 00'))] }, /an empty INTEGER/],
  [
    'a revocation time that does not exist',
    { entries: [entryOf('1', { time: utcTime('251332000000Z') })] },
    /not exist/,
  ],
  ['empty extensions of an entry', { entries: [entryOf('1', { extensions: [] })] }, /an empty list of extensions/],
  [
    'something after the extensions of an entry',
    { entries: [derSequence(derInteger('1'), derTime(0), derSequence(reasonExtension(1)), octets('05 00'))] },
    /surplus bytes/,
  ],
  ['reason 7', { entries: [entryOf('1', { extensions: [reasonExtension(7)] })] }, /an unknown reason code/],
  ['reason 11', { entries: [entryOf('1', { extensions: [reasonExtension(11)] })] }, /an unknown reason code/],
  [
    'a reason of two octets',
    { entries: [entryOf('1', { extensions: [extensionOf(oids.reasonCode, octets('0a 02 00 01'))] })] },
    /an unknown reason code/,
  ],
  [
    'a reason that is an INTEGER',
    { entries: [entryOf('1', { extensions: [extensionOf(oids.reasonCode, octets('02 01 01'))] })] },
    /tag 2 where 10 belongs/,
  ],
  [
    'a reason given twice',
    { entries: [entryOf('1', { extensions: [reasonExtension(1), reasonExtension(1)] })] },
    /extension 2\.5\.29\.21 given twice/,
  ],
  [
    'an invalidity date as UTCTime',
    { entries: [entryOf('1', { extensions: [extensionOf(oids.invalidityDate, utcTime('260101000000Z'))] })] },
    /a malformed invalidity date/,
  ],
  [
    'a certificate issuer without names',
    { entries: [entryOf('1', { extensions: [extensionOf(oids.certificateIssuer, derSequence(), true)] })] },
    /an element is cut off/,
  ],
  ['an entry of over 64 KiB', { entries: [derSequence(new Uint8Array(66_000))] }, /an element of 66005 bytes/],
  ['empty extensions', { extensions: [] }, /an empty list of extensions/],
  ['a number given twice', { extensions: [written.numberExtension(1), written.numberExtension(1)] }, /given twice/],
  ['a negative number', { extensions: [extensionOf(oids.crlNumber, octets('02 01 ff'))] }, /a negative CRL number/],
  [
    'a number over 20 octets',
    { extensions: [extensionOf(oids.crlNumber, derInteger(`1${'00'.repeat(20)}`))] },
    /a CRL number over 20 octets/,
  ],
  [
    'something after a number',
    { extensions: [extensionOf(oids.crlNumber, octets('02 01 01 05 00'))] },
    /surplus bytes/,
  ],
  [
    'a distribution point with fields in another order',
    { extensions: [written.pointExtension(written.flag(0x84), written.flag(0x81))] },
    /surplus bytes/,
  ],
  ['a malformed flag', { extensions: [written.pointExtension(octets('84 01 01'))] }, /a malformed BOOLEAN/],
  ['malformed reasons', { extensions: [written.pointExtension(octets('83 01 00'))] }, /malformed reasons/],
  [
    'a distribution point with a malformed name',
    { extensions: [written.pointExtension(derElement(0xa0, derElement(0xa2)))] },
    /a malformed distribution point/,
  ],
  [
    '33 extensions',
    { extensions: Array.from({ length: 33 }, (_, n) => extensionOf(`1.2.${n}`, octets('05 00'))) },
    /too many extensions/,
  ],
  ['something after the extensions', { more: octets('05 00') }, /surplus bytes/],
  ['two lists of entries', { entries: [entryOf('1')], extensions: null, more: derSequence(entryOf('2')) }, /surplus/],
  ['a signature with unused bits', { signature: octets('03 02 01 02') }, /a BIT STRING with unused bits/],
  ['no signature', { signature: new Uint8Array() }, /an element is cut off/],
  ['something after the signature', { outerMore: octets('05 00') }, /surplus bytes/],
  ['something after the list', { after: octets('00') }, /surplus bytes/],
]

t.test('what is no list', async (t) => {
  for (const [name, parts, message] of rows) {
    for (const chunkBytes of [1, 4_096])
      t.throws(() => readBytes(writeList(parts), { chunkBytes }), unreadable(message), name)
  }
  const others: Record<string, readonly [hex: string, message: RegExp]> = {
    'nothing at all': ['', /the list is cut off at byte 0$/],
    'a byte': ['30', /the list is cut off at byte 1$/],
    'another tag': ['31 00', /tag 49 where 48 belongs at byte 0$/],
    'an indefinite length': ['30 80 00 00', /an indefinite or over-long length at byte 0$/],
    'a length of five octets': ['30 85 01 00 00 00 00', /an indefinite or over-long length/],
    'a length in a longer form than needed': [`30 81 7f ${'00'.repeat(127)}`, /a non-minimal length at byte 0$/],
    'a length with a leading zero octet': [`30 82 00 80 ${'00'.repeat(128)}`, /a non-minimal length/],
    'an empty list': ['30 00', /an element is cut off at byte 2$/],
    'a list that is cut off': ['30 82 01 00 30 81 80', /the list is cut off at byte 7$/],
    'contents beyond their surroundings': [
      '30 04 30 03 02 01 01',
      /contents reach beyond their surroundings at byte 2$/,
    ],
    'a length beyond its surroundings': ['30 03 30 82 01 00', /a length is cut off at byte 2$/],
    'a high tag number': ['30 04 1f 02 01 01', /a high tag number at byte 2$/],
  }
  for (const [name, [hex, message]] of Object.entries(others)) {
    for (const chunkBytes of [1, 4_096])
      t.throws(() => readBytes(octets(hex), { chunkBytes }), unreadable(message), name)
  }
})

t.test('the position is that of the fault in the list, wherever the chunks end', async (t) => {
  const list = writeList({ entries: [entryOf('1'), entryOf('2', { extensions: [reasonExtension(7)] })] })
  const at = list.indexOf(octets('0a 01 07'))
  for (const chunkBytes of [1, 7, 50, 4_096]) {
    t.throws(() => readBytes(list, { chunkBytes }), { path: `byte ${at}`, message: new RegExp(`at byte ${at}$`) })
  }
})

t.test('limits', async (t) => {
  const list = writeList({ entries: Array.from({ length: 100 }, (_, n) => entryOf((n + 1).toString(16))) })
  t.equal(readBytes(list, { entriesMax: 100, bytesMax: list.length }).entries.count, 100, 'just as large')
  t.throws(() => readBytes(list, { entriesMax: 99 }), {
    code: 'crl_refused',
    path: 'entriesMax',
    message: 'Cannot take the CRL as entriesMax is 99: current value is at least 100 entries',
  })
  t.throws(() => readBytes(list, { bytesMax: list.length - 1 }), {
    code: 'crl_refused',
    path: 'bytesMax',
    message: `Cannot take the CRL as bytesMax is ${list.length - 1}: current value is ${list.length} bytes`,
  })
})

t.test('a length that claims 4 GiB allocates nothing', async (t) => {
  const before = process.memoryUsage().arrayBuffers
  const bytesMax = Number.MAX_SAFE_INTEGER
  for (const hex of ['30 84 ffffffff 30 84 fffffff0 02 01 01', '30 84 ffffffff 30 84 fffffff0 30 84 ffffff00']) {
    t.throws(() => readBytes(octets(hex), { bytesMax }), unreadable(/cut off|an element of/))
  }
  t.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
})

t.test('the source is not asked again once it has ended', async (t) => {
  const source = written.inChunks(full.subarray(0, 100), 50)
  let ended = 0
  const pull = () => {
    const chunk = source()
    if (chunk === undefined && ++ended > 1) throw new Error('asked again')
    return chunk
  }
  t.throws(() => readCrl(pull, { entriesMax: 10, bytesMax: 10_000 }), unreadable(/the list is cut off at byte 100$/))
  t.equal(ended, 1)
})

/** What reading gives: the list, or undefined when it is refused in one of the two ways. */
function attempt(bytes: Uint8Array) {
  try {
    return readBytes(bytes, { bytesMax: 100_000, chunkBytes: 64 })
  } catch (fault) {
    if (fault instanceof GatewayError && ['crl_unreadable', 'crl_refused'].includes(fault.code)) return undefined
    throw fault
  }
}

t.test('every truncation is refused', async (t) => {
  const read = Array.from(full.keys()).filter((length) => attempt(full.subarray(0, length)) !== undefined)
  t.same(read, [])
})

t.test('no list with a changed byte is one that the key has signed', async (t) => {
  let readable = 0
  const accepted: number[] = []
  for (const at of full.keys()) {
    for (const change of [0x01, 0x02, 0x10, 0x20, 0x80, 0xff]) {
      const changed = Buffer.from(full)
      changed[at] = (changed[at] as number) ^ change
      const reading = attempt(changed)
      if (reading === undefined) continue
      readable++
      if (reading.signatureValid !== false) accepted.push(at)
    }
  }
  t.same(accepted, [])
  t.ok(readable > 500, `${readable} were lists nevertheless`)
})

t.test('a list of 20,000 entries', async (t) => {
  const parts = {
    entries: Array.from({ length: 20_000 }, (_, n) =>
      entryOf((0x10000000 + n).toString(16).repeat(4), { extensions: [reasonExtension(n % 6)] }),
    ),
  }
  const list = writeList(parts)
  const before = process.memoryUsage().arrayBuffers
  const { entries, signatureValid } = readBytes(list, { chunkBytes: 65_536 })
  const grown = process.memoryUsage().arrayBuffers - before - entries.bytes
  t.ok(grown < 500_000, `${grown} bytes beside the entries, of a list of ${list.length}`)
  t.equal(signatureValid, true)
  t.equal(entries.count, 20_000)
  t.ok(entries.bytes / entries.count < 40, `${entries.bytes / entries.count} bytes an entry`)
  let number = 0
  for (const { serialHex, reasonCode } of entries) {
    if (serialHex !== (0x10000000 + number).toString(16).repeat(4) || reasonCode !== number % 6) t.fail(`${number}`)
    number++
  }
  t.equal(number, 20_000)

  const keys = makeKeys('ed25519')
  const other = writeList(parts, keys.privateKey)
  for (const chunkBytes of [1_000, 65_536, other.length]) {
    t.equal(readBytes(other, { chunkBytes, publicKey: keys.publicKey }).signatureValid, true, 'Ed25519')
  }
})
