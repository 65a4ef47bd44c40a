// The boards of config/grafana/ as HTML pages of small charts, for looking at them without Grafana:
//   node scripts/board-pictures.ts --url http://127.0.0.1:9090 [--minutes 60] [--out FOLDER] [--rate-interval 1m]
// Exit codes: 0 drawn, 1 Prometheus refused or does not answer, 2 wrong command line.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Board, Panel } from './boards/board.ts'
import { drawPage } from './boards/board-page.ts'
import type { NamedSeries } from './boards/chart.ts'
import { fillVariables } from './boards/fill-variables.ts'
import { legendOf, queryRange, type TimeSpan } from './boards/prometheus-query.ts'
import { boards } from './grafana-boards.ts'

const pointsWanted = 180

export type PictureOptions = {
  /** Of the Prometheus that scrapes the gateways. */
  readonly url: string
  /** Unit: seconds since 1970. */
  readonly startSeconds: number
  readonly endSeconds: number
  /** What stands for `$__rate_interval`; at least four times the scrape interval. */
  readonly rateInterval: string
  /** Made if it is not there. */
  readonly folder: string
}

export type BoardPicture = {
  readonly file: string
  /** Titles of the panels that have no series and should have one. */
  readonly empty: readonly string[]
}

/** Writes a page for each board. Rejects when Prometheus refuses an expression or does not answer. */
export async function drawBoards(options: PictureOptions): Promise<BoardPicture[]> {
  const { startSeconds, endSeconds, folder } = options
  const stepSeconds = Math.max(1, Math.ceil((endSeconds - startSeconds) / pointsWanted))
  const span = { startSeconds, endSeconds: startSeconds + fullSteps(options, stepSeconds) * stepSeconds, stepSeconds }
  mkdirSync(folder, { recursive: true })
  const pictures: BoardPicture[] = []
  for (const board of boards) pictures.push(await drawBoard(board, span, options))
  return pictures
}

const fullSteps = ({ startSeconds, endSeconds }: PictureOptions, stepSeconds: number) =>
  Math.floor((endSeconds - startSeconds) / stepSeconds)

async function drawBoard(board: Board, span: TimeSpan, options: PictureOptions): Promise<BoardPicture> {
  const range = `${Math.max(1, Math.round(span.endSeconds - span.startSeconds))}s`
  const series = new Map<Panel, NamedSeries[]>()
  for (const panel of board.rows.flatMap(({ panels }) => panels)) {
    const found: NamedSeries[] = []
    for (const { expr, legend } of panel.queries) {
      const filled = fillVariables(expr, { rateInterval: options.rateInterval, range })
      const answer = await queryRange(options.url, filled, span)
      found.push(...answer.map((one) => ({ ...one, name: legendOf(legend, one) })))
    }
    series.set(panel, found)
  }
  const file = join(options.folder, board.file.replace(/\.json$/, '.html'))
  writeFileSync(
    file,
    drawPage(board, (panel) => series.get(panel) ?? [], span),
  )
  const empty = [...series]
    .filter(([{ whenEmpty }, found]) => whenEmpty === undefined && found.every(({ points }) => points.length === 0))
    .map(([{ title }]) => title)
  return { file, empty }
}

async function main(): Promise<number> {
  let parsed: ReturnType<typeof parseOptions>
  try {
    parsed = parseOptions()
  } catch (error) {
    console.error(`${(error as Error).message}. Usage: --url URL [--minutes N] [--out FOLDER] [--rate-interval 1m]`)
    return 2
  }
  try {
    for (const { file, empty } of await drawBoards(parsed))
      console.log(empty.length === 0 ? file : `${file}: without data: ${empty.join(', ')}`)
    return 0
  } catch (error) {
    console.error((error as Error).message)
    return 1
  }
}

function parseOptions(): PictureOptions {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      minutes: { type: 'string', default: '60' },
      out: { type: 'string', default: 'boards' },
      'rate-interval': { type: 'string', default: '1m' },
    },
  })
  const { url, minutes, out, 'rate-interval': rateInterval } = values
  if (url === undefined) throw new Error('Cannot draw as the URL of a Prometheus is missing')
  if (!(Number(minutes) > 0 && Number(minutes) <= 44_640)) {
    throw new Error(`Cannot draw as --minutes must be from 0 to 44640: current value is ${minutes}`)
  }
  const endSeconds = Math.floor(Date.now() / 1_000)
  return { url, startSeconds: endSeconds - Number(minutes) * 60, endSeconds, rateInterval, folder: out }
}

if (import.meta.main) process.exitCode = await main()
