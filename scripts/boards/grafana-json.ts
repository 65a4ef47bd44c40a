import { type Board, heightOf, type Panel, type PanelKind, type Query, widthOf } from './board.ts'

/** A part of Grafana's JSON. */
type Json = Readonly<Record<string, unknown>>

/** Grafana 10.4: what it writes for boards of this kind. Later ones take it over when they read it. */
const schemaVersion = 39

const datasource = { type: 'prometheus', uid: `\${datasource}` }

const grafanaTypes: Readonly<Record<PanelKind, string>> = {
  number: 'stat',
  lines: 'timeseries',
  areas: 'timeseries',
  bars: 'timeseries',
  states: 'state-timeline',
  lengths: 'bargauge',
  table: 'table',
}

/** Kinds that show the last value alone. */
const instantKinds: readonly PanelKind[] = ['lengths', 'table']

/** A board as Grafana imports it. */
export function grafanaJson(board: Board): Json {
  return {
    uid: board.uid,
    title: board.title,
    description: board.description,
    tags: ['sekisho'],
    schemaVersion,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: '',
    weekStart: '',
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    timepicker: {},
    fiscalYearStartMonth: 0,
    liveNow: false,
    annotations: { list: [] },
    links: [
      {
        title: 'Other boards of Sekisho',
        type: 'dashboards',
        tags: ['sekisho'],
        asDropdown: false,
        icon: 'external link',
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        tooltip: '',
        url: '',
      },
    ],
    templating: { list: variables },
    panels: placePanels(board),
  }
}

const variables: readonly Json[] = [
  {
    name: 'datasource',
    label: 'Data source',
    description: 'The Prometheus that scrapes the gateways',
    type: 'datasource',
    query: 'prometheus',
    hide: 0,
    includeAll: false,
    multi: false,
    options: [],
    refresh: 1,
    regex: '',
    skipUrlSync: false,
  },
  queryVariable('job', 'Job', 'label_values(sekisho_build_info, job)', 'The scrape job of the gateways'),
  queryVariable('instance', 'Gateway', 'label_values(sekisho_build_info{job=~"$job"}, instance)', 'Which gateways'),
  queryVariable(
    'door',
    'Door',
    'label_values(sekisho_connections_total{job=~"$job",instance=~"$instance"}, door)',
    'Which doors, in the panels that tell them apart',
  ),
]

function queryVariable(name: string, label: string, query: string, description: string): Json {
  return {
    name,
    label,
    description,
    type: 'query',
    datasource,
    query: { query, refId: `Variable-${name}`, qryType: 1 },
    // A gateway that is down now had its name in the time that is looked at.
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.+',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    hide: 0,
    options: [],
    regex: '',
    skipUrlSync: false,
    sort: 1,
  }
}

/** Panels from left to right, a new line where the 24 columns are full; ids count from 1. */
function placePanels({ rows }: Board): Json[] {
  const placed: Json[] = []
  const add = (panel: Json) => void placed.push({ id: placed.length + 1, ...panel })
  let y = 0
  for (const row of rows) {
    add({ type: 'row', title: row.title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] })
    y++
    let x = 0
    let lineHeight = 0
    for (const panel of row.panels) {
      const [w, h] = [widthOf(panel), heightOf(panel)]
      if (x + w > 24) {
        x = 0
        y += lineHeight
        lineHeight = 0
      }
      add({ ...drawPanel(panel), gridPos: { x, y, w, h } })
      x += w
      lineHeight = Math.max(lineHeight, h)
    }
    y += lineHeight
  }
  return placed
}

function drawPanel(panel: Panel): Json {
  const { title, description, kind, queries } = panel
  return {
    type: grafanaTypes[kind],
    title,
    description,
    datasource,
    targets: queries.map((query, position) => drawQuery(query, panel, String.fromCharCode(65 + position))),
    fieldConfig: { defaults: drawDefaults(panel), overrides: [] },
    options: optionsOf(kind),
    ...(kind === 'table' && {
      transformations: [{ id: 'organize', options: { excludeByName: { Time: true }, renameByName: { Value: title } } }],
    }),
  }
}

function drawQuery({ expr, legend }: Query, { kind, inOrder = false }: Panel, refId: string): Json {
  const instant = instantKinds.includes(kind) && !inOrder
  return {
    refId,
    datasource,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    instant,
    range: !instant,
    format: kind === 'table' ? 'table' : 'time_series',
  }
}

function drawDefaults({ kind, unit, limits, whenEmpty, words, belowZero }: Panel): Json {
  const isTime = grafanaTypes[kind] === 'timeseries'
  return {
    unit,
    ...((isTime || kind === 'lengths') && belowZero !== true ? { min: 0 } : {}),
    ...(whenEmpty !== undefined && { noValue: whenEmpty }),
    color: { mode: isTime ? 'palette-classic' : 'thresholds' },
    thresholds: { mode: 'absolute', steps: stepsOf(limits) },
    mappings: words === undefined ? [] : [{ type: 'value', options: mappingOf(words) }],
    ...(isTime && { custom: lineStyle(kind, limits !== undefined) }),
    ...(kind === 'states' && { custom: { fillOpacity: 70, lineWidth: 0 } }),
  }
}

function mappingOf(words: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(Object.entries(words).map(([value, text], index) => [value, { text, index }]))
}

function stepsOf(limits: Panel['limits']): Json[] {
  if (limits === undefined) return [{ color: 'blue', value: null }]
  const { warn, bad } = limits
  if (bad >= warn) {
    return [
      { color: 'green', value: null },
      ...(warn === bad ? [] : [{ color: 'yellow', value: warn }]),
      { color: 'red', value: bad },
    ]
  }
  // Colours begin upwards from their value: what lies below `bad` is red.
  return [
    { color: 'red', value: null },
    { color: 'yellow', value: bad },
    { color: 'green', value: warn },
  ]
}

function lineStyle(kind: PanelKind, hasLimits: boolean): Json {
  const isStacked = kind !== 'lines'
  return {
    drawStyle: kind === 'bars' ? 'bars' : 'line',
    lineInterpolation: 'linear',
    // A stacked series that is 0 would draw its line over that of the series below it.
    lineWidth: kind === 'areas' ? 0 : 1,
    fillOpacity: { bars: 80, areas: 60 }[kind as string] ?? 5,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: hasLimits ? 'dashed' : 'off' },
  }
}

function optionsOf(kind: PanelKind): Json {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
  if (kind === 'number') {
    return {
      reduceOptions,
      colorMode: 'value',
      graphMode: 'area',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: 'value',
    }
  }
  if (kind === 'lengths') {
    return { reduceOptions, displayMode: 'basic', orientation: 'horizontal', showUnfilled: true, valueMode: 'color' }
  }
  if (kind === 'table') return { showHeader: true, cellHeight: 'sm' }
  const legend = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] }
  const tooltip = { mode: 'multi', sort: 'desc' }
  if (kind === 'states')
    return { legend, tooltip, mergeValues: true, showValue: 'auto', alignValue: 'left', rowHeight: 0.8 }
  return { legend, tooltip }
}
