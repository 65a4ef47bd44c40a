import { localTime } from '../base/calendar-day.ts'

/** A moment as people in that time zone write it. */
export type MailDay = { readonly language: 'ja' | 'en'; readonly timeZone: string; readonly withTime?: boolean }

const weekdaysJa = ['日', '月', '火', '水', '木', '金', '土'] as const
const weekdaysEn = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** Writes a moment (milliseconds since the epoch): 2026年12月24日(木) or Thu, 24 Dec 2026; with the time of day 15:04 behind it. */
export function writeDay(timeMs: number, { language, timeZone, withTime = false }: MailDay): string {
  const { year, month, day, hour, minute } = localTime(timeMs, timeZone)
  const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay()
  const date =
    language === 'ja'
      ? `${year}年${month}月${day}日(${weekdaysJa[weekday]})`
      : `${weekdaysEn[weekday]}, ${day} ${months[month - 1]} ${year}`
  return withTime ? `${date} ${hour}:${String(minute).padStart(2, '0')}` : date
}
