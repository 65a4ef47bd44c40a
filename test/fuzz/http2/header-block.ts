import type { Random } from '../random.ts'

export type Field = readonly [name: string, value: string]

/** Entries of HPACK's static table that requests use (RFC 7541 appendix A). */
const staticFields: ReadonlyMap<string, number> = new Map([
  [':method: GET', 2],
  [':method: POST', 3],
  [':path: /', 4],
  [':scheme: https', 7],
])
const staticNames: ReadonlyMap<string, number> = new Map([
  [':authority', 1],
  [':method', 2],
  [':path', 4],
  [':scheme', 6],
  ['accept', 19],
  ['content-length', 28],
  ['cookie', 32],
  ['host', 38],
  ['user-agent', 58],
])
const staticCount = 61

/** Writes header blocks of one connection: chooses among the representations of RFC 7541 6, but never Huffman coding. */
export class HeaderBlockWriter {
  readonly #random: Random
  /** Names and values of the dynamic table, the newest first. */
  readonly #dynamic: string[] = []

  constructor(random: Random) {
    this.#random = random
  }

  write(fields: readonly Field[]): Buffer {
    return Buffer.concat(fields.map((field) => this.#field(field)))
  }

  #field([name, value]: Field): Buffer {
    const line = `${name}: ${value}`
    const known = staticFields.get(line)
    if (known !== undefined && this.#random.chance(0.8)) return integer(known, { bits: 7, pattern: 0x80 })
    const place = this.#dynamic.indexOf(line)
    if (place >= 0 && this.#random.chance(0.8)) return integer(staticCount + 1 + place, { bits: 7, pattern: 0x80 })
    const indexed = this.#random.chance(0.5)
    const form = indexed ? { bits: 6, pattern: 0x40 } : { bits: 4, pattern: this.#random.chance(0.5) ? 0x10 : 0 }
    const nameIndex = this.#random.chance(0.7) ? (staticNames.get(name) ?? 0) : 0
    // Two dozen short entries stay below the 4 096 bytes that every decoder keeps; longer ones are not put in.
    const keeps = indexed && line.length < 100
    if (keeps) {
      this.#dynamic.unshift(line)
      this.#dynamic.length = Math.min(this.#dynamic.length, 24)
    }
    const safe = indexed && !keeps ? { bits: 4, pattern: 0 } : form
    const start = integer(nameIndex, safe)
    const literalName = start[0] === safe.pattern ? [text(name)] : []
    return Buffer.concat([start, ...literalName, text(value)])
  }
}

/** An integer with a prefix of that many bits (RFC 7541 5.1). */
export function integer(value: number, form: { bits: number; pattern: number }): Buffer {
  const max = 2 ** form.bits - 1
  if (value < max) return Buffer.from([form.pattern | value])
  const bytes = [form.pattern | max]
  let rest = value - max
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

/** A string without Huffman coding (RFC 7541 5.2). */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, { bits: 7, pattern: 0 }), bytes])
}
