import type { CertificateKey } from '../x509/certificate-key.ts'

/**
 * A part of the ledger as bytes: words of 32 bits in the machine's byte order. First the number of issuers, and for each its
 * number and the four words of its id; then records of eight words. A part of keys that are spelled in another way begins with this mark
 * and goes on as JSON. A part may be empty.
 */
const oddMark = 0xffff_ffff
const issuerWords = 5

/** A record whose key is not spelled normally. */
export type OddRecord = readonly [key: CertificateKey, state: number, version: number, isSuperseded: boolean]

/** What a part holds. */
export type LedgerPart =
  | { readonly kind: 'records'; readonly issuers: ReadonlyMap<number, string>; readonly records: Uint32Array }
  | { readonly kind: 'odd'; readonly records: readonly OddRecord[] }

/** Writes a part of records. */
export function writeRecords(issuers: ReadonlyMap<number, string>, records: Uint32Array): Uint8Array {
  if (records.length === 0) return new Uint8Array(0)
  const head = 1 + issuers.size * issuerWords
  const words = new Uint32Array(head + records.length)
  words[0] = issuers.size
  let filled = 1
  for (const [number, issuerId] of issuers) {
    words[filled++] = number
    for (let from = 0; from < 32; from += 8) words[filled++] = Number.parseInt(issuerId.slice(from, from + 8), 16)
  }
  words.set(records, head)
  return new Uint8Array(words.buffer)
}

/** Writes a part of records with odd keys. */
export function writeOdd(records: readonly OddRecord[]): Uint8Array {
  if (records.length === 0) return new Uint8Array(0)
  const json = JSON.stringify(records)
  // Whole words, as in the other parts.
  const text = Buffer.from(json + ' '.repeat((4 - (Buffer.byteLength(json) % 4)) % 4))
  const bytes = new Uint8Array(4 + text.length)
  new Uint32Array(bytes.buffer, 0, 1)[0] = oddMark
  bytes.set(text, 4)
  return bytes
}

/** Reads a part. Throws where it is none. */
export function readLedgerPart(words: Uint32Array<ArrayBuffer>, recordWords: number): LedgerPart {
  if (words.length === 0) return { kind: 'records', issuers: new Map(), records: words }
  if (words[0] === oddMark) {
    return { kind: 'odd', records: JSON.parse(Buffer.from(words.buffer, words.byteOffset + 4).toString()) }
  }
  const head = 1 + (words[0] as number) * issuerWords
  if (head > words.length || (words.length - head) % recordWords !== 0) {
    throw new Error(`Cannot read a part of the ledger as its length is wrong: current value is ${words.length} words`)
  }
  const issuers = new Map<number, string>()
  for (let at = 1; at < head; at += issuerWords) {
    const id = Array.from(words.subarray(at + 1, at + issuerWords), (word) => word.toString(16).padStart(8, '0'))
    issuers.set(words[at] as number, id.join(''))
  }
  return { kind: 'records', issuers, records: words.subarray(head) }
}
