import type { Language } from './portal-texts.ts'

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** Writes a moment (milliseconds since the epoch) as a day: 2027年11月21日 or 21 Nov 2027; empty for what is no date. */
export type DayFormat = (timeMs: number, language: Language) => string

/**
 * A day format for one time zone (IANA name, for example `Asia/Tokyo`).
 * @throws RangeError for an unknown time zone.
 */
export function createDayFormat(timeZone: string): DayFormat {
  // Month names come from our own table: those of Intl change between ICU versions (Sep, Sept).
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  })
  return (timeMs, language) => {
    if (!(Math.abs(timeMs) <= 8.64e15)) return ''
    const [month = '', day = '', year = ''] = format.format(timeMs).split('/')
    return language === 'ja' ? `${year}年${month}月${day}日` : `${day} ${months[Number(month) - 1] ?? ''} ${year}`
  }
}
