import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type { OwnProcesses } from './own-processes.ts'
import type { Pki } from './pki.ts'

/** Connections at the same time in every load run. */
export const loadConnections = 64

const loadTimeoutMs = 180_000

export type LoadJob = {
  readonly port: number
  readonly requests: number
  /** true: the connections are kept for the whole run. false: each request makes a new connection. */
  readonly keepAlive: boolean
  readonly connections?: number
  /** Path and query. Default `/`. */
  readonly path?: string
  /** A file that every request sends as its body; the method is POST then. */
  readonly bodyFile?: string
  /** Whether the port speaks HTTP without TLS. */
  readonly plain?: boolean
  /** Whether answers may differ in length. */
  readonly lengthsDiffer?: boolean
}

/** One run of ab in which every request was answered with 200. */
export type LoadResult = {
  readonly requests: number
  readonly requestsPerSecond: number
  /** Median and 99th percentile of the requests on connections that were already open. Unit: milliseconds. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Protocol, cipher suite and key exchange as ab saw them. */
  readonly tls: string
}

export type Load = (job: LoadJob) => Promise<LoadResult>

/**
 * Prepares ab. Its OpenSSL is told to offer one protocol version, one cipher suite and one curve, so that the same
 * handshake is made with every gateway whatever that gateway would prefer.
 */
export async function prepareLoad(options: {
  folder: string
  pki: Pki
  cores: string
  processes: OwnProcesses
}): Promise<Load> {
  const opensslFile = join(options.folder, 'load-openssl.cnf')
  await writeFile(
    opensslFile,
    `openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = offer
[offer]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
`,
  )
  let runs = 0
  return async (job) => {
    const table = join(options.folder, `load-${runs++}.csv`)
    const connections = Math.min(job.connections ?? loadConnections, job.requests)
    const body = job.bodyFile === undefined ? [] : ['-p', job.bodyFile, '-T', 'application/octet-stream']
    const lengths = job.lengthsDiffer === true ? ['-l'] : []
    const tls = job.plain === true ? [] : ['-f', 'TLS1.3', '-E', options.pki.clientFile]
    const url = `${job.plain === true ? 'http' : 'https'}://127.0.0.1:${job.port}${job.path ?? '/'}`
    const started = options.processes.start(
      [
        ...['ab', '-q', ...(job.keepAlive ? ['-k'] : []), '-c', `${connections}`, '-n', `${job.requests}`],
        ...['-s', '30', ...lengths, ...tls, ...body, '-e', table, url],
      ],
      { cores: options.cores, env: { OPENSSL_CONF: opensslFile } },
    )
    const startedMs = systemClock.monotonicMs()
    const timer = setTimeout(() => started.child.kill('SIGKILL'), loadTimeoutMs)
    const code = await new Promise((resolve) => started.child.once('close', resolve))
    clearTimeout(timer)
    if (code !== 0)
      throw new Error(
        `Cannot use a run of ab that failed after ${Math.round(systemClock.monotonicMs() - startedMs)} ms:\n${started.output()}`,
      )
    const result = readResult(started.output(), { ...job, connections, table: await readFile(table, 'utf8') })
    await rm(table)
    return result
  }
}

/** Reads ab's report and table. Throws unless every request was answered, and with 200. */
export function readResult(report: string, job: LoadJob & { connections: number; table: string }): LoadResult {
  const number = (label: string) => Number(new RegExp(`^${label}:\\s+([\\d.]+)`, 'm').exec(report)?.[1] ?? 0)
  const text = (label: string) => new RegExp(`^${label}:\\s+(.+)$`, 'm').exec(report)?.[1] ?? 'unknown'
  const kept = number('Keep-Alive requests')
  const right =
    number('Complete requests') === job.requests &&
    number('Failed requests') === 0 &&
    number('Non-2xx responses') === 0 &&
    kept === (job.keepAlive ? job.requests : 0)
  if (!right) throw new Error(`Cannot count a run in which requests failed:\n${report}`)
  const outside = job.keepAlive ? job.connections : 0
  const percentile = (wanted: number) => readPercentile(job.table, { wanted, requests: job.requests, outside })
  return {
    requests: job.requests,
    requestsPerSecond: number('Requests per second'),
    p50Ms: percentile(50),
    p99Ms: percentile(99),
    tls: `${text('SSL/TLS Protocol')}, ${text('Server Temp Key')}`,
  }
}

/**
 * A percentile from ab's table of `percentage,milliseconds`, without the `outside` slowest requests: ab counts the TLS
 * handshake as part of the first request of each connection, and those are the slowest ones of a run.
 */
export function readPercentile(table: string, options: { wanted: number; requests: number; outside: number }): number {
  const rows = table
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => Number(line.split(',')[1]))
  const place = (options.wanted * (options.requests - options.outside)) / options.requests
  const below = rows[Math.floor(place)]
  const above = rows[Math.min(Math.floor(place) + 1, rows.length - 1)]
  if (below === undefined || above === undefined) throw new Error(`Cannot read ab's table:\n${table}`)
  return below + (above - below) * (place - Math.floor(place))
}
