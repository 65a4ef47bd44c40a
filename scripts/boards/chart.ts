import type { Panel } from './board.ts'
import type { TimeSeries, TimeSpan } from './prometheus-query.ts'
import { unitText } from './unit-text.ts'

/** Charts as SVG, for looking at a board without Grafana: right in what they show, plain in how. */

export type NamedSeries = TimeSeries & { readonly name: string }
export type ChartSize = { readonly width: number; readonly height: number }

type Frame = ChartSize & {
  readonly span: TimeSpan
  readonly x: (timeSeconds: number) => number
  readonly y: (value: number) => number
  readonly step: number
}

const margin = { left: 78, right: 8, top: 6, bottom: 18 }
const palette = [
  '#2f7ed8',
  '#e8743b',
  '#19a979',
  '#945ecf',
  '#e0b400',
  '#13a4b4',
  '#d0486f',
  '#6c8893',
  '#8b5a2b',
  '#525df4',
]

/** Colour of the series at this place. */
export const colourOf = (position: number) => palette[position % palette.length] as string

/** Text that stands in HTML or SVG. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign] as string)
}

/** Lines, areas or bars over time. */
export function drawChart(panel: Panel, series: readonly NamedSeries[], span: TimeSpan, size: ChartSize): string {
  const stacked = panel.kind === 'areas' || panel.kind === 'bars'
  const layers = stacked ? stackLayers(series, span) : []
  const values = stacked
    ? layers.flatMap(({ tops }) => tops.map(([, top]) => top))
    : series.flatMap(({ points }) => points.map(([, value]) => value))
  const frame = frameOf(values, span, size)
  const shapes = stacked
    ? layers.map((layer, at) => (panel.kind === 'bars' ? drawBars(layer, frame, at) : drawArea(layer, frame, at)))
    : series.map(({ points }, at) => drawLine(points, frame, colourOf(at)))
  return wrap(size, [drawAxes(panel, values, frame), ...shapes])
}

/** A line without axes, to stand under a number. */
export function drawSpark({ points }: TimeSeries, span: TimeSpan, size: ChartSize, colour: string): string {
  const frame = frameOf(
    points.map(([, value]) => value),
    span,
    size,
    0,
  )
  return wrap(size, [drawLine(points, frame, colour)])
}

/** A bar in time for each series, in the colour of its value. */
export function drawStates(panel: Panel, series: readonly NamedSeries[], span: TimeSpan, size: ChartSize): string {
  const frame = frameOf([0, 1], span, size, 110)
  const height = Math.min(34, (size.height - margin.bottom) / Math.max(1, series.length) - 4)
  const rows = series.map(({ name, points }, at) => {
    const y = at * (height + 4)
    const cells = points.map(
      ([time, value]) =>
        `<rect x="${frame.x(time).toFixed(1)}" y="${y}" width="${(frame.step + 0.5).toFixed(1)}" height="${height}" fill="${limitColour(value, panel.limits)}"/>`,
    )
    const word = panel.words?.[String(points.at(-1)?.[1])] ?? ''
    return `${cells.join('')}<text x="0" y="${y + height / 2 + 4}">${escapeText(name)}</text><text x="${size.width - 12}" y="${y + height / 2 + 4}" text-anchor="end" fill="#fff">${escapeText(word)}</text>`
  })
  return wrap(size, rows)
}

/** Green, yellow or red by the limits of a panel; blue where it has none. */
export function limitColour(value: number, limits: Panel['limits']): string {
  if (limits === undefined) return '#2f7ed8'
  const { warn, bad } = limits
  const isUpwards = bad >= warn
  if (isUpwards ? value >= bad : value < bad) return '#c4162a'
  return (isUpwards ? value >= warn : value < warn) ? '#c79400' : '#2b8a3e'
}

