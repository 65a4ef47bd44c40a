import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { AdminDoorConfig, Listen } from '../config/gateway-config.ts'
import type { ControlLog } from '../control-path/ports.ts'
import type { AdminCall, AdminServices } from './admin-call.ts'
import type { CounterAnswer, CounterCall, CounterServices } from './counter/counter-call.ts'
import { answerCounter, counterFault, counterLabel, isCounterTarget } from './counter/counter-door.ts'
import { sendPage } from './counter/send-page.ts'
import { isPageOpened, refuseCrossSite } from './cross-site.ts'
import { discardRest } from './discard-rest.ts'
import { type AdminCertificates, buildTls, type DoorTls } from './door-tls.ts'
import { answerLive, isLiveTarget, LiveAnswer, liveLabel, sendLive } from './live/live-door.ts'
import { checkWindow, type Operator, type OperatorOpinion, readOperator, unauthenticated } from './operator.ts'
import { type Problem, problemOf } from './problem.ts'
import { requireRole } from './require-role.ts'
import { findRoute } from './routes.ts'
import { StreamedAnswer, sendStreamed, sendWhole } from './send-answer.ts'

export type AdminDoorOptions = AdminDoorConfig & {
  /** Bound sockets to listen on, in the order of `listen`, which the door closes. Default: it binds the addresses itself. */
  readonly handles?: readonly object[]
  readonly services: AdminServices
  /** What the counter pages (取引店窓口) need beside. */
  readonly counter: Omit<CounterServices, 'lifecycle'>
  readonly clock: Clock
  readonly log: ControlLog
  readonly timeouts?: AdminTimeouts
  /** Told about each answer, for the metric: the route's path, `none` where no route was found. */
  readonly requestEnded?: (route: string, status: number) => void
}

/** Unit: milliseconds. */
export type AdminTimeouts = {
  /** From the head of a request to its end, but for routes that read the body as it comes. Default 30 000. */
  readonly requestMs?: number
  /** Longest pause in what such a route reads and writes. Default 60 000. */
  readonly idleMs?: number
  /** Having waited for more of a body for so long, such a route works on what has come. Default 200. */
  readonly pauseMs?: number
}

export type AdminDoor = {
  readonly addresses: readonly Listen[]
  /**
   * Builds what other certificates and operator CAs need; the function returned puts them in use and never throws. Operators who are
   * connected are judged by the new CAs from their next request on. Throws GatewayError `config_invalid`.
   */
  prepare(next: AdminCertificates): () => void
  /** Lets calls in progress end, for at most five seconds. */
  close(): Promise<void>
}

const headerBytesMax = 16_384
const handshakeTimeoutMs = 10_000
const headersTimeoutMs = 10_000
/** How often sockets are looked at for heads that take too long. */
const checkIntervalMs = 5_000
const requestMsDefault = 30_000
const pauseMsDefault = 200
const idleTimeoutMs = 60_000
const connectionsMax = 256
const closeTimeoutMs = 5_000

/**
 * The door of operators: always asks for a certificate, and decides in code, so that whoever comes without one is told so.
 * TLS sessions are not resumed. Throws `config_invalid` for a CA that cannot be used, and what `listen` throws.
 */
export async function startAdminDoor(options: AdminDoorOptions): Promise<AdminDoor> {
  const door = new Door(options)
  const servers: Server[] = []
  try {
    for (const [position, { host, port }] of options.listen.entries()) {
      const server = createDoorServer(door)
      servers.push(server)
      server.listen(options.handles?.[position] ?? { host, port })
      await once(server, 'listening')
    }
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
  return {
    addresses: servers.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return { host: address, port }
    }),
    prepare: (next) => {
      const use = door.prepare(next)
      return () => {
        use()
        for (const server of servers) server.setSecureContext(door.tls.defaultContext)
      }
    },
    close: async () => {
      door.endStreams()
      await Promise.all(servers.map(closeServer))
    },
  }
}

