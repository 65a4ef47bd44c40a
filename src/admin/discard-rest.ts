import type { IncomingMessage } from 'node:http'

const bytesMax = 16_777_216
const withinMs = 5_000

/**
 * Reads and drops what is still being sent of a request that was answered, up to 16 MiB and for at most five seconds: a connection
 * that is closed with bytes unread takes the answer with it (RFC 9112 9.6). Never rejects.
 */
export async function discardRest(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, withinMs)
  let bytes = 0
  // Whoever read until now has stopped; a listener that is left would keep the rest from flowing.
  request.removeAllListeners('readable')
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > bytesMax) resolve()
  })
  request.once('end', resolve).once('close', resolve).once('error', resolve)
  request.resume()
  await promise
  clearTimeout(timer)
}
