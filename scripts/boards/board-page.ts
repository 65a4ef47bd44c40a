import { type Board, heightOf, type Panel, widthOf } from './board.ts'
import {
  type ChartSize,
  colourOf,
  drawChart,
  drawSpark,
  drawStates,
  escapeText,
  limitColour,
  type NamedSeries,
} from './chart.ts'
import type { TimeSpan } from './prometheus-query.ts'
import { unitText } from './unit-text.ts'

/** The series of a panel, all of its queries together. */
export type PanelSeries = (panel: Panel) => readonly NamedSeries[]

const columnPixels = 60
const rowPixels = 38
const padPixels = 8
const titlePixels = 20
const legendPixels = 46

/** A board as one HTML page that needs nothing else; laid out as Grafana does. */
export function drawPage(board: Board, seriesOf: PanelSeries, span: TimeSpan): string {
  const rows = board.rows.map(
    ({ title, panels }) =>
      `<h2>${escapeText(title)}</h2><div class="grid">${panels.map((panel) => drawPanel(panel, seriesOf(panel), span)).join('')}</div>`,
  )
  const [from, to] = [span.startSeconds, span.endSeconds].map((time) => new Date(time * 1_000).toISOString())
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeText(board.title)}</title><style>${style}</style>
<h1>${escapeText(board.title)}</h1><p>${escapeText(board.description)} ${from} to ${to}.</p>
${rows.join('\n')}
</html>
`
}

const style = `body{font:13px system-ui,sans-serif;width:${24 * columnPixels}px;margin:12px;background:#f4f5f5;color:#222}
h1{font-size:18px;margin:0 0 4px}p{margin:0}h2{font-size:14px;margin:12px 0 4px}
.grid{display:grid;grid-template-columns:repeat(24,${columnPixels}px)}
.panel{background:#fff;border:1px solid #ddd;margin:2px;padding:4px ${padPixels - 3}px;overflow:hidden;box-sizing:border-box}
.panel b{display:block;height:${titlePixels}px;white-space:nowrap}svg{display:block}svg text{font-size:11px}
.legend{font-size:11px;line-height:15px;max-height:${legendPixels}px;overflow:hidden}.legend i{display:inline-block;width:10px;height:4px;margin:0 4px 2px 0}
.legend span{margin-right:10px;white-space:nowrap}.number{font-size:30px;line-height:44px;white-space:nowrap}
.empty{color:#777;padding:24px 8px}.none{color:#c4162a;padding:24px 8px}table{border-collapse:collapse;width:100%}th{text-align:left}td{border-top:1px solid #eee;padding:1px 4px}
.length{display:flex;height:17px;font-size:11px;line-height:17px}.length em{flex:0 0 190px;font-style:normal;overflow:hidden;white-space:nowrap}.length div{height:13px;margin:2px 6px 2px 0;background:#2f7ed8}`

function drawPanel(panel: Panel, series: readonly NamedSeries[], span: TimeSpan): string {
  const [columns, rows] = [widthOf(panel), heightOf(panel)]
  const size = { width: columns * columnPixels - 2 * padPixels, height: rows * rowPixels - titlePixels - 18 }
  const seen = series.filter(({ points }) => points.length > 0)
  return `<div class="panel" style="grid-column:span ${columns};height:${rows * rowPixels}px" title="${escapeText(panel.description)}"><b>${escapeText(panel.title)}</b>${seen.length === 0 ? drawNothing(panel) : drawContent(panel, seen, span, size)}</div>`
}

function drawNothing({ whenEmpty }: Panel): string {
  return whenEmpty === undefined
    ? '<div class="none">No data</div>'
    : `<div class="empty">${escapeText(whenEmpty)}</div>`
}

function drawContent(panel: Panel, series: readonly NamedSeries[], span: TimeSpan, size: ChartSize): string {
  switch (panel.kind) {
    case 'number':
      return drawNumber(panel, series, span, size)
    case 'lengths':
      return drawLengths(panel, nowOf(series, span))
    case 'table':
      return drawTable(panel, nowOf(series, span))
    case 'states':
      return drawStates(panel, series, span, size)
    default: {
      const chart = drawChart(panel, series, span, { ...size, height: size.height - legendPixels })
      return chart + drawLegend(panel, series)
    }
  }
}

/** The series that have a value at the end: what a panel of last values shows. */
function nowOf(series: readonly NamedSeries[], { endSeconds, stepSeconds }: TimeSpan): NamedSeries[] {
  return series.filter(({ points }) => (points.at(-1)?.[0] ?? 0) > endSeconds - stepSeconds * 1.5)
}

const lastOf = ({ points }: NamedSeries) => points.at(-1)?.[1] ?? 0

function textOf(panel: Panel, value: number): string {
  return panel.words?.[String(value)] ?? unitText(value, panel.unit)
}

function drawNumber(panel: Panel, series: readonly NamedSeries[], span: TimeSpan, size: ChartSize): string {
  const [first] = series
  if (first === undefined) return drawNothing(panel)
  const value = lastOf(first)
  const colour = limitColour(value, panel.limits)
  const spark = drawSpark(first, span, { width: size.width, height: size.height - 44 }, colour)
  return `<div class="number" style="color:${colour}">${escapeText(textOf(panel, value))}</div>${spark}`
}

function drawLengths(panel: Panel, series: readonly NamedSeries[]): string {
  if (series.length === 0) return drawNothing(panel)
  const longest = Math.max(...series.map(lastOf), 0) || 1
  return series
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map((one) => {
      const value = lastOf(one)
      const share = (Math.max(0, value) / longest) * 45
      return `<div class="length"><em>${escapeText(one.name)}</em><div style="width:${share.toFixed(1)}%;background:${limitColour(value, panel.limits)}"></div>${escapeText(textOf(panel, value))}</div>`
    })
    .join('')
}

function drawTable(panel: Panel, series: readonly NamedSeries[]): string {
  if (series.length === 0) return drawNothing(panel)
  const rows = series
    .toSorted((a, b) => lastOf(b) - lastOf(a))
    .map((one) => {
      const cells = [...Object.values(one.labels), textOf(panel, lastOf(one))]
      return `<tr>${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join('')}</tr>`
    })
  const head = [...Object.keys(series[0]?.labels ?? {}), panel.title].map((name) => `<th>${escapeText(name)}</th>`)
  return `<table><tr>${head.join('')}</tr>${rows.join('')}</table>`
}

function drawLegend(panel: Panel, series: readonly NamedSeries[]): string {
  const names = series.map(
    (one, at) =>
      `<span><i style="background:${colourOf(at)}"></i>${escapeText(one.name)} ${escapeText(textOf(panel, lastOf(one)))}</span>`,
  )
  return `<div class="legend">${names.join('')}</div>`
}
