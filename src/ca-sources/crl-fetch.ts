import { writeSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { GatewayError } from '../base/errors.ts'
import type { GatewayConfig } from '../config/gateway-config.ts'

export type FetchOptions = {
  readonly url: string
  /** The only CAs that are trusted for https. */
  readonly caPem: string | undefined
  /** Of the answer before; undefined: the list is wanted whatever it is. */
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly limits: Pick<GatewayConfig['crlFetch'], 'bytesMax' | 'timeoutMs' | 'idleTimeoutMs' | 'redirectsMax'>
}

/** `list`: it is in the file now. `unchanged`: 304. */
export type FetchedCrl =
  | { readonly kind: 'list'; readonly etag: string | undefined; readonly lastModified: string | undefined }
  | { readonly kind: 'unchanged' }

const redirectStatuses: readonly number[] = [301, 302, 303, 307, 308]
/** Longest validator that is kept and sent back. Unit: characters. */
const validatorLengthMax = 500

/**
 * Fetches a list into an open, empty file. GET without content codings (what unpacks to a thousand times its size has no way in),
 * conditional where validators are given; redirects as far as configured, never from https to http.
 *
 * Throws GatewayError `crl_unavailable`: what was written by then is of no use.
 */
export async function fetchCrl(options: FetchOptions, file: number): Promise<FetchedCrl> {
  const { limits } = options
  const signal = AbortSignal.timeout(limits.timeoutMs)
  try {
    let url = new URL(options.url)
    for (let redirects = 0; ; redirects++) {
      const response = await ask(url, options, signal)
      try {
        const target = redirectOf(response, url)
        if (target === undefined) return await take(response, options, file)
        if (redirects >= limits.redirectsMax)
          throw unavailable(`it is redirected more than ${limits.redirectsMax} times`)
        url = target
      } finally {
        response.destroy()
      }
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error
    if (signal.aborted) throw unavailable(`it is not here within ${limits.timeoutMs} ms`, error)
    throw unavailable(reasonOf(error), error)
  }
}

function ask(url: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { caPem, etag, lastModified, limits } = options
  const isSecure = url.protocol === 'https:'
  // Without a CA Node would trust everybody the system trusts.
  if (isSecure && caPem === undefined) throw unavailable('no CA is configured to know its server by')
  const settings = {
    // One call in a while: a connection kept open would only be found dead.
    agent: false,
    signal,
    timeout: limits.idleTimeoutMs,
    headers: {
      accept: 'application/pkix-crl, */*;q=0.5',
      'accept-encoding': 'identity',
      'user-agent': 'sekisho',
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
      ...(lastModified === undefined ? {} : { 'if-modified-since': lastModified }),
    },
  }
  return new Promise((resolve, reject) => {
    const call = isSecure
      ? httpsRequest(url, { ...settings, ca: caPem, rejectUnauthorized: true, minVersion: 'TLSv1.2' })
      : httpRequest(url, settings)
    let response: IncomingMessage | undefined
    call.on('timeout', () => {
      const silent = unavailable(`not a byte came for ${limits.idleTimeoutMs} ms`)
      // The response alone says so to whoever reads it; the request would say so to nobody any more.
      if (response === undefined) call.destroy(silent)
      else response.destroy(silent)
    })
    call.on('error', reject)
    call.on('response', (arrived) => {
      response = arrived
      // Whoever reads it is told by the reading.
      response.on('error', () => {})
      resolve(response)
    })
    call.end()
  })
}

/** Where the answer sends us; undefined: it is none that sends anybody anywhere. */
function redirectOf({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | undefined {
  if (!redirectStatuses.includes(statusCode)) return undefined
  const target = headers.location === undefined ? null : URL.parse(headers.location, from)
  if (target === null) throw unavailable(`the server answers with status ${statusCode} and says not where to`)
  const isWeb = target.protocol === 'https:' || target.protocol === 'http:'
  if (!isWeb || target.username !== '' || target.password !== '')
    throw unavailable('it is redirected to no plain web URL')
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw unavailable('it is redirected from https to http')
  return target
}

async function take(response: IncomingMessage, options: FetchOptions, file: number): Promise<FetchedCrl> {
  const { statusCode, headers } = response
  const { bytesMax } = options.limits
  const isConditional = options.etag !== undefined || options.lastModified !== undefined
  if (statusCode === 304 && isConditional) return { kind: 'unchanged' }
  if (statusCode !== 200) throw unavailable(`the server answers with status ${statusCode}`)
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') {
    throw unavailable(`it comes with a content coding, which was not asked for: ${JSON.stringify(coding.slice(0, 40))}`)
  }
  const announced = Number(headers['content-length'] ?? 0)
  if (announced > bytesMax) throw unavailable(`it has ${announced} bytes and at most ${bytesMax} are taken`)
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw unavailable(`it has more than ${bytesMax} bytes`)
    for (let written = 0; written < chunk.length; ) written += writeSync(file, chunk, written)
  }
  return { kind: 'list', etag: validator(headers.etag), lastModified: validator(headers['last-modified']) }
}

/** A validator that can be sent back as it came. */
function validator(value: string | undefined): string | undefined {
  return value !== undefined && value.length <= validatorLengthMax && /^[\x21-\x7e][\x20-\x7e]*$/.test(value)
    ? value
    : undefined
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return `it cannot be transferred (${code ?? message})`
}

function unavailable(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('crl_unavailable', `Cannot fetch the CRL as ${reason}`, { cause })
}
