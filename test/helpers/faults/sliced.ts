import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Sends the bytes in pieces of `size`, each one handed to the system before the next is written. */
export async function sendSliced(socket: Writable, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise<void>((resolve) => socket.write(bytes.subarray(at, at + size), () => setImmediate(resolve)))
  }
}

/** Writes pieces for as long as the reader takes them; resolves with the bytes written when it stops for `quietMs` or all is written. */
export async function writeUntilStuck(
  socket: Writable,
  piece: Buffer,
  options: { totalBytes: number; quietMs: number },
): Promise<number> {
  let written = 0
  while (written < options.totalBytes) {
    written += piece.length
    if (socket.write(piece)) continue
    const quiet = AbortSignal.timeout(options.quietMs)
    const drained = await once(socket, 'drain', { signal: quiet }).then(
      () => true,
      () => false,
    )
    if (!drained) return written
  }
  return written
}
