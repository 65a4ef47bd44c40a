// Goal: validity times are read exactly, and only in the two forms of RFC 5280 4.1.2.5.
// Method: spellings with their meaning; every day of four centuries against the platform's own calendar.
import t from 'tap'
import { DerReader, tags } from '../../src/x509/der-reader.ts'
import { derText, derTime } from '../../src/x509/der-writer.ts'
import { readTime } from '../../src/x509/read-time.ts'

const read = (tag: number, text: string) => readTime(new DerReader(derText(tag, text)))
const utc = (text: string) => read(tags.utcTime, text)
const generalized = (text: string) => read(tags.generalizedTime, text)

t.test('what they mean', async (t) => {
  t.equal(utc('500101000000Z'), Date.parse('1950-01-01T00:00:00Z'))
  t.equal(utc('491231235959Z'), Date.parse('2049-12-31T23:59:59Z'))
  t.equal(utc('240229120000Z'), Date.parse('2024-02-29T12:00:00Z'))
  t.equal(generalized('20500101000000Z'), Date.parse('2050-01-01T00:00:00Z'))
  t.equal(generalized('99991231235959Z'), Date.parse('9999-12-31T23:59:59Z'))
  t.equal(generalized('20260101000000Z'), Date.parse('2026-01-01T00:00:00Z'), 'before 2050, still read')
})

t.test('what is refused', async (t) => {
  const wrong = [
    ...['2601010000Z', '260101000000', '260101000000+0900', '260101000000.5Z', '26010100000aZ', '261301000000Z'],
    ...['260001000000Z', '260100000000Z', '260132000000Z', '260431000000Z', '260229000000Z', '260101240000Z'],
    ...['260101006000Z', '260101000060Z', '26-101000000Z', '260101000000z', ''],
  ]
  for (const text of wrong) t.throws(() => utc(text), { code: 'certificate_unreadable' }, `UTCTime ${text}`)
  for (const text of ['20260101000000.5Z', '20260101000000', '2026010100Z', '19000229000000Z', '260101000000Z']) {
    t.throws(() => generalized(text), { code: 'certificate_unreadable' }, `GeneralizedTime ${text}`)
  }
  t.throws(() => read(tags.utf8String, '260101000000Z'), { code: 'certificate_unreadable' }, 'another type')
})

t.test('every 13th day from 1900 to 2300, written and read', async (t) => {
  let differing = 0
  for (let day = -25_567; day < 120_529; day += 13) {
    const timeMs = day * 86_400_000 + 45_296_000
    if (readTime(new DerReader(derTime(timeMs))) !== timeMs) differing++
  }
  t.equal(differing, 0)
})
