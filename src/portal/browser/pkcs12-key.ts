import { join, utf16 } from './der.ts'

/** What a derived value is for (RFC 7292 B.3). */
const purposes = { key: 1, iv: 2, mac: 3 } as const

export type DerivationSettings = {
  readonly hash: 'SHA-1' | 'SHA-256'
  readonly password: string
  readonly salt: Uint8Array
  readonly iterations: number
  readonly purpose: keyof typeof purposes
  /** How many are wanted. */
  readonly bytes: number
}

/** The block of both hash functions. Unit: bytes. */
const blockBytes = 64

/** Key derivation of PKCS #12 (RFC 7292 B.2): the password as UTF-16 with a zero at its end. */
export async function derive(settings: DerivationSettings): Promise<Uint8Array<ArrayBuffer>> {
  const { hash, salt, iterations, bytes } = settings
  const diversifier = new Uint8Array(blockBytes).fill(purposes[settings.purpose])
  const input = join(stretch(salt), stretch(join(utf16(settings.password), Uint8Array.of(0, 0))))
  let result = new Uint8Array()
  while (result.length < bytes) {
    let round: Uint8Array<ArrayBuffer> = join(diversifier, input)
    for (let left = iterations; left > 0; left--) round = new Uint8Array(await crypto.subtle.digest(hash, round))
    result = join(result, round)
    addToBlocks(input, stretch(round).subarray(0, blockBytes))
  }
  return result.slice(0, bytes)
}

/** Repeated up to the next whole block. */
function stretch(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = blockBytes * Math.ceil(bytes.length / blockBytes)
  return Uint8Array.from({ length }, (_, at) => bytes[at % bytes.length] as number)
}

/** Each block becomes block + addend + 1, modulo 2^512. */
function addToBlocks(input: Uint8Array, addend: Uint8Array): void {
  for (let start = 0; start < input.length; start += blockBytes) {
    let carry = 1
    for (let at = blockBytes - 1; at >= 0; at--) {
      const sum = (input[start + at] as number) + (addend[at] as number) + carry
      input[start + at] = sum & 255
      carry = sum >> 8
    }
  }
}
