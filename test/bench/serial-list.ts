import { randomFillSync } from 'node:crypto'

const serialBytes = 16

/**
 * Random serial numbers of 16 octets, which no certificate here has. Kept as bytes: ten million of them as texts would take
 * more memory than what is measured.
 */
export class SerialList {
  readonly count: number
  readonly #bytes: Buffer

  constructor(count: number) {
    this.count = count
    this.#bytes = Buffer.allocUnsafe(count * serialBytes)
    randomFillSync(this.#bytes)
    for (let at = 0; at < this.#bytes.length; at += serialBytes) {
      // Positive, and its first digit is no zero: all have the same length in every spelling.
      this.#bytes[at] = ((this.#bytes[at] as number) & 0x7f) | 0x10
    }
  }

  /** Lower-case hex, as a `CertificateKey` has it. */
  at(index: number): string {
    return this.#bytes.toString('hex', index * serialBytes, (index + 1) * serialBytes)
  }

  /** From `start`, at most `count` of them. */
  slice(start: number, count: number): string[] {
    const length = Math.max(0, Math.min(count, this.count - start))
    return Array.from({ length }, (_, index) => this.at(start + index))
  }
}