function frameOf(values: readonly number[], span: TimeSpan, size: ChartSize, left = margin.left): Frame {
  const top = Math.max(...values, 0)
  const bottom = Math.min(...values, 0)
  const range = top - bottom || 1
  const [width, height] = [size.width - left - margin.right, size.height - margin.top - margin.bottom]
  const seconds = span.endSeconds - span.startSeconds || 1
  return {
    ...size,
    span,
    x: (time) => left + ((time - span.startSeconds) / seconds) * width,
    y: (value) => margin.top + height - ((value - bottom) / (range * 1.05)) * height,
    step: (span.stepSeconds / seconds) * width,
  }
}

type Layer = { readonly tops: readonly (readonly [time: number, top: number, bottom: number])[] }

/** Each series on top of those before it; where one has no sample it counts as 0. */
function stackLayers(series: readonly NamedSeries[], { startSeconds, endSeconds, stepSeconds }: TimeSpan): Layer[] {
  const times = Array.from(
    { length: Math.floor((endSeconds - startSeconds) / stepSeconds) + 1 },
    (_, at) => startSeconds + at * stepSeconds,
  )
  const heights = new Array<number>(times.length).fill(0)
  return series.map(({ points }) => {
    const values = new Map(points.map(([time, value]) => [Math.round((time - startSeconds) / stepSeconds), value]))
    return {
      tops: times.map((time, at) => {
        const bottom = heights[at] as number
        heights[at] = bottom + (values.get(at) ?? 0)
        return [time, heights[at] as number, bottom] as const
      }),
    }
  })
}

function drawBars({ tops }: Layer, { x, y, step }: Frame, position: number): string {
  return tops
    .filter(([, top, bottom]) => top > bottom)
    .map(
      ([time, top, bottom]) =>
        `<rect x="${x(time).toFixed(1)}" y="${y(top).toFixed(1)}" width="${Math.max(1, step * 0.9).toFixed(1)}" height="${(y(bottom) - y(top)).toFixed(1)}" fill="${colourOf(position)}"/>`,
    )
    .join('')
}

function drawArea({ tops }: Layer, { x, y }: Frame, position: number): string {
  const over = tops.map(([time, top]) => `${x(time).toFixed(1)},${y(top).toFixed(1)}`)
  const under = tops.map(([time, , bottom]) => `${x(time).toFixed(1)},${y(bottom).toFixed(1)}`).reverse()
  return `<polygon points="${[...over, ...under].join(' ')}" fill="${colourOf(position)}" fill-opacity="0.6"/>`
}

/** In pieces: where there was no sample there is no line. */
function drawLine(points: TimeSeries['points'], { x, y, span }: Frame, colour: string): string {
  let path = ''
  let before = Number.NEGATIVE_INFINITY
  for (const [time, value] of points) {
    path += `${time - before > span.stepSeconds * 1.5 ? 'M' : 'L'}${x(time).toFixed(1)} ${y(value).toFixed(1)}`
    before = time
  }
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linecap="round"/>`
}

function drawAxes({ unit, limits }: Panel, values: readonly number[], frame: Frame): string {
  const { width, height, span, x, y } = frame
  const top = Math.max(...values, 0)
  const bottom = Math.min(...values, 0)
  const marks = [...new Set([bottom, 0, (top + bottom) / 2, top])].filter((value) => top > bottom || value === 0)
  const lines = marks.map(
    (value) =>
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${margin.left - 4}" y="${y(value) + 4}" text-anchor="end">${unitText(value, unit)}</text>`,
  )
  const borders = Object.entries(limits ?? {})
    .filter(([, value]) => value <= top && value >= bottom)
    .map(
      ([name, value]) =>
        `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(value)}" y2="${y(value)}" stroke="${name === 'bad' ? '#c4162a' : '#c79400'}" stroke-dasharray="5 4"/>`,
    )
  const times = [0, 0.5, 1].map((share) => {
    const time = span.startSeconds + share * (span.endSeconds - span.startSeconds)
    const anchor = ['start', 'middle', 'end'][share * 2]
    return `<text x="${x(time)}" y="${height - 4}" text-anchor="${anchor}">${new Date(time * 1_000).toISOString().slice(11, 19)}</text>`
  })
  return [...lines, ...borders, ...times].join('')
}

function wrap({ width, height }: ChartSize, shapes: readonly string[]): string {
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${shapes.join('')}</svg>`
}
