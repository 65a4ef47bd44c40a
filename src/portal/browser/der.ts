/** Writes DER (X.690) in the browser: what a signing request and a .p12 file need, and no more. */

/** One element: tag, shortest length, contents joined in order. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = join(...contents)
  const length: number[] = []
  if (body.length < 0x80) length.push(body.length)
  else {
    for (let left = body.length; left > 0; left = Math.floor(left / 256)) length.unshift(left % 256)
    length.unshift(0x80 | length.length)
  }
  return join(Uint8Array.of(tag, ...length), body)
}

/** Bytes one after the other, in an array of their own. */
export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** SEQUENCE. */
export function sequence(...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(0x30, ...contents)
}

/** SET; the caller gives what it holds in order. */
export function set(...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(0x31, ...contents)
}

/** OCTET STRING. */
export function octets(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return element(0x04, bytes)
}

/** BIT STRING of whole octets. */
export function bits(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return element(0x03, Uint8Array.of(0), bytes)
}

/** `[number]`, constructed: explicit tagging. */
export function explicit(number: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(0xa0 | number, ...contents)
}

/** INTEGER from big-endian bytes of a number that is not negative. */
export function integer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const digits = bytes.subarray(start)
  return (digits[0] as number) >= 0x80 ? element(0x02, Uint8Array.of(0), digits) : element(0x02, digits)
}

/** INTEGER from a number below 2^31. */
export function smallInteger(value: number): Uint8Array<ArrayBuffer> {
  return integer(Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255))
}

/** NULL. */
export const nothing: Uint8Array<ArrayBuffer> = Uint8Array.of(0x05, 0x00)

/** OBJECT IDENTIFIER from dotted form; its arcs are below 2^31. */
export function oid(dotted: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return element(0x06, Uint8Array.from(bytes))
}

/** BMPString: UTF-16, big end first. */
export function bmpString(text: string): Uint8Array<ArrayBuffer> {
  return element(0x1e, utf16(text))
}

/** UTF-16, big end first. */
export function utf16(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 2)
  for (let at = 0; at < text.length; at++) {
    bytes[at * 2] = text.charCodeAt(at) >>> 8
    bytes[at * 2 + 1] = text.charCodeAt(at) & 255
  }
  return bytes
}
