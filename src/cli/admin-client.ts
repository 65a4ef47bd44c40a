import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request as startRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { AdminStream, type AdminStreamOptions } from './admin-stream.ts'
import { type CollectedAnswer, collectAnswer } from './collect-answer.ts'
import { CommandError, exitCodes } from './command-context.ts'

/** Which admin door, and as whom. The files are PEM. */
export type AdminAccess = {
  readonly adminUrl: string
  readonly cert: string
  readonly key: string
  readonly ca: string
}

export type AdminRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query. */
  readonly path: string
  readonly json?: unknown
  /** A body that is not JSON. */
  readonly bytes?: Uint8Array
  /** Longest wait for the answer. Unit: milliseconds. Default 60 000. */
  readonly timeoutMs?: number
}

type StreamOptions = Pick<AdminStreamOptions, 'answerWithinMs' | 'stillThereMs'> & {
  /** Of the lines that are sent. Default application/x-ndjson. */
  readonly contentType?: string
}

type Upload = {
  readonly content: Readable
  /** Unit: bytes. */
  readonly size: number
  readonly contentType: string
  /** Longest silence, also while the door works on what it was sent. Unit: milliseconds. */
  readonly answerWithinMs: number
}

const timeoutMsDefault = 60_000
const answerBytesMax = 67_108_864

/** Speaks to the admin door. Every way to fail becomes a CommandError that says what to do. */
export class AdminClient {
  readonly #url: URL
  readonly #options: RequestOptions

  constructor(access: AdminAccess) {
    this.#url = readUrl(access.adminUrl)
    this.#options = {
      cert: readFile(access.cert, 'operator certificate'),
      key: readFile(access.key, 'operator key'),
      ca: readFile(access.ca, 'CA certificate'),
      minVersion: 'TLSv1.2',
      agent: false,
    }
  }

  /** The door, as it was named. */
  get origin(): string {
    return this.#url.origin
  }

  /** Returns the JSON answered. Throws CommandError with the detail of the door's problem report. */
  async call<T>(request: AdminRequest): Promise<T> {
    const { status, body } = await this.#exchange(request)
    return readAnswer(body, { status, url: this.#url }) as T
  }

  /** `POST` of a file, which is never held whole. Returns the JSON answered; throws CommandError. */
  async upload<T>(path: string, { content, size, contentType, answerWithinMs }: Upload): Promise<T> {
    const headers = { Accept: 'application/json', 'Content-Type': contentType, 'Content-Length': size }
    const start = (answered: (response: IncomingMessage) => void) =>
      startRequest(new URL(path, this.#url), { ...this.#options, method: 'POST', headers }, answered)
    const limits = { bytesMax: answerBytesMax, timeoutMs: answerWithinMs }
    const { status, body } = await collectAnswer(start, { body: content, ...limits }).catch((cause: unknown) => {
      throw unreachable(this.#url, cause)
    })
    return readAnswer(body, { status, url: this.#url }) as T
  }

  /** Opens `POST` of a body that is sent line by line, and answered line by line meanwhile. */
  stream(path: string, { contentType = 'application/x-ndjson', ...options }: StreamOptions): AdminStream {
    const headers = { Accept: 'application/x-ndjson, application/json', 'Content-Type': contentType }
    const request = startRequest(new URL(path, this.#url), { ...this.#options, method: 'POST', headers })
    return new AdminStream(request, {
      ...options,
      fault: (cause) => unreachable(this.#url, cause),
      refusal: (status, body) => {
        readAnswer(body, { status, url: this.#url })
      },
    })
  }

  /** Gives what `GET` answers to the sink, piece by piece. Throws CommandError; what came before must not be used then. */
  async download(path: string, sink: (bytes: Uint8Array) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = startRequest(new URL(path, this.#url), { ...this.#options, method: 'GET' }, resolve)
    request.setTimeout(timeoutMsDefault, () => request.destroy(new Error('nothing came for a minute')))
    request.on('error', reject)
    request.end()
    try {
      const response = await promise
      const refusal: Buffer[] = []
      for await (const chunk of response as AsyncIterable<Buffer>) {
        if (response.statusCode === 200) sink(chunk)
        else refusal.push(chunk)
      }
      if (response.statusCode === 200) return
      readAnswer(Buffer.concat(refusal).toString(), { status: response.statusCode ?? 0, url: this.#url })
    } catch (cause) {
      throw cause instanceof CommandError ? cause : unreachable(this.#url, cause)
    }
  }

  #exchange({ method, path, json, bytes, timeoutMs = timeoutMsDefault }: AdminRequest): Promise<CollectedAnswer> {
    const body = json === undefined ? bytes : Buffer.from(JSON.stringify(json))
    const headers: Record<string, string | number> = { Accept: 'application/json' }
    if (body !== undefined) {
      headers['Content-Type'] = json === undefined ? 'application/octet-stream' : 'application/json'
      headers['Content-Length'] = body.length
    }
    const start = (answered: (response: IncomingMessage) => void) =>
      startRequest(new URL(path, this.#url), { ...this.#options, method, headers }, answered)
    return collectAnswer(start, { body, bytesMax: answerBytesMax, timeoutMs }).catch((cause: unknown) => {
      throw unreachable(this.#url, cause)
    })
  }
}

/** The JSON of an answer. Throws CommandError unless its status says that the request was taken. */
function readAnswer(body: string, { status, url }: { status: number; url: URL }): unknown {
  let answer: unknown
  try {
    answer = JSON.parse(body)
  } catch {
    throw new CommandError(`Cannot read the answer of ${url.origin} (status ${status}): is it an admin door?`)
  }
  if (status >= 200 && status < 300) return answer
  throw problemError(answer, `Status ${status}`)
}

/** What the door tells of a problem, in its own words. */
export function problemError(problem: unknown, otherwise: string): CommandError {
  const { detail, requestId } = problem as { detail?: unknown; requestId?: unknown }
  const id = typeof requestId === 'string' ? ` (request ${requestId})` : ''
  return new CommandError(`${typeof detail === 'string' ? detail : otherwise}${id}`, { problem })
}

function readUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'https:' && url.pathname === '/') return url
  throw new CommandError(`Cannot use --admin as https://host:port: current value is ${JSON.stringify(text)}`, {
    exitCode: exitCodes.usage,
  })
}

function readFile(file: string, what: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
    throw new CommandError(
      `Cannot read the ${what} ${file}: ${why}.\n` +
        'Inside a clone the demo makes it at its first start (npm start); elsewhere give --admin, --cert, --key and --ca.',
      { cause },
    )
  }
}

/** Codes by which TLS says that it is this side that does not trust the other. */
const distrustCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function unreachable(url: URL, cause: unknown): CommandError {
  const failure = cause as NodeJS.ErrnoException
  const code = failure.code ?? ''
  if (code === 'ECONNREFUSED') {
    return new CommandError(
      `Cannot reach the admin door at ${url.origin}: nothing listens there. Is the gateway running (npm start)?`,
      { cause },
    )
  }
  if (distrustCodes.has(code)) {
    return new CommandError(
      `Cannot trust the admin door at ${url.origin} (${code}): --ca must name the CA of its certificate`,
      {
        cause,
      },
    )
  }
  const why = failure.message === '' || failure.message === undefined ? code : failure.message
  return new CommandError(`Cannot reach the admin door at ${url.origin}: ${why}`, { cause })
}
