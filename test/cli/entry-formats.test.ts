// Goal: each format of a file gives the entries that stand in it, with the lines where they begin, and tells what is none.
// Method: the parsers line by line, over texts as people and programs write them; files cut into chunks at every place.
import t from 'tap'
import { CsvParser } from '../../src/cli/csv-parser.ts'
import { readLineBlocks } from '../../src/cli/entry-file.ts'
import { createParser, guessFormat } from '../../src/cli/entry-format.ts'
import type { EntryParser, ParsedEntry } from '../../src/cli/entry-parser.ts'
import { NdjsonParser, SerialParser } from '../../src/cli/entry-parser.ts'
import { PemParser } from '../../src/cli/pem-parser.ts'

function parse(parser: EntryParser, text: string): [number, unknown][] {
  const found: (ParsedEntry | undefined)[] = text.split('\n').map((line, at) => parser.take(line, at + 1))
  found.push(parser.end())
  return found.flatMap((entry): [number, unknown][] => {
    if (entry === undefined) return []
    return [
      [entry.line, 'json' in entry ? JSON.parse(entry.json) : `${entry.rejected.field}: ${entry.rejected.problem}`],
    ]
  })
}

t.test('serial numbers: one a line, comments and blank lines left out', (t) => {
  const text = '# lost PCs\n\n0A:1B\n  serial=0c  # by phone\n#1\n a1 b2 \n'
  t.strictSame(parse(new SerialParser('ca'), text), [
    [3, { issuer: 'ca', serial: '0A:1B' }],
    [4, { issuer: 'ca', serial: 'serial=0c' }],
    [6, { issuer: 'ca', serial: 'a1 b2' }],
  ])
  t.end()
})

t.test('CSV: columns in any order and spelling, quotes, line ends in fields, empty fields', (t) => {
  const text = [
    'Comment,"Login_ID",serial number,Issuer,REASON',
    'plain,,0a1b,ca-1,keyCompromise',
    '"a ""b"", c",,0c,,',
    '',
    '"two',
    'lines",user01,,ca-1,',
    ' x , , 0d , ca-2 , superseded ',
    ',user02,0e,ca-1,',
  ].join('\n')
  t.strictSame(parse(new CsvParser('default-ca'), text), [
    [2, { comment: 'plain', serial: '0a1b', issuer: 'ca-1', reason: 'keyCompromise' }],
    [3, { comment: 'a "b", c', serial: '0c', issuer: 'default-ca' }],
    [5, { comment: 'two\nlines', loginId: 'user01' }],
    [7, { comment: 'x', serial: '0d', issuer: 'ca-2', reason: 'superseded' }],
    [8, { loginId: 'user02', serial: '0e', issuer: 'ca-1' }],
  ])
  t.strictSame(parse(new CsvParser('ca'), 'serial\n1\n'), [[2, { serial: '1', issuer: 'ca' }]])
  t.strictSame(parse(new CsvParser(undefined), 'loginId\nuser01\n'), [[2, { loginId: 'user01' }]])
  t.end()
})

t.test('CSV: records that are none are told by the line where they begin, the next ones are read', (t) => {
  const text = 'issuer,serial\nca,1,2\nca\nca,a"b"\n"ca" x,1\nca,2\n"ca,3\nca,4\n'
  t.match(parse(new CsvParser(undefined), text), [
    [2, /3 fields where the header has 2/],
    [3, /1 fields/],
    [4, /Quotes/],
    [5, /Quotes/],
    [6, { issuer: 'ca', serial: '2' }],
    [7, /does not end/],
  ])
  const endless = `issuer,serial\n"ca,1\n${'x'.repeat(100_000)}\nca,2\n`
  t.match(parse(new CsvParser(undefined), endless), [
    [2, /does not end/],
    [4, { serial: '2' }],
  ])
  t.end()
})

t.test('CSV: headers that cannot be used', (t) => {
  const cases: [string, RegExp][] = [
    ['serial,issuer,colour', /a column "colour"/],
    ['serial,issuer,serial', /a column twice/],
    ['serial,reason', /has no issuer; --issuer NAME/],
    ['issuer,reason', /neither serial nor loginId/],
    ['0a1b,ca', /a column "0a1b"/],
    ['serial,"issuer" x', /column/],
  ]
  for (const [header, message] of cases) {
    t.throws(() => parse(new CsvParser(undefined), `${header}\nx,y\n`), { message }, header)
  }
  t.end()
})

