// Goal: Grafana's boards are what was drawn, can be read without asking anybody, and ask only for metrics that exist.
// Method: read the JSON files; compare them with the drawing, and the names in their expressions with the metric table.
import t from 'tap'
import { grafanaJson } from '../../scripts/boards/grafana-json.ts'
import { boardFile, boards } from '../../scripts/grafana-boards.ts'
import { metricTable } from '../../src/observe/metric-table.ts'
import { boardPaths, type GrafanaPanel, queriesOf, readBoards } from '../boards/board-files.ts'
import { readSource, root } from '../tidy/source-files.ts'

const read = readBoards()
const panelsOf = ({ panels }: { panels: readonly GrafanaPanel[] }) => panels.filter(({ type }) => type !== 'row')

/** Beside the metric table: Prometheus itself, and what prom-client says of the process. */
const others = [
  'up',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_open_fds',
  'process_max_fds',
]

/** Every series name that a scrape of a gateway has, with its labels. */
const series = new Map<string, readonly string[]>([
  ...metricTable.flatMap(({ name, type, labels, perThread }): [string, string[]][] => {
    const all = [...labels, ...(perThread ? ['thread'] : [])]
    if (type !== 'histogram') return [[name, all]]
    return ['bucket', 'sum', 'count'].map((part) => [`${name}_${part}`, part === 'bucket' ? [...all, 'le'] : all])
  }),
  ...others.map((name): [string, string[]] => [name, []]),
])

t.test('the files are up to date: node scripts/grafana-boards.ts', async (t) => {
  t.same(boards.map(boardFile).sort(), boardPaths.map((path) => `${root}${path}`).sort())
  for (const [at, board] of boards.entries()) {
    const path = boardFile(board).slice(root.length)
    t.strictSame(JSON.parse(readSource(path).text), JSON.parse(JSON.stringify(grafanaJson(board))), `${at}: ${path}`)
  }
})

t.test('links and bookmarks stay: nobody changes the uid of a board', async (t) => {
  t.same(
    read.map(({ uid, title }) => [uid, title]),
    [
      ['sekisho-logins', 'Sekisho: logins'],
      ['sekisho-denials', 'Sekisho: denials and revocations'],
    ],
  )
})

t.test('every panel says what it shows and what good looks like, with a unit', async (t) => {
  for (const board of read) {
    t.ok(board.schemaVersion >= 38, 'Grafana 10 and later')
    for (const panel of panelsOf(board)) {
      const where = `${board.title} / ${panel.title}`
      t.ok(panel.title.length > 2, where)
      t.match(panel.description, /\bGood: /, where)
      t.ok(panel.fieldConfig?.defaults.unit, where)
      t.same(panel.datasource, { type: 'prometheus', uid: '$' + '{datasource}' }, where)
      t.ok((panel.targets ?? []).length > 0, where)
      for (const { legendFormat } of panel.targets ?? []) t.ok(legendFormat.length > 0, where)
    }
  }
})

t.test('colours begin upwards, the first one everywhere', async (t) => {
  for (const board of read) {
    for (const { title, fieldConfig } of panelsOf(board)) {
      const [first, ...more] = fieldConfig?.defaults.thresholds.steps.map(({ value }) => value) ?? []
      t.equal(first, null, title)
      t.same(
        more,
        [...new Set(more)].sort((a, b) => Number(a) - Number(b)),
        title,
      )
    }
  }
})

t.test('panels have ids and titles of their own, and lie side by side', async (t) => {
  for (const { panels, title } of read) {
    t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, title)
    t.equal(new Set(panels.map((panel) => panel.title)).size, panels.length, `${title}: titles`)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    )
    t.equal(new Set(cells).size, cells.length, `${title}: none lies on another`)
    t.ok(
      panels.every(({ gridPos: { x, w } }) => x >= 0 && x + w <= 24),
      title,
    )
  }
})

t.test('only panels that every Grafana has, and a first row that fits on one screen', async (t) => {
  const builtIn = new Set(['row', 'stat', 'timeseries', 'state-timeline', 'bargauge', 'table'])
  for (const { panels, title } of read) {
    t.same(
      panels.filter(({ type }) => !builtIn.has(type)).map((panel) => panel.title),
      [],
    )
    const second = panels.filter(({ type }) => type === 'row')[1]
    t.ok((second?.gridPos.y ?? 99) <= 14, title)
  }
})

t.test('gateway and door can be chosen, several or all', async (t) => {
  for (const { templating } of read) {
    t.match(
      templating.list.map(({ name, type }) => [name, type]),
      [
        ['datasource', 'datasource'],
        ['job', 'query'],
        ['instance', 'query'],
        ['door', 'query'],
      ],
    )
    for (const { multi, includeAll, allValue } of templating.list.slice(1))
      t.same([multi, includeAll, allValue], [true, true, '.+'])
  }
})

t.test('expressions ask for series that exist, of the gateways that were chosen', async (t) => {
  let found = 0
  for (const { where, expr } of read.flatMap(queriesOf)) {
    const selectors = [...expr.matchAll(/\b([a-z0-9_]+)\{([^}]*)\}/g)]
    t.ok(selectors.length > 0, where)
    t.same(unbraced(expr), [], `${where}: no series without labels`)
    for (const [, name = '', matchers = ''] of selectors) {
      found++
      const labels = series.get(name)
      t.ok(labels, `${where}: ${name}`)
      t.match(matchers, /job=~"\$job",instance=~"\$instance"/, where)
      const used = [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label)
      t.same(
        used.filter((label) => !['job', 'instance', ...(labels ?? [])].includes(label)),
        [],
        `${where}: labels of ${name}`,
      )
      if (labels?.includes('door')) t.ok(used.includes('door'), `${where}: the chosen doors of ${name}`)
    }
  }
  t.ok(found > 60)
})

t.test('what is summed by, and what a legend names, are labels of the series', async (t) => {
  for (const board of read) {
    for (const { title, targets = [] } of panelsOf(board)) {
      for (const { expr, legendFormat } of targets) {
        const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(', '))
        const has = [...expr.matchAll(/\b([a-z0-9_]+)\{/g)].flatMap(([, name = '']) => series.get(name) ?? [])
        const unknown = by.filter((label) => label !== 'instance' && !has.includes(label))
        t.same(unknown, [], title)
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
        t.same(
          named.filter((label) => !by.includes(label)),
          [],
          `${title}: ${legendFormat}`,
        )
      }
    }
  }
})

/** Names of ours that stand without braces. */
function unbraced(expr: string): string[] {
  return [...expr.matchAll(/\b(sekisho_[a-z0-9_]+|process_[a-z0-9_]+)\b(?!\{)/g)].map(([, name = '']) => name)
}
