import { type GatewayName, gatewayNames } from './gateways/gateway.ts'
import { type Round, type Spread, type Summary, summarise } from './statistics.ts'

/** How gateways are called in tables. */
export const gatewayLabels: Readonly<Record<GatewayName, string>> = {
  sekisho: 'Sekisho',
  haproxy: 'HAProxy',
  nginx: 'nginx',
  httpProxy: 'http-proxy',
}

/** One quantity of a section. */
export type Row = {
  readonly quantity: string
  /** What is measured, with its unit in brackets at the end. */
  readonly title: string
  readonly digits: number
  /** The figure is divided by it before it is printed. */
  readonly divisor: number
  /** false: a ratio of this quantity would say nothing. Default true. */
  readonly ratio?: boolean
}

/** What one part of the benchmark has measured. */
export type Section = {
  readonly title: string
  /** The contestant whose ratio to each of the others is shown. */
  readonly base: string
  /** Contestants in the order of the columns, with their headings. */
  readonly labels: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
  readonly rounds: readonly Round[]
  /** For what is measured once, in place of the number of rounds: how. There is no spread then. */
  readonly measured?: string
}

/** A figure that must not be exceeded. */
export type Bar = {
  readonly quantity: string
  /** With its unit in brackets at the end. */
  readonly title: string
  readonly value: number
  readonly most: number
  readonly digits: number
}

const mainRows: readonly Row[] = [
  { quantity: 'request', title: 'CPU per keep-alive request (µs)', digits: 1, divisor: 1 },
  { quantity: 'p50', title: 'p50 of keep-alive requests (ms)', digits: 2, divisor: 1 },
  { quantity: 'p99', title: 'p99 of keep-alive requests (ms)', digits: 2, divisor: 1 },
  { quantity: 'connection', title: 'CPU per new connection + request (µs)', digits: 0, divisor: 1 },
  { quantity: 'idleMemory', title: 'memory per idle connection (KB)', digits: 1, divisor: 1_000 },
]

/** The section of the main measurement: HTTP/1.1 requests, connections, idle memory. */
export function mainSection(title: string, rounds: readonly Round[]): Section {
  return { title, base: 'sekisho', labels: gatewayLabels, rows: mainRows, rounds }
}

/** What was checked of one gateway besides its figures. */
export type Check = {
  readonly name: GatewayName
  readonly tls: string
  readonly resumption: string
  /** Requests sent to it in all runs; a run counts only when each of them was answered with 200. */
  readonly requests: number
  /** Sessions resumed by its own count; undefined where it publishes none. */
  readonly sessionsResumed: number | undefined
}

/** Two Markdown tables: ratios within the same round first, then the figures; each as median (least–most). */
export function formatSection(section: Section): string {
  const { base, labels, rounds } = section
  const present = Object.keys(labels).filter((name) => rounds.some((round) => round[name] !== undefined))
  const others = present.filter((name) => name !== base)
  const summaries = section.rows
    .map((row) => ({ row, summary: summarise(rounds, { quantity: row.quantity, base }) }))
    .filter(({ summary }) => Object.keys(summary.figures).length > 0)
  const ratioLine = ({ row, summary }: { row: Row; summary: Summary }) => {
    const title = row.title.replace(/ \([^)]*\)$/, '')
    return [title, ...others.map((name) => formatSpread(summary.ratios[name], { digits: 2, divisor: 1 }))]
  }
  const figureLine = ({ row, summary }: { row: Row; summary: Summary }) => [
    row.title,
    ...present.map((name) => formatSpread(summary.figures[name], { ...row, once: section.measured !== undefined })),
  ]
  const compared = summaries.filter(({ row }) => row.ratio !== false)
  const how = section.measured ?? `${rounds.length} interleaved rounds, median (least–most)`
  const parts = [`## ${section.title}: ${how}`]
  if (present.includes(base) && others.length > 0 && compared.length > 0) {
    const head = [`${labels[base]} ÷ other, same round`, ...others.map((name) => labels[name] ?? name)]
    parts.push(formatTable(head, compared.map(ratioLine)))
  }
  parts.push(formatTable(['', ...present.map((name) => labels[name] ?? name)], summaries.map(figureLine)))
  return parts.join('\n\n')
}

