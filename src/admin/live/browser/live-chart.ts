import { chartSeconds } from './live-seconds.ts'

/** One layer of a chart: a number for each second, the newest last. */
export type Layer = { readonly label: string; readonly color: number; readonly values: readonly number[] }

export type Chart = {
  readonly id: string
  readonly title: string
  readonly layers: readonly Layer[]
  /** Seconds at the left of which nothing is known: the gateway was not there yet. */
  readonly unknownSeconds: number
  /** What the totals are of. */
  readonly extent: string
  readonly peakText: (peak: number) => string
}

/** Colour of what has none of its own; 0 is for what is well. */
export const restColor = 7
const height = 100
const svgName = 'http://www.w3.org/2000/svg'

/** Draws the layers on top of each other, and writes beside them what they add up to, for who cannot see them too. */
export function drawChart({ id, title, layers, unknownSeconds, extent, peakText }: Chart): void {
  const figure = document.getElementById(id)
  const svg = figure?.querySelector('svg')
  if (!figure || !svg) return
  const sums = new Array<number>(chartSeconds).fill(0)
  const tops = layers.map(({ values }) => values.map((value, at) => (sums[at] = (sums[at] ?? 0) + value)))
  const peak = Math.max(...sums)
  const scale = (height - 4) / Math.max(peak, 1)
  const paths = layers.map(({ color }, position) => {
    const path = document.createElementNS(svgName, 'path')
    path.setAttribute('class', `c${color}`)
    path.setAttribute('d', outline(tops[position] ?? [], tops[position - 1] ?? [], scale))
    return path
  })
  svg.replaceChildren(before(unknownSeconds), ...paths)
  const legend = layers.toSorted(byTotal)
  const totals = legend.map(({ label, values }) => `${label} ${sumOf(values).toLocaleString()}`)
  svg.setAttribute('aria-label', `${title} (${extent}): ${totals.length === 0 ? '0' : totals.join(', ')}`)
  setText(figure, '.peak', peakText(peak < 10 ? Math.round(peak * 10) / 10 : Math.round(peak)))
  setText(figure, '.extent', extent)
  figure.querySelector('.legend')?.replaceChildren(...legend.map(legendLine))
}

/** No column is not the same as no data: a quiet minute looks otherwise than one before the start. */
function before(unknownSeconds: number): SVGElement {
  const area = document.createElementNS(svgName, 'rect')
  area.setAttribute('class', 'before')
  area.setAttribute('width', String(unknownSeconds))
  area.setAttribute('height', String(height))
  return area
}

/** What is well first, the rest last, between them the most frequent first. */
function byTotal(one: Layer, other: Layer): number {
  const rank = ({ color }: Layer) => (color === 0 ? 0 : color === restColor ? 2 : 1)
  return rank(one) - rank(other) || sumOf(other.values) - sumOf(one.values)
}

function setText(figure: HTMLElement, selector: string, text: string): void {
  const element = figure.querySelector(selector)
  if (element) element.textContent = text
}

function legendLine({ label, color, values }: Layer): HTMLElement {
  const line = document.createElement('li')
  const mark = document.createElement('i')
  mark.className = `c${color}`
  const name = document.createElement('span')
  name.textContent = label
  const total = document.createElement('b')
  total.textContent = sumOf(values).toLocaleString()
  line.append(mark, name, total)
  return line
}

/** A step for each second, from the layer's top back along that of the one below. */
function outline(tops: readonly number[], below: readonly number[], scale: number): string {
  const y = (value = 0) => (height - value * scale).toFixed(2)
  let path = `M0 ${y(below[0])}`
  for (let at = 0; at < tops.length; at++) path += `V${y(tops[at])}H${at + 1}`
  for (let at = tops.length - 1; at >= 0; at--) path += `V${y(below[at])}H${at}`
  return `${path}Z`
}

function sumOf(values: readonly number[]): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0))
}
