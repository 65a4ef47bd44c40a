import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunningGateway } from './gateways/gateway.ts'
import { freePort, type OwnProcess, type OwnProcesses, waitReady } from './own-processes.ts'
import type { Pki } from './pki.ts'
import { accepts } from './port-check.ts'

/** Requests at the same time on one HTTP/2 connection: the load's 64 requests keep eight connections busy. */
export const streamsPerConnection = 8

/** What the injector has seen on its HTTP/2 connections since its start. */
export type Http2Count = {
  /** HEADERS frames received: one for each answer. */
  readonly answers: number
  /** HTTP/2 connections it has opened. */
  readonly connections: number
}

/** A program that takes plain HTTP/1 requests and sends them over HTTP/2 with TLS and a client certificate. */
export type Http2Injector = {
  readonly port: number
  readonly count: () => Promise<Http2Count>
  readonly end: () => Promise<void>
}

/**
 * HAProxy in front of a gateway. It speaks HTTP/2 without asking (`proto h2`): a gateway that does not answers nothing.
 * Full TLS 1.3 handshakes with the same cipher suite and curve as the other loads.
 */
export async function startHttp2Injector(
  gateway: RunningGateway,
  options: { folder: string; pki: Pki; cores: string; processes: OwnProcesses },
): Promise<Http2Injector> {
  const port = await freePort()
  const statusPort = await freePort()
  const folder = join(options.folder, `injector-${port}`)
  const { clientFile, rootFile } = options.pki
  const tls = 'ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 no-ssl-reuse no-tls-tickets'
  const configuration = `
global
  nbthread 1
  maxconn 4096
  tune.h2.max-concurrent-streams ${streamsPerConnection}

defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s

frontend requests
  bind 127.0.0.1:${port} backlog 1024
  # Only of an absolute URI does HAProxy make :authority; else it sends Host, as no client of HTTP/2 does.
  http-request set-uri https://127.0.0.1:${gateway.port}%[pathq]
  default_backend gateway

backend gateway
  http-reuse always
  server gateway 127.0.0.1:${gateway.port} ssl crt ${clientFile} ca-file ${rootFile} verify required alpn h2 proto h2 ${tls}

listen status
  bind 127.0.0.1:${statusPort}
  stats enable
  stats uri /
  stats show-modules
`
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, configuration)
  const started = options.processes.start(['haproxy', '-db', '-f', file], { cores: options.cores })
  await waitReady(started, () => accepts(port), { what: 'the HTTP/2 injector', timeoutMs: 10_000 })
  return { port, count: () => readCount(statusPort, started), end: () => options.processes.end(started) }
}

/** The line of the backend's only server in HAProxy's table of counters. */
async function readCount(statusPort: number, started: OwnProcess): Promise<Http2Count> {
  const text = await (await fetch(`http://127.0.0.1:${statusPort}/;csv`)).text()
  const [head = '', ...lines] = text.split('\n')
  const names = head.split(',')
  const cells = lines.find((line) => line.startsWith('gateway,BACKEND,'))?.split(',')
  const number = (name: string) => Number(cells?.[names.indexOf(name)] ?? Number.NaN)
  const count = { answers: number('h2_headers_rcvd'), connections: number('h2_total_connections') }
  if (Number.isInteger(count.answers) && Number.isInteger(count.connections)) return count
  throw new Error(`Cannot read the HTTP/2 injector's counters: ${text.slice(0, 2_000)}\n${started.output()}`)
}