/** Whether each bar was met, as a Markdown table. */
export function formatBars(title: string, bars: readonly Bar[]): string {
  const lines = bars.map((bar) => [
    bar.title,
    bar.value.toFixed(bar.digits),
    `≤ ${bar.most.toFixed(bar.most % 1 === 0 ? 0 : bar.digits)}`,
    isMet(bar) ? 'met' : '**not met**',
  ])
  return `## ${title}\n\n${formatTable(['', 'measured', 'bar', ''], lines)}`
}

/** Figures that are no number have not been measured, and meet nothing. */
export function isMet({ value, most }: Bar): boolean {
  return value <= most
}

/** What the gateways agreed with the load generator, and that none of them resumed a session. */
export function formatChecks(checks: readonly Check[]): string {
  const lines = checks.map((check) => [
    gatewayLabels[check.name],
    String(check.requests),
    check.tls,
    check.resumption,
    check.sessionsResumed === undefined ? 'not published' : String(check.sessionsResumed),
  ])
  return `## Checks\n\n${formatTable(['', 'requests, all answered with 200', 'TLS', 'asked to resume', 'sessions resumed by its own count'], lines)}`
}

function formatTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...lines.map(line)].join('\n')
}

function formatSpread(spread: Spread | undefined, form: { digits: number; divisor: number; once?: boolean }): string {
  if (spread === undefined) return '–'
  const text = (value: number) => (value / form.divisor).toFixed(form.digits)
  return form.once === true ? text(spread.median) : `${text(spread.median)} (${text(spread.min)}–${text(spread.max)})`
}

/** Medians of one quantity by contestant, and of its ratios. */
export type Values = Partial<Record<GatewayName, number>> & { readonly ratio: Partial<Record<GatewayName, number>> }

/** The main measurement in the last line of `--json`: CPU in µs, latency in ms, memory in bytes, ratio = Sekisho ÷ other. */
export type JsonReport = {
  readonly request: Values & { readonly p99: Values; readonly p50: Values }
  readonly connection: Values
  readonly idleMemory: Values
  /** Only with `--access-logs`: the same with access logs to a file. */
  readonly accessLogs?: { readonly request: Values; readonly connection: Values }
}

/** Medians of all quantities of the main measurement as one object. */
export function buildJson(rounds: readonly Round[], accessLogRounds: readonly Round[]): JsonReport {
  const values = (quantity: string) => buildValues(summarise(rounds, { quantity, base: 'sekisho' }), gatewayNames)
  const logged = (quantity: string) =>
    buildValues(summarise(accessLogRounds, { quantity, base: 'sekisho' }), gatewayNames)
  return {
    request: { ...values('request'), p99: values('p99'), p50: values('p50') },
    connection: values('connection'),
    idleMemory: values('idleMemory'),
    ...(accessLogRounds.length === 0
      ? {}
      : { accessLogs: { request: logged('request'), connection: logged('connection') } }),
  }
}

/** A section in the last line of `--json`: for each quantity the medians by contestant, and `ratio` where it has one. */
export type SectionJson = Readonly<
  Record<string, Readonly<Record<string, number | Readonly<Record<string, number>>>> | undefined>
>

/** Medians of a section, in the units in which they were measured. */
export function buildSectionJson(section: Section): SectionJson {
  const names = Object.keys(section.labels)
  const quantities = section.rows.map(({ quantity, ratio }) => {
    const { ratio: ratios, ...figures } = buildValues(
      summarise(section.rounds, { quantity, base: section.base }),
      names,
    )
    return [quantity, ratio === false ? figures : { ...figures, ratio: ratios }]
  })
  return Object.fromEntries(quantities)
}

function buildValues(summary: Summary, names: readonly string[]): Values {
  const medians = (spreads: Summary['figures']) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const spread = spreads[name]
        return spread === undefined ? [] : [[name, Math.round(spread.median * 1_000) / 1_000]]
      }),
    )
  return { ...medians(summary.figures), ratio: medians(summary.ratios) }
}
