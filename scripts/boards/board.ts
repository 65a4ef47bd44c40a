/**
 * What a board says, apart from how Grafana writes it down. Boards use no recording rules, so that they work without the rule files.
 */
export type Board = {
  /** Stays for good: links and bookmarks hold it. */
  readonly uid: string
  readonly title: string
  readonly description: string
  /** File name of the drawn board below config/grafana/. */
  readonly file: string
  readonly rows: readonly BoardRow[]
}

export type BoardRow = { readonly title: string; readonly panels: readonly Panel[] }

/**
 * `number`: the last value, large, over a small line. `lines`: a line a series. `areas`: stacked. `bars`: stacked, where nothing drawn
 * means none, for queries that leave out what is 0. `states`: a bar in time a series. `lengths`: the last value of each series as a bar.
 * `table`: the last values, a row a series.
 */
export type PanelKind = 'number' | 'lines' | 'areas' | 'bars' | 'states' | 'lengths' | 'table'

/** Units by Grafana's names; `suffix:/s` is written behind the number as it stands. */
export type Unit = 'suffix:/s' | 'suffix:/min' | 's' | 'd' | 'bytes' | 'percentunit' | 'short' | 'suffix: cores'

export type Query = {
  /** PromQL with `$job`, `$instance`, `$door`, `$__rate_interval` and `$__range`. */
  readonly expr: string
  /** Name of each series, with labels as `{{label}}`. */
  readonly legend: string
}

export type Panel = {
  readonly title: string
  /** What it shows, and what good looks like. */
  readonly description: string
  readonly kind: PanelKind
  readonly unit: Unit
  readonly queries: readonly [Query, ...Query[]]
  /** Columns of 24. Default 8; numbers 3. */
  readonly width?: number
  /** Where yellow and red begin: upwards where `bad` is the greater one, else downwards; red alone where they are the same. */
  readonly limits?: { readonly warn: number; readonly bad: number }
  /** Shown in place of a chart that has no series; only for panels that may have none on a healthy gateway. */
  readonly whenEmpty?: string
  /** In the order of their names, for `lengths`; else as Prometheus pleases, which sorts only what is asked over time. */
  readonly inOrder?: boolean
  /** The scale goes below 0 where the values do. Default false: it begins at 0. */
  readonly belowZero?: true
  /** Words for values. */
  readonly words?: Readonly<Record<string, string>>
}

/** Rows of Grafana's grid. */
export const heightOf = ({ kind }: Pick<Panel, 'kind'>) => (kind === 'number' ? 4 : 8)

/** Columns of Grafana's grid, of which a row has 24. */
export const widthOf = ({ kind, width }: Pick<Panel, 'kind' | 'width'>) => width ?? (kind === 'number' ? 3 : 8)

/** Labels of every query: the gateways that are looked at. */
export const here = 'job=~"$job",instance=~"$instance"'

/** Labels of every query that tells doors apart. */
export const atDoor = `${here},door=~"$door"`

/** How much a counter grows a second. */
export const rate = (name: string, labels = here) => `rate(${name}{${labels}}[$__rate_interval])`

/** How much a counter has grown in the time that is looked at, by these labels, in whole numbers. */
export const grown = (name: string, by: string, labels = here) =>
  `round(sum${by === '' ? '' : ` by (${by})`} (increase(${name}{${labels}}[$__range])))`

/** A quantile of a histogram, by these labels. */
export function quantile(share: number, name: string, by: string, labels = here): string {
  const labelNames = by === '' ? 'le' : `le, ${by}`
  return `histogram_quantile(${share}, sum by (${labelNames}) (${rate(`${name}_bucket`, labels)}))`
}

/** Median and 99th percentile of a histogram: a line each. `name` stands before the percentile in the legend. */
export function medianAndP99(metric: string, by: string, name: string, labels = here): readonly [Query, Query] {
  const query = (share: number): Query => ({
    expr: quantile(share, metric, by, labels),
    legend: `${name} p${share * 100}`.trim(),
  })
  return [query(0.5), query(0.99)]
}
