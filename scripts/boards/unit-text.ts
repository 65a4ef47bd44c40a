import type { Unit } from './board.ts'

const bytesStep = 1_024

/** A value as a reader wants it: `12 ms`, `98.5 %`, `1.5 GiB`. */
export function unitText(value: number, unit: Unit): string {
  switch (unit) {
    case 's':
      return secondsText(value)
    case 'd':
      return `${short(value)} d`
    case 'bytes': {
      const power = Math.min(4, Math.floor(Math.log(Math.max(1, Math.abs(value))) / Math.log(bytesStep)))
      return `${short(value / bytesStep ** power)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`
    }
    case 'percentunit':
      return `${short(value * 100)} %`
    case 'short':
      return short(value)
    default:
      return `${short(value)}${unit.slice('suffix:'.length)}`
  }
}

function secondsText(value: number): string {
  const size = Math.abs(value)
  if (size >= 172_800) return `${short(value / 86_400)} d`
  if (size >= 7_200) return `${short(value / 3_600)} h`
  if (size >= 120) return `${short(value / 60)} min`
  if (size >= 1 || size === 0) return `${short(value)} s`
  return size >= 0.001 ? `${short(value * 1_000)} ms` : `${short(value * 1_000_000)} µs`
}

/** Three digits that count, thousands as k and M. */
function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1_000_000) return `${three(value / 1_000_000)} M`
  if (size >= 10_000) return `${three(value / 1_000)} k`
  return three(value)
}

const three = (value: number) => String(Number(value.toPrecision(3)))
