import type { ServerResponse } from 'node:http'

/** So much is handed to a connection at a time; up to this, a body goes out in one piece. Unit: bytes. */
const sliceBytes = 262_144
/** A client must take each slice within this time: about 9 KB a second. Unit: milliseconds. */
const sliceTimeoutMs = 30_000

/**
 * Ends the answer with this body, slice by slice, so that a slow client holds no more than one of them in memory. Resolves when it has
 * left, or the client is gone; one that does not read is cut off.
 */
export async function sendBody(response: ServerResponse, parts: readonly Uint8Array[]): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  if (bytes > sliceBytes) {
    for (const slice of slicesOf(parts)) {
      if (response.destroyed) return
      if (!response.write(slice)) await told(response, 'drain')
    }
    if (response.destroyed) return
    response.end()
  } else if (parts.length <= 1) response.end(parts[0])
  else response.end(Buffer.concat(parts))
  if (!response.writableFinished && !response.destroyed) await told(response, 'finish')
}

function* slicesOf(parts: readonly Uint8Array[]): Generator<Uint8Array, void, void> {
  for (const part of parts) {
    for (let start = 0; start < part.length; start += sliceBytes) yield part.subarray(start, start + sliceBytes)
  }
}

function told(response: ServerResponse, event: 'drain' | 'finish'): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      response.removeListener(event, end)
      response.removeListener('close', end)
      resolve()
    }
    const timer = setTimeout(() => {
      response.destroy()
      end()
    }, sliceTimeoutMs)
    response.once(event, end)
    response.once('close', end)
  })
}
