import { crlReasons } from './crl-reasons.ts'

/** One entry of a list (RFC 5280 5.1.2.6). */
export type CrlEntry = {
  /** Lower-case hex without leading zeros, as a `CertificateKey` has it. */
  readonly serialHex: string
  /** Unit: milliseconds since the epoch. */
  readonly revokedAtMs: number
  /** A key of `crlReasons`; undefined where the list gives none, which means the same as 0. */
  readonly reasonCode: number | undefined
  /** When its key may have been lost, or it became invalid otherwise. Unit: milliseconds since the epoch. */
  readonly invalidityDateMs: number | undefined
}

/** An entry as it stands in the list: its serial number is `bytes` from `start` to `end`, at most 20 octets, the first not 0. */
export type NewCrlEntry = Omit<CrlEntry, 'serialHex'> & {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

type Block = { readonly bytes: Buffer; used: number; readonly first: number }

/** Small lists need little; large ones few blocks. Unit: bytes. */
const firstBlockBytes = 4_096
const blockBytes = 262_144
/** Length of the serial number, reason, two times, 20 octets. */
const recordBytesMax = 32
const timeBytes = 5
/** Beside the reason: the entry has an invalidity date. */
const invalidityFlag = 0x80
const noReason = 0x7f
/** The start of the year 0 lies so many seconds before 1970: the earliest time that a list can hold. */
const secondsBeforeEpoch = 62_167_219_200

/**
 * The entries of a list in their order, packed in blocks that are never copied: 7 bytes and the serial number each, 5 more for an
 * invalidity date. A million entries with serial numbers of 16 octets take 23 MB.
 */
export class CrlEntries {
  readonly #blocks: Block[] = []
  readonly #reasonCounts = new Map<number, number>()
  #count = 0

  get count(): number {
    return this.#count
  }

  /** How many entries have each reason code, 0 if they give none; only codes that occur. */
  get reasonCounts(): ReadonlyMap<number, number> {
    return this.#reasonCounts
  }

  /** Memory that the entries take. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  add({ bytes, start, end, revokedAtMs, reasonCode, invalidityDateMs }: NewCrlEntry): void {
    const block = this.#blockWithRoom()
    const record = block.bytes
    let at = block.used
    record[at] = end - start
    record[at + 1] = (reasonCode ?? noReason) | (invalidityDateMs === undefined ? 0 : invalidityFlag)
    writeTime(record, at + 2, revokedAtMs)
    at += 2 + timeBytes
    if (invalidityDateMs !== undefined) {
      writeTime(record, at, invalidityDateMs)
      at += timeBytes
    }
    for (let index = start; index < end; index++) record[at++] = bytes[index] as number
    block.used = at
    this.#count++
    const counted = reasonCode ?? 0
    this.#reasonCounts.set(counted, (this.#reasonCounts.get(counted) ?? 0) + 1)
  }

  [Symbol.iterator](): Generator<CrlEntry, void> {
    return this.iterate()
  }

  /** The entries from number `from` (default the first) up to, without, number `to` (default all), in the order of the list. */
  *iterate(from = 0, to = this.#count): Generator<CrlEntry, void> {
    let number = Math.max(0, from)
    for (const [place, block] of this.#blocks.entries()) {
      const next = this.#blocks[place + 1]?.first ?? this.#count
      if (next <= number) continue
      let at = 0
      for (let passed = block.first; passed < number; passed++) at += recordBytes(block.bytes, at)
      for (; number < next; number++) {
        if (number >= to) return
        yield readRecord(block.bytes, at)
        at += recordBytes(block.bytes, at)
      }
    }
  }

  #blockWithRoom(): Block {
    const last = this.#blocks.at(-1)
    if (last !== undefined && last.used + recordBytesMax <= last.bytes.length) return last
    const size = last === undefined ? firstBlockBytes : blockBytes
    const block = { bytes: Buffer.allocUnsafeSlow(size), used: 0, first: this.#count }
    this.#blocks.push(block)
    return block
  }
}

/** `counts` by the names of the reasons. */
export function reasonsByName(counts: ReadonlyMap<number, number>): Readonly<Record<string, number>> {
  const codes = [...counts.keys()].sort((one, other) => one - other)
  return Object.fromEntries(codes.map((code) => [crlReasons[code] ?? String(code), counts.get(code) ?? 0]))
}

function recordBytes(record: Buffer, at: number): number {
  const times = ((record[at + 1] as number) & invalidityFlag) === 0 ? timeBytes : 2 * timeBytes
  return 2 + times + (record[at] as number)
}

function readRecord(record: Buffer, at: number): CrlEntry {
  const flags = record[at + 1] as number
  const dated = (flags & invalidityFlag) !== 0
  const reasonCode = flags & ~invalidityFlag
  const end = at + recordBytes(record, at)
  const digits = record.toString('hex', end - (record[at] as number), end)
  return {
    serialHex: digits.charCodeAt(0) === 0x30 ? digits.slice(1) : digits,
    revokedAtMs: readTimeAt(record, at + 2),
    reasonCode: reasonCode === noReason ? undefined : reasonCode,
    invalidityDateMs: dated ? readTimeAt(record, at + 2 + timeBytes) : undefined,
  }
}

function writeTime(record: Buffer, at: number, timeMs: number): void {
  record.writeUIntBE(timeMs / 1_000 + secondsBeforeEpoch, at, timeBytes)
}

function readTimeAt(record: Buffer, at: number): number {
  return (record.readUIntBE(at, timeBytes) - secondsBeforeEpoch) * 1_000
}
