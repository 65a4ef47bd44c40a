import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import type { PortalAnswer, PortalCall, PortalRoute } from './portal-call.ts'
import { refuseForeignPage } from './portal-origin.ts'
import { readCall } from './read-call.ts'

export type PortalServerOptions<Services> = {
  /** Unix socket that only this gateway's workers can reach. */
  readonly socketPath: string
  readonly routes: readonly PortalRoute<Services>[]
  readonly services: Services
  /** Asked for each request: a reload may change it. */
  readonly limits: () => { readonly bodyBytesMax: number; readonly requestsAtOnceMax: number }
  /** The answer to a fault, as a page or as problem details. */
  readonly faultAnswer: (error: unknown, call: PortalCall | undefined) => PortalAnswer
  /** What nobody expected; a fault's own answer holds nothing of it. */
  readonly log: { error(message: string, fields?: Readonly<Record<string, unknown>>): void }
}

export type PortalServer = {
  /** Lets answers in progress end, for at most five seconds. */
  close(): Promise<void>
}

const headerBytesMax = 32_768
const requestTimeoutMs = 60_000
/** Longer than workers keep an unused connection, so that it is they who close it. */
const keepAliveTimeoutMs = 120_000
const closeTimeoutMs = 5_000
/** The client's acknowledgement of an answer is waited for no longer. */
const deliveryTimeoutMs = 2_000

/**
 * Serves the gateway's own pages to its data workers, who have judged by then and say who is there. Whatever else runs on this machine
 * cannot reach the socket: it is in a folder of the gateway's own, and its mode is 0600.
 */
export async function startPortalServer<Services>(options: PortalServerOptions<Services>): Promise<PortalServer> {
  const { socketPath } = options
  rmSync(socketPath, { force: true })
  const desk = new Desk(options)
  const server = createServer(
    { maxHeaderSize: headerBytesMax, requestTimeout: requestTimeoutMs, keepAliveTimeout: keepAliveTimeoutMs },
    (request, response) => void desk.answer(request, response),
  )
  server.on('clientError', (_error, socket) => socket.destroy())
  server.listen(socketPath)
  await once(server, 'listening')
  chmodSync(socketPath, 0o600)
  return { close: () => close(server) }
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs)
  await closed
  clearTimeout(timer)
}

class Desk<Services> {
  readonly #options: PortalServerOptions<Services>
  #underWay = 0

  constructor(options: PortalServerOptions<Services>) {
    this.#options = options
  }

  /** Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const limits = this.#options.limits()
    let call: PortalCall | undefined
    let answer: PortalAnswer
    this.#underWay++
    try {
      if (this.#underWay > limits.requestsAtOnceMax) throw tooMany()
      call = readCall(request, limits)
      answer = await this.#route(call)
    } catch (error) {
      if (!(error instanceof GatewayError)) {
        this.#options.log.error('a page failed', { requestId: call?.requestId, error })
      }
      answer = this.#options.faultAnswer(error, call)
    } finally {
      this.#underWay--
    }
    await send(request, response, answer)
    await answer.afterwards?.().catch((error: unknown) => {
      this.#options.log.error('what follows a page failed', { requestId: call?.requestId, error })
    })
  }

  #route(call: PortalCall): Promise<PortalAnswer> {
    const { routes, services } = this.#options
    const here = routes.filter(({ path }) => pathMatches(path, call.path))
    const door = call.visitor === undefined ? 'public' : 'certificate'
    const onDoor = here.filter((route) => route.door === 'both' || route.door === door)
    const route = onDoor.find(({ method }) => method === call.method)
    if (route === undefined) {
      if (onDoor.length > 0) throw new GatewayError('method_not_allowed', `Cannot ${call.method} this page`)
      throw new GatewayError('request_not_found', 'Cannot find the page on this door')
    }
    if (route.method === 'POST') refuseForeignPage(call, { programs: route.programs === true })
    return route.handle(call, services)
  }
}

function pathMatches(pattern: string, path: string): boolean {
  if (!pattern.endsWith('*')) return pattern === path
  const rest = path.slice(pattern.length - 1)
  return path.startsWith(pattern.slice(0, -1)) && rest !== '' && !rest.includes('/')
}

function tooMany(): GatewayError {
  return new GatewayError('upstream_too_busy', 'Cannot answer now as too many requests to the pages are under way')
}

/** Resolves when the answer has been taken over, or the client is gone. */
async function send(request: IncomingMessage, response: ServerResponse, answer: PortalAnswer): Promise<void> {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  response.statusCode = answer.status
  for (const [name, value] of answer.headers ?? []) response.appendHeader(name, value)
  // RFC 9110 15.3.5, 15.4.5: neither has a body.
  if (answer.status !== 204 && answer.status !== 304) {
    response.setHeader('Content-Type', answer.contentType)
    response.setHeader('Content-Length', body.length)
  }
  if (!request.complete) response.setHeader('Connection', 'close')
  const done = Promise.race([once(response, 'finish'), once(response, 'close')]).catch(() => {})
  response.end(request.method === 'HEAD' ? undefined : body)
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, deliveryTimeoutMs).unref())])
  // The client may have gone already, and its socket with it.
  if (!request.complete) request.destroy()
}