t.test('NDJSON passes as it is', (t) => {
  t.strictSame(parse(new NdjsonParser(), '{"a":1}\n\n {"b":2} \n'), [
    [1, { a: 1 }],
    [3, { b: 2 }],
  ])
  t.end()
})

t.test('PEM: every certificate, whatever stands around them; other blocks and broken ones are told', (t) => {
  const block = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
  const text = `Certificate:\n  Data:\n${block('CERTIFICATE', 'AAAA\nBBBB')}\n${block('CERTIFICATE', 'CCCC')}`
  t.strictSame(parse(new PemParser(), text), [
    [3, { certificate: 'AAAABBBB' }],
    [8, { certificate: 'CCCC' }],
  ])
  const secret = block('PRIVATE KEY', 'c2VjcmV0')
  const broken = `${secret}${block('X509 CRL', 'AAAA')}-----BEGIN CERTIFICATE-----\nAAAA\n${block('CERTIFICATE', 'BBBB')}-----BEGIN CERTIFICATE-----\nAAAA`
  t.match(parse(new PemParser(), broken), [
    [1, /not a certificate/],
    [4, /not a certificate/],
    [7, /no END/],
    [9, { certificate: 'BBBB' }],
    [12, /no END/],
  ])
  t.notMatch(JSON.stringify(parse(new PemParser(), secret)), /c2VjcmV0/)
  t.end()
})

t.test('the format is guessed by how the file begins', (t) => {
  const cases: [string, string | undefined][] = [
    ['0a1b', 'serials'],
    ['serial=0a1b', 'serials'],
    ['# a list\n\n0A:1B', 'serials'],
    ['serial', 'csv'],
    ['\n# x\n"Login ID",comment', 'csv'],
    ['serial,issuer', 'csv'],
    ['{"serial":"1"}', 'ndjson'],
    ['-----BEGIN CERTIFICATE-----', 'pem'],
    ['Certificate:\n    Data:\n-----BEGIN CERTIFICATE-----', 'pem'],
    ['', undefined],
    ['# only a comment', undefined],
  ]
  for (const [text, format] of cases) {
    t.equal(guessFormat(text.split('\n'), false), format, text)
    t.equal(guessFormat(text.split('\n'), true), format ?? 'serials', text)
  }
  t.throws(() => guessFormat(['[{"serial":"1"}]'], true), { message: /JSON array/, exitCode: 1 })
  t.throws(() => guessFormat(['a\0b'], true), { message: /not text/ })
  t.throws(() => createParser('serials', undefined), { message: /needs --issuer/, exitCode: 2 })
  t.throws(() => createParser('pem', 'ca'), { message: /this is pem/, exitCode: 2 })
  t.end()
})

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function linesOf(bytes: Buffer, size = 65_536): Promise<string[]> {
  const lines: string[] = []
  for await (const block of readLineBlocks({ name: 'f', chunks: chunksOf(bytes, size) })) lines.push(...block.lines)
  return lines
}

t.test('lines are the same whatever the chunks; what is no UTF-8 text is told', async (t) => {
  const bytes = Buffer.from('\ufeff本\r\n\r\nb\nlast')
  for (let size = 1; size <= bytes.length; size++) t.strictSame(await linesOf(bytes, size), ['本', '', 'b', 'last'])
  t.strictSame(await linesOf(Buffer.from('')), [])
  const cases: [Buffer, RegExp][] = [
    [Buffer.from('\ufeff0a1b\n', 'utf16le'), /UTF-16/],
    [Buffer.from([0x30, 0x82, 0x01, 0x0a, 0x00]), /DER/],
    [Buffer.from([0x61, 0x0a, 0x83, 0x65, 0x0a]), /not UTF-8, somewhere after line 0/],
    [Buffer.from([0x61, 0x0a, 0xe6]), /not UTF-8/],
    [Buffer.alloc(1_200_000, 'x'), /line 1 is too long/],
  ]
  for (const [bytes, message] of cases) await t.rejects(linesOf(bytes), { message })
})