function createDoorServer(door: Door): Server {
  const server = createServer({
    ...door.tls.defaultContext,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
    // Node knows one limit for all requests; here each route has its own (`Door.answer`).
    requestTimeout: 0,
    keepAliveTimeout: idleTimeoutMs,
    SNICallback: (name, done) => done(null, door.tls.contextOf(name)),
  })
  server.maxConnections = connectionsMax
  server.on('request', (request, response) => void door.answer(request, response))
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs)
  await closed
  clearTimeout(timer)
}

/** What is known of a request so far. */
type Seen = { operator?: Operator; route?: string; page?: CounterAnswer; readonly deadline: NodeJS.Timeout }

type Asked = { readonly request: IncomingMessage; readonly requestId: string; readonly seen: Seen }

/** What the listeners of the door share. */
class Door {
  readonly #options: AdminDoorOptions
  readonly #closing = new AbortController()
  readonly #start = randomBytes(4).toString('hex')
  #tls: DoorTls
  /** One opinion a connection as long as the CAs stay the same; the window is asked on every request. */
  #opinions = new WeakMap<TLSSocket, OperatorOpinion>()
  #count = 0

  constructor(options: AdminDoorOptions) {
    this.#options = options
    this.#tls = buildTls(options, options.clock.nowMs())
  }

  get tls(): DoorTls {
    return this.#tls
  }

  prepare(next: AdminCertificates): () => void {
    const tls = buildTls(next, this.#options.clock.nowMs())
    return () => {
      this.#tls = tls
      this.#opinions = new WeakMap()
    }
  }

  /** Answers without an end are ended: whoever wants more comes to the next door. */
  endStreams(): void {
    this.#closing.abort()
  }

  /** Answers one request; never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = `${this.#start}-${(++this.#count).toString(36)}`
    const seen: Seen = { deadline: this.#startDeadline(request) }
    const failed = (error: unknown): Problem => {
      this.#report(error, { request, requestId, operator: seen.operator })
      return problemOf(error, requestId)
    }
    let status = 200
    try {
      const result = await this.#handle(request, { requestId, seen })
      if (seen.page !== undefined) {
        status = seen.page.status
        sendPage(response, seen.page, requestId)
      } else if (result instanceof LiveAnswer) {
        status = result.status
        sendLive(response, result, requestId)
      } else if (result instanceof StreamedAnswer) {
        await sendStreamed(response, result, { requestId, idleMs: this.#patience.idleMs, failed })
      } else {
        sendWhole(response, { status, requestId, contentType: 'application/json', body: result })
      }
    } catch (error) {
      const problem = failed(error)
      status = problem.status
      // What is left of a refused body is not used: the connection ends with the answer.
      if (!request.complete) response.setHeader('Connection', 'close')
      this.#sendProblem(response, problem, { request, requestId, seen })
    }
    this.#options.requestEnded?.(seen.route ?? 'none', status)
    await discardRest(request)
    response.end()
    if (request.complete && !this.#closing.signal.aborted) clearTimeout(seen.deadline)
    else endConnection(request, response)
  }

  get #patience(): AdminCall['patience'] {
    const { timeouts = {}, clock } = this.#options
    return { idleMs: timeouts.idleMs ?? idleTimeoutMs, pauseMs: timeouts.pauseMs ?? pauseMsDefault, clock }
  }

  /** Ends the connection of a request that does not come whole in time, whoever is waiting for it. */
  #startDeadline(request: IncomingMessage): NodeJS.Timeout {
    const requestMs = this.#options.timeouts?.requestMs ?? requestMsDefault
    const deadline = setTimeout(() => {
      if (!request.complete) request.socket.destroy()
    }, requestMs)
    return deadline.unref()
  }

