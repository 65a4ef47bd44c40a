import { Agent as PlainAgent, request as requestPlain } from 'node:http'
import { Agent, request as requestTls } from 'node:https'
import { GatewayError } from '../base/errors.ts'
import type { VerifierConfig } from '../config/gateway-config.ts'
import { LimitedWork } from './limited-work.ts'
import type { PasswordKind, PasswordVerifier } from './password-verifier.ts'

export type HttpVerifierConfig = Extract<VerifierConfig, { kind: 'http' }>

/** Longest answer that is read. Unit: bytes. */
const answerBytesMax = 4_096
/** Questions that may wait for one of `requestsAtOnceMax` to end. Those before each end first, so none waits longer than `timeoutMs`. */
const waitingMax = 1_000
/** Idle connections are kept for so long. Unit: milliseconds. */
const idleMs = 30_000

/**
 * Asks the banking application, by the rules of `README.md` in this folder. Only a clear yes or no counts; everything else is
 * `verifier_unavailable`, and denies. Passwords and answers are in no message.
 */
export class HttpVerifier implements PasswordVerifier {
  readonly #config: HttpVerifierConfig
  readonly #work: LimitedWork
  readonly #agent: PlainAgent

  constructor(config: HttpVerifierConfig) {
    const { url, requestsAtOnceMax, caPem, certificatePem, keyPem } = config
    this.#config = config
    this.#work = new LimitedWork(() => ({ atOnce: requestsAtOnceMax, queueMax: waitingMax }))
    const kept = { keepAlive: true, maxFreeSockets: requestsAtOnceMax, timeout: idleMs }
    this.#agent = url.startsWith('https:')
      ? new Agent({
          ...kept,
          minVersion: 'TLSv1.2',
          // Never the public CAs: without a configured one nobody is trusted.
          ca: caPem ?? [],
          ...(certificatePem === undefined || keyPem === undefined ? {} : { cert: certificatePem, key: keyPem }),
        })
      : new PlainAgent(kept)
  }

  async verify(
    kind: PasswordKind,
    loginId: string,
    password: string,
    { requestId }: { readonly requestId: string },
  ): Promise<'right' | 'wrong'> {
    const body = Buffer.from(JSON.stringify({ kind, loginId, password, requestId }))
    const signal = AbortSignal.timeout(this.#config.timeoutMs)
    try {
      return readAnswer(await this.#work.run(() => this.#ask(body, signal)))
    } catch (error) {
      if (error instanceof GatewayError) throw error
      const reason = signal.aborted ? `it did not answer within ${this.#config.timeoutMs} ms` : describe(error)
      throw unavailable(reason)
    }
  }

  /** Closes idle connections; questions under way go on. */
  close(): void {
    this.#agent.destroy()
  }

  async #ask(body: Buffer, signal: AbortSignal): Promise<Buffer> {
    const first = { reused: false }
    try {
      return await this.#askOnce(body, signal, first)
    } catch (error) {
      // The application closed an idle connection while the question was on its way: it has not seen it.
      const wasStale = first.reused && (error as NodeJS.ErrnoException).code === 'ECONNRESET' && !signal.aborted
      if (!wasStale) throw error
      return await this.#askOnce(body, signal, { reused: false })
    }
  }

  #askOnce(body: Buffer, signal: AbortSignal, seen: { reused: boolean }): Promise<Buffer> {
    const { url } = this.#config
    const request = url.startsWith('https:') ? requestTls : requestPlain
    return new Promise((resolve, reject) => {
      const asked = request(url, {
        method: 'POST',
        agent: this.#agent,
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          accept: 'application/json',
          'cache-control': 'no-store',
        },
      })
      asked.on('error', (error) => {
        seen.reused = asked.reusedSocket
        reject(error)
      })
      asked.on('response', (response) => {
        const parts: Buffer[] = []
        let bytes = 0
        const type = response.headers['content-type'] ?? ''
        if (response.statusCode !== 200 || !/^application\/json *(;|$)/i.test(type)) {
          reject(
            unavailable(`it answered with status ${response.statusCode} and type ${JSON.stringify(type.slice(0, 60))}`),
          )
          asked.destroy()
          return
        }
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (bytes <= answerBytesMax) return void parts.push(part)
          reject(unavailable(`its answer is longer than ${answerBytesMax} bytes`))
          asked.destroy()
        })
        response.on('end', () => resolve(Buffer.concat(parts)))
        response.on('error', reject)
      })
      asked.end(body)
    })
  }
}

function readAnswer(answer: Buffer): 'right' | 'wrong' {
  let read: unknown
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer))
  } catch {
    throw unavailable('its answer is no JSON')
  }
  const result = typeof read === 'object' && read !== null && 'result' in read ? read.result : undefined
  if (result === 'right' || result === 'wrong') return result
  throw unavailable('its answer is neither {"result":"right"} nor {"result":"wrong"}')
}

function unavailable(reason: string): GatewayError {
  return new GatewayError(
    'verifier_unavailable',
    `Cannot check the password as the banking application was asked: ${reason}`,
  )
}

/** The code alone where there is one: messages of TLS may quote what was received. */
function describe(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : 'the connection failed'
}
