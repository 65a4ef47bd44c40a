import type { ClientRequest, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** A whole answer as text. */
export type CollectedAnswer = { readonly status: number; readonly body: string }

/**
 * Sends the body and resolves with the whole answer. `start` begins the request and hands each answer on. Rejects with what ended it: also an
 * answer of more than `bytesMax`, and a pause of `timeoutMs`.
 */
export function collectAnswer(
  start: (answered: (response: IncomingMessage) => void) => ClientRequest,
  {
    body,
    bytesMax,
    timeoutMs,
  }: {
    /** A stream is read no faster than it is sent, and no further once the answer has come. */
    readonly body: string | Uint8Array | Readable | undefined
    readonly bytesMax: number
    readonly timeoutMs: number
  },
): Promise<CollectedAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<CollectedAnswer>()
  const request = start((response) => {
    if (body instanceof Readable) body.destroy()
    const chunks: Buffer[] = []
    let bytesRead = 0
    response.on('data', (chunk: Buffer) => {
      bytesRead += chunk.length
      if (bytesRead > bytesMax) request.destroy(new Error('the answer is too large'))
      else chunks.push(chunk)
    })
    response.on('error', reject)
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
      // Refused before all of it was sent.
      if (!request.writableEnded) request.destroy()
    })
  })
  request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs / 1_000} seconds`)))
  request.on('error', reject)
  if (body instanceof Readable) body.on('error', (cause) => request.destroy(cause)).pipe(request)
  else request.end(body)
  return promise
}
