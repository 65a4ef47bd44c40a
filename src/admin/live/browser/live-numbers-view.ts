import type { Counts, LiveSample } from '../live-message.ts'
import { drawChart, type Layer, restColor } from './live-chart.ts'
import type { Format } from './live-format.ts'
import type { Model, PageData } from './live-model.ts'
import { chartSeconds, secondsCovered, spread } from './live-seconds.ts'

/** So little missing at the left is not worth telling: samples come a little less than once a second. */
const slackSeconds = 5
/** Rates are those of so many seconds, so that the figures can be read. */
const rateSeconds = 5

/** The tiles at the top and the charts. */
export function showNumbers({ state, samples }: Model, { words }: PageData, format: Format): void {
  if (state === undefined) return
  const last = samples.slice(-rateSeconds)
  const rate = (count: (sample: LiveSample) => number) => {
    const lastMs = last.reduce((sum, { durationMs }) => sum + durationMs, 0)
    return lastMs === 0 ? 0 : (last.reduce((sum, sample) => sum + count(sample), 0) * 1_000) / lastMs
  }
  showTile('permitted', oneDecimal(rate(({ permitted }) => permitted)), words.perSecond)
  showTile('denied', oneDecimal(rate(({ denied }) => sumOf(denied))), words.perSecond)
  showTile('connections', state.doors.reduce((sum, { open }) => sum + open, 0).toLocaleString())
  showTile('dataAge', format.ago(state.own.dataAgeSeconds))
  showTile('inForce', state.revocations.reduce((sum, { entries }) => sum + entries, 0).toLocaleString())

  const known = secondsCovered(samples)
  const isWhole = known >= chartSeconds - slackSeconds
  const frame = {
    unknownSeconds: isWhole ? 0 : chartSeconds - known,
    extent: isWhole ? words.charts : format.fill(words.sinceStart, { t: format.span(known) }),
    peakText: (peak: number) => format.fill(words.peak, { n: peak.toLocaleString() }),
  }
  const draw = (name: 'verdicts' | 'reasons' | 'handshakes' | 'requests' | 'cuts', layers: readonly Layer[]) =>
    drawChart({ id: `chart-${name}`, title: words[name], layers, ...frame })
  draw('verdicts', [
    layerOf(samples, words.permitted, 0, ({ permitted }) => permitted),
    layerOf(samples, words.denied, 1, ({ denied }) => sumOf(denied)),
  ])
  draw('reasons', layersOf(samples, format, { chart: 'reasons', counts: ({ denied }) => denied, well: '' }))
  draw(
    'handshakes',
    layersOf(samples, format, { chart: 'handshakes', counts: ({ handshakes }) => handshakes, well: 'completed' }),
  )
  draw('requests', layersOf(samples, format, { chart: 'requests', counts: ({ requests }) => requests, well: '2xx' }))
  draw('cuts', layersOf(samples, format, { chart: 'cuts', counts: ({ cuts }) => cuts, well: '' }))
}

function showTile(name: string, text: string, unit = ''): void {
  const tile = document.getElementById(`tile-${name}`)
  if (!tile) return
  const small = document.createElement('small')
  small.textContent = unit
  tile.replaceChildren(`${text} `, small)
}

/** Which colour each name has in each chart: it keeps it for as long as it is shown, whatever becomes more frequent. */
const colors = new Map<string, Map<string, number>>()

/** Each name has a layer of its own, `well` the lowest; where there are more names than colours, the rarest are one. */
function layersOf(
  samples: readonly LiveSample[],
  format: Format,
  { chart, counts, well }: { chart: string; counts: (sample: LiveSample) => Counts; well: string },
): Layer[] {
  const totals = new Map<string, number>()
  for (const sample of samples) {
    for (const [name, count] of Object.entries(counts(sample))) totals.set(name, (totals.get(name) ?? 0) + count)
  }
  const others = [...totals.keys()].filter((name) => name !== well)
  others.sort((one, other) => (totals.get(other) ?? 0) - (totals.get(one) ?? 0))
  const own = others.slice(0, restColor - 1)
  const rest = others.slice(own.length)
  const taken = takeColors(chart, own)
  const layers = own.map((name) =>
    layerOf(samples, format.label(name), taken.get(name) ?? restColor, (sample) => counts(sample)[name] ?? 0),
  )
  if (totals.has(well)) layers.push(layerOf(samples, format.label(well), 0, (sample) => counts(sample)[well] ?? 0))
  if (rest.length > 0) {
    const restOf = (sample: LiveSample) => rest.reduce((sum, name) => sum + (counts(sample)[name] ?? 0), 0)
    layers.push(layerOf(samples, format.label('others'), restColor, restOf))
  }
  return layers.sort((one, other) => one.color - other.color)
}

function takeColors(chart: string, names: readonly string[]): ReadonlyMap<string, number> {
  const before = colors.get(chart) ?? new Map<string, number>()
  const kept = names.flatMap((name) => {
    const color = before.get(name)
    return color === undefined ? [] : [[name, color] as const]
  })
  const taken = new Map(kept)
  const free = Array.from({ length: restColor - 1 }, (_, at) => at + 1).filter(
    (color) => !kept.some((one) => one[1] === color),
  )
  for (const name of names) if (!taken.has(name)) taken.set(name, free.shift() ?? restColor)
  colors.set(chart, taken)
  return taken
}

function layerOf(
  samples: readonly LiveSample[],
  label: string,
  color: number,
  count: (sample: LiveSample) => number,
): Layer {
  return { label, color, values: spread(samples, count) }
}

function sumOf(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function oneDecimal(value: number): string {
  return value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString()
}
