import { type ClientRequest, Agent as PlainAgent, request as requestPlain } from 'node:http'
import { Agent, request as requestTls } from 'node:https'
import { GatewayError } from '../base/errors.ts'
import type { OcspConfig } from '../config/gateway-config.ts'
import { ocspResponseBytesMax } from '../x509/ocsp/read-response.ts'

/** Idle connections are kept for so long. Unit: milliseconds. */
const idleMs = 30_000

/**
 * Carries questions to one OCSP responder over HTTP (RFC 6960 A.1, by POST) and gives its answers, unread. Redirects are not followed:
 * what is configured is the responder.
 */
export class OcspClient {
  readonly #config: Pick<OcspConfig, 'url' | 'timeoutMs'>
  readonly #agent: PlainAgent
  readonly #underWay = new Set<ClientRequest>()
  #closed = false

  constructor(config: Pick<OcspConfig, 'url' | 'caPem' | 'timeoutMs' | 'requestsAtOnceMax'>) {
    const { url, caPem, requestsAtOnceMax } = config
    this.#config = config
    const kept = { keepAlive: true, maxFreeSockets: requestsAtOnceMax, timeout: idleMs }
    // Never the public CAs: without a configured one nobody is trusted.
    this.#agent = url.startsWith('https:')
      ? new Agent({ ...kept, minVersion: 'TLSv1.2', ca: caPem ?? [] })
      : new PlainAgent(kept)
  }

  /**
   * Throws GatewayError `ocsp_unavailable` without an answer within `timeoutMs`, and for one that is over 64 KiB, has another status
   * than 200 or another type than `application/ocsp-response`.
   */
  async ask(question: Uint8Array): Promise<Buffer> {
    const deadline = { isPast: false, end: () => {} }
    const timer = setTimeout(() => {
      deadline.isPast = true
      deadline.end()
    }, this.#config.timeoutMs)
    try {
      return await this.#askTwice(question, deadline)
    } catch (error) {
      if (deadline.isPast) throw unavailable(`it has not answered within ${this.#config.timeoutMs} ms`, error)
      if (error instanceof GatewayError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      throw unavailable(`it cannot be reached or is not trusted (${code ?? message})`, error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends connections and questions under way; those asked later fail. */
  close(): void {
    this.#closed = true
    for (const request of this.#underWay) request.destroy(new Error('closed'))
    this.#agent.destroy()
  }

  async #askTwice(question: Uint8Array, deadline: Deadline): Promise<Buffer> {
    const first = { reused: false }
    try {
      return await this.#askOnce(question, deadline, first)
    } catch (error) {
      // The responder closed an idle connection while the question was on its way: it has not seen it.
      const wasStale = first.reused && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      if (!wasStale || deadline.isPast || this.#closed) throw error
      return await this.#askOnce(question, deadline, { reused: false })
    }
  }

  #askOnce(question: Uint8Array, deadline: Deadline, seen: { reused: boolean }): Promise<Buffer> {
    const { url } = this.#config
    const begin = url.startsWith('https:') ? requestTls : requestPlain
    return new Promise((resolve, reject) => {
      if (this.#closed) throw unavailable('the gateway is stopping')
      const request = begin(url, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          'content-type': 'application/ocsp-request',
          'content-length': question.length,
          accept: 'application/ocsp-response',
        },
      })
      this.#underWay.add(request)
      const fail = (error: Error) => {
        reject(error)
        request.destroy()
      }
      deadline.end = () => fail(new Error('timeout'))
      request.on('close', () => {
        this.#underWay.delete(request)
        reject(new Error('the connection was closed'))
      })
      request.on('error', (error) => {
        seen.reused = request.reusedSocket
        reject(error)
      })
      request.on('response', (response) => {
        const type = response.headers['content-type'] ?? ''
        if (response.statusCode !== 200 || !/^application\/ocsp-response *(;|$)/i.test(type)) {
          const shown = JSON.stringify(type.slice(0, 60))
          fail(unavailable(`it answered with status ${response.statusCode} and type ${shown}`))
          return
        }
        const parts: Buffer[] = []
        let bytes = 0
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (bytes <= ocspResponseBytesMax) parts.push(part)
          else fail(unavailable(`its answer is longer than ${ocspResponseBytesMax} bytes`))
        })
        response.on('end', () => resolve(Buffer.concat(parts)))
        response.on('error', fail)
      })
      request.end(question)
    })
  }
}

/** `end` is called when the time is up. */
type Deadline = { isPast: boolean; end: () => void }

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('ocsp_unavailable', `Cannot ask the OCSP responder as ${reason}`, { cause })
}
