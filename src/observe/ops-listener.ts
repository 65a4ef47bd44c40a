import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GatewayError } from '../base/errors.ts'
import type { Listen } from '../config/gateway-config.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics-page.ts'

/** One thing readiness depends on. Only a failed check that is `fatal` can deny every login. */
export type ReadinessCheck = {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly fatal: boolean
}

/** `ready` is false only when every login would be denied, or while draining. */
export type Readiness = { readonly ready: boolean; readonly checks: readonly ReadinessCheck[] }

export type OpsListenerOptions = {
  readonly listen: readonly Listen[]
  /** Bound sockets to listen on, in the order of `listen`, which the listener closes. Default: it binds the addresses itself. */
  readonly handles?: readonly object[]
  readonly metrics: Pick<Metrics, 'render'>
  readonly readiness: () => Readiness
  readonly log: Log
}

export type OpsListener = {
  /** Where it listens, in the order of `listen`. */
  readonly addresses: readonly AddressInfo[]
  close(): Promise<void>
}

type Answer = {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly allow?: string
}

const requestTimeoutMs = 5_000
const keepAliveTimeoutMs = 5_000
const headBytesMax = 8_192
const headFieldsMax = 64
const connectionsMax = 64
const plainText = 'text/plain; charset=utf-8'

/**
 * Serves `/metrics`, `/livez` and `/readyz` (with `?verbose`: one line a check) over plain HTTP, to GET and HEAD.
 * Throws `config_invalid` with the path of the address that cannot be listened on.
 */
export async function startOpsListener(options: OpsListenerOptions): Promise<OpsListener> {
  const servers: Server[] = []
  try {
    for (const [index, listen] of options.listen.entries()) {
      const server = createOpsServer(options)
      await startServer(server, { ...listen, handle: options.handles?.[index] }, `doors.ops.listen[${index}]`)
      servers.push(server)
    }
  } catch (error) {
    await closeServers(servers)
    throw error
  }
  return {
    addresses: servers.map((server) => server.address() as AddressInfo),
    close: () => closeServers(servers),
  }
}

function createOpsServer(options: OpsListenerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: headBytesMax,
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      void answer(request, options).then((result) => send(request, response, result))
    },
  )
  server.maxConnections = connectionsMax
  server.maxHeadersCount = headFieldsMax
  return server
}

async function startServer(
  server: Server,
  listen: Listen & { readonly handle: object | undefined },
  path: string,
): Promise<void> {
  server.listen(listen.handle ?? { host: listen.host, port: listen.port })
  try {
    await once(server, 'listening')
  } catch (cause) {
    const message = `Cannot listen on ${listen.host} port ${listen.port}: ${(cause as Error).message}`
    throw new GatewayError('config_invalid', message, { cause, path })
  }
}

async function closeServers(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }),
  )
}

async function answer(request: IncomingMessage, options: OpsListenerOptions): Promise<Answer> {
  try {
    return await route(request, options)
  } catch (error) {
    options.log.error('Cannot answer on the ops listener', { error })
    return { status: 500, contentType: plainText, body: 'internal error\n' }
  }
}

async function route(request: IncomingMessage, options: OpsListenerOptions): Promise<Answer> {
  const [path, query = ''] = (request.url ?? '').split('?', 2)
  if (path !== '/metrics' && path !== '/livez' && path !== '/readyz') {
    return { status: 404, contentType: plainText, body: 'not found\n' }
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, contentType: plainText, body: 'method not allowed\n', allow: 'GET, HEAD' }
  }
  if (path === '/metrics') return { status: 200, ...(await options.metrics.render()) }
  if (path === '/livez') return { status: 200, contentType: plainText, body: 'ok\n' }
  const readiness = options.readiness()
  const body = formatReadiness(readiness, new URLSearchParams(query).has('verbose'))
  return { status: readiness.ready ? 200 : 503, contentType: plainText, body }
}

function formatReadiness(readiness: Readiness, verbose: boolean): string {
  const verdict = readiness.ready ? 'ready\n' : 'not ready\n'
  if (!verbose) return verdict
  const lines = readiness.checks.map((check) => {
    const detail = check.detail.replace(/[\r\n]+/g, ' ')
    if (check.ok) return `[+]${check.name} ok${detail === '' ? '' : ` (${detail})`}\n`
    return `[-]${check.name} ${detail === '' ? 'failed' : detail}${check.fatal ? '' : ' (logins go on)'}\n`
  })
  return `${lines.join('')}${verdict}`
}

function send(request: IncomingMessage, response: ServerResponse, result: Answer): void {
  response.writeHead(result.status, {
    'content-type': result.contentType,
    'content-length': Buffer.byteLength(result.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(result.allow === undefined ? {} : { allow: result.allow }),
    // A request with a body is answered without reading it.
    ...(request.method === 'GET' || request.method === 'HEAD' ? {} : { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? undefined : result.body)
}
