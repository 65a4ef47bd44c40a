const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** How far a time is from now, for people: `2 days ago`, `in 3 hours`, `now`. Unit of both: milliseconds since the epoch. */
export function relativeTime(timeMs: number, nowMs: number): string {
  const distanceMs = Math.abs(timeMs - nowMs)
  const [noun, unitMs] = units.find(([, lengthMs]) => distanceMs >= lengthMs) ?? []
  if (noun === undefined || unitMs === undefined) return 'now'
  const count = Math.floor(distanceMs / unitMs)
  const span = `${count} ${noun}${count === 1 ? '' : 's'}`
  return timeMs < nowMs ? `${span} ago` : `in ${span}`
}
