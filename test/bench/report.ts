import { type GatewayName, gatewayNames } from './gateways/gateway.ts'
import { type Quantity, type Round, type Spread, type Summary, summarise } from './statistics.ts'

const labels: Readonly<Record<GatewayName, string>> = {
  sekisho: 'Sekisho',
  haproxy: 'HAProxy',
  nginx: 'nginx',
  httpProxy: 'http-proxy',
}

type Row = { readonly quantity: Quantity; readonly title: string; readonly digits: number; readonly divisor: number }

const rows: readonly Row[] = [
  { quantity: 'request', title: 'CPU per keep-alive request (µs)', digits: 1, divisor: 1 },
  { quantity: 'p50', title: 'p50 of keep-alive requests (ms)', digits: 2, divisor: 1 },
  { quantity: 'p99', title: 'p99 of keep-alive requests (ms)', digits: 2, divisor: 1 },
  { quantity: 'connection', title: 'CPU per new connection + request (µs)', digits: 0, divisor: 1 },
  { quantity: 'idleMemory', title: 'memory per idle connection (KB)', digits: 1, divisor: 1_000 },
]

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

/** Two Markdown tables: ratios to Sekisho of the same round first, then the figures; each as median (least–most). */
export function formatRounds(title: string, rounds: readonly Round[]): string {
  const present = gatewayNames.filter((name) => rounds.some((round) => round[name] !== undefined))
  const others = present.filter((name) => name !== 'sekisho')
  const summaries = rows.map((row) => ({ row, summary: summarise(rounds, row.quantity) }))
  const ratioLine = ({ row, summary }: { row: Row; summary: Summary }) => {
    const title = row.title.replace(/ \([^)]*\)$/, '')
    return [title, ...others.map((name) => formatSpread(summary.ratios[name], { digits: 2, divisor: 1 }))]
  }
  const figureLine = ({ row, summary }: { row: Row; summary: Summary }) => [
    row.title,
    ...present.map((name) => formatSpread(summary.gateways[name], row)),
  ]
  const shown = summaries.filter(({ summary }) => Object.keys(summary.gateways).length > 0)
  const parts = [`## ${title}: ${rounds.length} interleaved rounds, median (least–most)`]
  if (present.includes('sekisho') && others.length > 0) {
    const head = ['Sekisho ÷ other, same round', ...others.map((name) => labels[name])]
    parts.push(formatTable(head, shown.map(ratioLine)))
  }
  parts.push(formatTable(['', ...present.map((name) => labels[name])], shown.map(figureLine)))
  return parts.join('\n\n')
}

/** What the gateways agreed with the load generator, and that none of them resumed a session. */
export function formatChecks(checks: readonly Check[]): string {
  const lines = checks.map((check) => [
    labels[check.name],
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

function formatSpread(spread: Spread | undefined, form: { digits: number; divisor: number }): string {
  if (spread === undefined) return '–'
  const text = (value: number) => (value / form.divisor).toFixed(form.digits)
  return `${text(spread.median)} (${text(spread.min)}–${text(spread.max)})`
}

type Values = Partial<Record<GatewayName, number>> & { readonly ratio: Partial<Record<GatewayName, number>> }

/** The last line of `--json`: CPU in µs, latency in ms, memory in bytes, ratio = Sekisho ÷ other. */
export type JsonReport = {
  readonly request: Values & { readonly p99: Values; readonly p50: Values }
  readonly connection: Values
  readonly idleMemory: Values
  /** Only with `--access-logs`: the same with access logs to a file. */
  readonly accessLogs?: { readonly request: Values; readonly connection: Values }
}

/** Medians of all quantities as one object. */
export function buildJson(rounds: readonly Round[], accessLogRounds: readonly Round[]): JsonReport {
  const values = (quantity: Quantity) => buildValues(summarise(rounds, quantity))
  const logged = (quantity: Quantity) => buildValues(summarise(accessLogRounds, quantity))
  return {
    request: { ...values('request'), p99: values('p99'), p50: values('p50') },
    connection: values('connection'),
    idleMemory: values('idleMemory'),
    ...(accessLogRounds.length === 0
      ? {}
      : { accessLogs: { request: logged('request'), connection: logged('connection') } }),
  }
}

function buildValues(summary: Summary): Values {
  const medians = (spreads: Summary['gateways']) =>
    Object.fromEntries(
      gatewayNames.flatMap((name) => {
        const spread = spreads[name]
        return spread === undefined ? [] : [[name, Math.round(spread.median * 1_000) / 1_000]]
      }),
    )
  return { ...medians(summary.gateways), ratio: medians(summary.ratios) }
}
