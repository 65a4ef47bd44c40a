/** A piece of the input that begins with a head. `end`: length of the head up to and including its empty line, or -1. */
export type HeadWindow = { readonly text: string; readonly end: number }

// Nearly every head is shorter. Looking at this much first spares copying a whole buffer of body behind a short head.
const firstLookBytes = 4_096

/**
 * Looks for the empty line that ends a head, within the first `headBytesMax` bytes from `from` (or a little beyond where
 * `headBytesMax` is small: compare `end` with it). `text` holds each byte as one latin1 character.
 */
export function headWindow(bytes: Buffer, from: number, headBytesMax: number): HeadWindow {
  const available = bytes.length - from
  // One native copy to a string and searching there is faster than Buffer.indexOf and a second call for the copy.
  let text = bytes.toString('latin1', from, Math.min(bytes.length, from + firstLookBytes))
  let emptyLine = text.indexOf('\r\n\r\n')
  if (emptyLine === -1 && available > firstLookBytes && headBytesMax > firstLookBytes) {
    text = bytes.toString('latin1', from, Math.min(bytes.length, from + headBytesMax))
    emptyLine = text.indexOf('\r\n\r\n')
  }
  return { text, end: emptyLine === -1 ? -1 : emptyLine + 4 }
}
