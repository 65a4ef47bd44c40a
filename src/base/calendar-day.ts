const dayMs = 86_400_000
const formats = new Map<string, Intl.DateTimeFormat>()

/**
 * Numbers the calendar days of a time zone one after the other. The difference of two is how many midnights lie between, whatever clock
 * changes there were.
 * @throws RangeError for an unknown time zone.
 */
export function calendarDay(timeMs: number, timeZone: string): number {
  const { year, month, day } = localTime(timeMs, timeZone)
  return Date.UTC(year, month - 1, day) / dayMs
}

/** Date and time of day as a clock in the time zone shows them. */
export type LocalTime = {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
}

/** @throws RangeError for an unknown time zone, or a moment that is none. */
export function localTime(timeMs: number, timeZone: string): LocalTime {
  // 12/24/2026, 08:05: the order and the separators of en-US are the oldest that Intl has.
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0] = formatOf(timeZone)
    .format(timeMs)
    .split(/\D+/)
    .map((part) => Number(part))
  return { year, month, day, hour, minute }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  formats.set(timeZone, format)
  return format
}
