import { type DerReader, tags, unreadable } from './der-reader.ts'

/**
 * Reads a Time of a validity window (RFC 5280 4.1.2.5): UTCTime `YYMMDDHHMMSSZ` (years 1950 to 2049) or
 * GeneralizedTime `YYYYMMDDHHMMSSZ`; seconds and the Z are required, fractions and offsets refused. GeneralizedTime
 * before 2050 is read too: an issuer must not write it, but it means one thing only.
 * Unit: milliseconds since 1970-01-01T00:00:00Z. Throws `certificate_unreadable`.
 */
export function readTime(reader: DerReader): number {
  const element = reader.next()
  const { bytes } = reader
  const { contentStart, end } = element
  const yearDigits = element.tag === tags.utcTime ? 2 : element.tag === tags.generalizedTime ? 4 : 0
  if (yearDigits === 0 || end - contentStart !== yearDigits + 11 || bytes[end - 1] !== 0x5a) {
    throw unreadable(element.start, 'a malformed time')
  }
  let position = contentStart
  const two = (): number => {
    const high = (bytes[position++] as number) - 0x30
    const low = (bytes[position++] as number) - 0x30
    if (high < 0 || high > 9 || low < 0 || low > 9) throw unreadable(position - 2, 'a malformed time')
    return high * 10 + low
  }
  let year = two()
  if (yearDigits === 4) year = year * 100 + two()
  else year += year < 50 ? 2000 : 1900
  const month = two()
  const day = two()
  const hour = two()
  const minute = two()
  const second = two()
  const valid = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
  if (!valid || hour > 23 || minute > 59 || second > 59) throw unreadable(element.start, 'a time that does not exist')
  return (daysSinceEpoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days from 1970-01-01 in the proleptic Gregorian calendar; years start in March, so that the leap day comes last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const leapDays = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  return shifted * 365 + leapDays + dayOfYear - 719_468
}
