import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import type { Publication, PublicationAnswer } from './ports.ts'
import { readPublicationRequest } from './publication-request.ts'
import { sendBody } from './send-body.ts'

export type PublicationServerOptions = {
  /** Unix socket on which the gateway's workers forward requests. */
  readonly socketPath: string
  /** Listening TCP sockets that this thread owns (`doors.publication`), as `server.listen` takes them. */
  readonly handles: readonly object[]
  /** Asked in this order; the first that has an answer gives it. */
  readonly publications: readonly Publication[]
  /** Requests worked on, or being answered, at the same time; one more gets 503. */
  readonly requestsAtOnceMax: number
  /** Told what nobody expected; the client's answer holds nothing of it. */
  readonly log: { error(message: string, fields?: Readonly<Record<string, unknown>>): void }
}

export type PublicationServer = {
  /** Lets answers in progress end, for at most two seconds. */
  close(): Promise<void>
}

const headerBytesMax = 16_384
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000
/** On TCP; workers close an unused connection first, so theirs may last. */
const keepAliveTimeoutMs = 15_000
const workerKeepAliveTimeoutMs = 120_000
const closeTimeoutMs = 2_000
/** Open TCP connections for each request that may be worked on; more are closed as they come. */
const connectionsForEach = 4

/**
 * Answers HTTP for what is published: to the gateway's workers on a Unix socket (mode 0600, in a folder of the gateway's own), and to
 * everybody on the TCP sockets. Whatever is asked there, this thread is all it can keep busy: no login waits for it.
 */
export async function startPublicationServer(options: PublicationServerOptions): Promise<PublicationServer> {
  const { socketPath, handles, requestsAtOnceMax } = options
  const desk = new Desk(options)
  const listener: RequestListener = (request, response) => void desk.answer(request, response)
  const local = createPublishingServer(listener, workerKeepAliveTimeoutMs)
  rmSync(socketPath, { force: true })
  local.listen(socketPath)
  await once(local, 'listening')
  chmodSync(socketPath, 0o600)
  const open = handles.map(async (handle) => {
    const server = createPublishingServer(listener, keepAliveTimeoutMs)
    server.maxConnections = requestsAtOnceMax * connectionsForEach
    server.listen(handle)
    await once(server, 'listening')
    return server
  })
  const servers = [local, ...(await Promise.all(open))]
  return {
    close: async () => {
      await Promise.all(servers.map(close))
    },
  }
}

function createPublishingServer(listener: RequestListener, keepAliveMs: number): Server {
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 5_000,
    },
    listener,
  )
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs)
  await closed
  clearTimeout(timer)
}

class Desk {
  readonly #options: PublicationServerOptions
  #underWay = 0

  constructor(options: PublicationServerOptions) {
    this.#options = options
  }

  /** Never rejects. A request counts until its answer has left, so that slow readers are bounded too. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#underWay++
    try {
      const answer = await this.#answerOf(request)
      if (!response.destroyed) await send(request, response, answer)
    } catch (error) {
      this.#options.log.error('a publication could not be sent', { error })
      response.destroy()
    } finally {
      this.#underWay--
    }
  }

  async #answerOf(request: IncomingMessage): Promise<PublicationAnswer> {
    const { publications, requestsAtOnceMax, log } = this.#options
    try {
      if (this.#underWay > requestsAtOnceMax) {
        throw new GatewayError('publication_unavailable', 'Cannot answer now as too many requests are under way')
      }
      const asked = readPublicationRequest(request)
      if (asked === undefined) return notAllowed()
      for (const publication of publications) {
        const answer = publication.answer(asked)
        if (answer !== undefined) return await answer
      }
      throw new GatewayError('request_not_found', 'Cannot find anything published under this path')
    } catch (error) {
      const known = error instanceof GatewayError
      if (!known && !request.destroyed) log.error('a publication failed', { error })
      return faultAnswer(known ? error : new GatewayError('internal', 'Cannot answer the request'))
    }
  }
}

async function send(request: IncomingMessage, response: ServerResponse, answer: PublicationAnswer): Promise<void> {
  const { status, headers, contentType, body } = answer
  response.statusCode = status
  for (const [name, value] of headers) response.setHeader(name, value)
  // RFC 9110 15.4.5: it has no body, and tells nothing that the client's copy does not.
  if (status !== 304) {
    response.setHeader('Content-Type', contentType)
    response.setHeader(
      'Content-Length',
      body.reduce((sum, part) => sum + part.length, 0),
    )
  }
  if (!request.complete) response.setHeader('Connection', 'close')
  await sendBody(response, request.method === 'HEAD' || status === 304 ? [] : body)
  // What is left of a body that nobody wanted is not read.
  if (!request.complete) request.destroy()
}

function faultAnswer({ status, message }: GatewayError): PublicationAnswer {
  const retry = status === 503 ? [['Retry-After', '1'] as const] : []
  return { status, headers: retry, contentType: 'text/plain; charset=utf-8', body: [Buffer.from(`${message}\n`)] }
}

function notAllowed(): PublicationAnswer {
  const fault = faultAnswer(new GatewayError('method_not_allowed', 'Cannot do this to what is published'))
  return { ...fault, headers: [['Allow', 'GET, HEAD, POST']] }
}
