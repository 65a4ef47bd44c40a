import type { LiveWords } from '../live-words.ts'
import type { PageData } from './live-model.ts'

export type Format = {
  /** Day and time, or only the time of the day where that is today. */
  moment(timeMs: number, nowMs: number): string
  /** Two units at most. Unit: seconds. */
  span(seconds: number | null): string
  /** How long ago, in words. */
  ago(seconds: number | null): string
  /** Names, the first few of them if there are many. */
  some(names: readonly string[]): string
  /** A reason, a result or another label in words; as it is where there are none. */
  label(name: string): string
  fill(text: string, values: Readonly<Record<string, string | number>>): string
}

const namesShownMax = 5

/** How the page writes times and labels. */
export function createFormat({ words, language, timeZone }: PageData): Format {
  const zone = { timeZone, hourCycle: 'h23' } as const
  const locale = language === 'ja' ? 'ja-JP' : 'en-GB'
  const clock = new Intl.DateTimeFormat(locale, { ...zone, hour: '2-digit', minute: '2-digit', second: '2-digit' })
  const day = new Intl.DateTimeFormat(locale, { ...zone, month: 'numeric', day: 'numeric' })
  return {
    moment: (timeMs, nowMs) => {
      const isToday = day.format(timeMs) === day.format(nowMs)
      return isToday ? clock.format(timeMs) : `${day.format(timeMs)} ${clock.format(timeMs)}`
    },
    span: (seconds) => spanOf(seconds, words),
    ago: (seconds) => (seconds === null ? words.unknown : fill(words.ago, { t: spanOf(seconds, words) })),
    some: (names) => {
      const left = names.length - namesShownMax
      return names.slice(0, namesShownMax).join(', ') + (left > 0 ? fill(words.more, { n: left }) : '')
    },
    label: (name) => (words.labels as Readonly<Record<string, string>>)[name] ?? name,
    fill,
  }
}

function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}

function spanOf(seconds: number | null, words: LiveWords): string {
  if (seconds === null) return words.unknown
  const length = Math.abs(seconds)
  if (length < 120) return fill(words.seconds, { n: Math.round(length * 10) / 10 })
  if (length < 7_200) return fill(words.minutes, { n: Math.round(length / 60) })
  if (length < 172_800) return fill(words.hours, { n: Math.round(length / 3_600) })
  return fill(words.days, { n: Math.round(length / 86_400) })
}