  async #handle(request: IncomingMessage, { requestId, seen }: { requestId: string; seen: Seen }): Promise<unknown> {
    const operator = this.#authenticate(request.socket)
    seen.operator = operator
    const { pathname, searchParams } = readTarget(request.url ?? '')
    // Dashboards and alerts link to the live page, which changes nothing and cannot be framed.
    if (!isLiveTarget(pathname) || !isPageOpened(request)) refuseCrossSite(request.headers)
    if (isCounterTarget(pathname)) {
      seen.route = counterLabel
      seen.page = await answerCounter(this.#counterCall({ request, requestId, seen }), this.#counter)
      return undefined
    }
    if (isLiveTarget(pathname)) {
      seen.route = liveLabel
      return answerLive(this.#counterCall({ request, requestId, seen }), this.#counter)
    }
    const method = methodOf(request)
    const { route, parameters } = findRoute(method, pathname)
    seen.route = route.path
    const role = requireRole(operator, route.roles)
    if (route.streams === true) clearTimeout(seen.deadline)
    const call: AdminCall = {
      ...{ request, parameters, operator, role, requestId },
      query: searchParams,
      patience: this.#patience,
      closing: this.#closing.signal,
      judgeAgain: () => void requireRole(this.#authenticate(request.socket), route.roles),
    }
    return await route.handle(call, this.#options.services)
  }

  /** Whoever asked for a page is told by one. */
  #sendProblem(response: ServerResponse, problem: Problem, asked: Asked): void {
    const { requestId } = asked
    const { status } = problem
    const target = asked.request.url ?? ''
    if (isCounterTarget(target) || isLiveTarget(target)) {
      sendPage(response, counterFault(problem, this.#counterCall(asked), this.#counter), requestId)
    } else {
      sendWhole(response, { status, requestId, contentType: 'application/problem+json', body: problem })
    }
  }

  #counterCall({ request, requestId, seen }: Asked): CounterCall {
    const target = URL.parse(request.url ?? '', 'https://admin.invalid')
    const { pathname = '', searchParams = new URLSearchParams() } = target ?? {}
    const { operator } = seen
    return { request, method: methodOf(request), path: pathname, query: searchParams, operator, requestId }
  }

  get #counter(): CounterServices {
    const { counter, services } = this.#options
    return { ...counter, lifecycle: services.lifecycle }
  }

  /** Throws `admin_unauthenticated`. */
  #authenticate(socket: IncomingMessage['socket']): Operator {
    if (!(socket instanceof TLSSocket)) throw unauthenticated('there is no TLS')
    let opinion = this.#opinions.get(socket)
    if (opinion === undefined) {
      const certificate = socket.getPeerX509Certificate()
      if (certificate === undefined) throw unauthenticated('none was presented')
      if (socket.isSessionReused()) throw unauthenticated('the TLS session was resumed')
      const opensslFault = socket.authorized ? undefined : String(socket.authorizationError)
      opinion = readOperator({ der: certificate.raw, opensslFault }, this.#tls.issuers)
      this.#opinions.set(socket, opinion)
    }
    checkWindow(opinion, this.#options.clock.nowMs())
    return opinion.operator
  }

  #report(error: unknown, call: { request: IncomingMessage; requestId: string; operator: Operator | undefined }): void {
    const { request, requestId, operator } = call
    const { log, services } = this.#options
    if (!(error instanceof GatewayError)) {
      log.error('admin request failed', { requestId, error })
      return
    }
    if (error.code === 'store_unavailable') log.warn('admin request failed', { requestId, error })
    if (error.code !== 'admin_unauthenticated' && error.code !== 'admin_role_missing') return
    const address = request.socket.remoteAddress ?? 'unknown'
    services.lifecycle.audit({
      event: 'operator_refused',
      actor:
        operator === undefined ? { kind: 'unauthenticated', name: address } : { kind: 'operator', name: operator.name },
      target: { kind: 'door', name: 'admin' },
      reason: error.code,
      requestId,
      detail: {
        method: request.method,
        path: (request.url ?? '').split('?')[0]?.slice(0, 200),
        address,
        explanation: error.message,
      },
    })
  }
}

/** Something is still being sent: the connection ends once the answer is out. */
function endConnection(request: IncomingMessage, response: ServerResponse): void {
  const end = () => request.socket.destroy()
  if (response.writableFinished || response.destroyed) end()
  else response.once('finish', end).once('close', end)
}

/** HEAD counts as GET. */
function methodOf({ method = '' }: IncomingMessage): string {
  return method === 'HEAD' ? 'GET' : method
}

function readTarget(target: string): URL {
  // Two slashes in front would be read as a host name.
  const url = target.startsWith('/') && !target.startsWith('//') ? URL.parse(target, 'https://admin.invalid') : null
  if (url === null) throw new GatewayError('admin_request_invalid', 'Cannot read the target of the request')
  return url
}
