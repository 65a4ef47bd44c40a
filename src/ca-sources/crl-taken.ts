import { updateMeta } from '../control-path/update-meta.ts'
import type { TakenCrl } from './crl-messages.ts'
import type { CaSourcesPorts } from './ports.ts'

/** `lookedAtMs`: when a look last ended well. Unit: milliseconds since the epoch; undefined: none has. */
export type SharedCrl = TakenCrl & { readonly lookedAtMs?: number | undefined }

/** How long what was read counts as fresh. Unit: milliseconds. */
const freshMs = 1_000

type Ports = Pick<CaSourcesPorts, 'values' | 'clock' | 'log'>

/** Which lists were taken last, by any gateway: the shared value `crlsTaken`, JSON by `<issuerId>/<list>[+delta]`. */
export class CrlTaken {
  readonly #ports: Ports
  #known: Readonly<Record<string, SharedCrl>> = {}
  #readAtMs = Number.NEGATIVE_INFINITY

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /**
   * All of them; while the store is away, what was read last. Never rejects. May be a second old.
   * `anew`: as it is now.
   */
  async read({ anew = false } = {}): Promise<Readonly<Record<string, SharedCrl>>> {
    const { values, clock, log } = this.#ports
    if (!anew && clock.monotonicMs() - this.#readAtMs < freshMs) return this.#known
    try {
      this.#know((await values.readMeta('crlsTaken'))?.value)
    } catch (error) {
      log.info('which CRLs were taken cannot be read now; what is known here counts', { error })
    }
    return this.#known
  }

  /** Notes what was taken, or looked at, completely; never what is older than what stands there. Throws `store_unavailable`. */
  async note(name: string, list: SharedCrl): Promise<void> {
    const { values } = this.#ports
    const standing = await updateMeta(values, 'crlsTaken', (current) => {
      const all = parse(current)
      const known = all[name]
      return known !== undefined && isOlder(list, known) ? (current ?? '{}') : JSON.stringify({ ...all, [name]: list })
    })
    this.#know(standing)
  }

  #know(text: string | undefined): void {
    this.#known = parse(text)
    this.#readAtMs = this.#ports.clock.monotonicMs()
  }
}

/** Whether a list came before another one: by number where both have one, else by thisUpdate. */
export function isOlder(list: TakenCrl, than: TakenCrl): boolean {
  if (list.number !== undefined && than.number !== undefined) return BigInt(list.number) < BigInt(than.number)
  return list.thisUpdateMs < than.thisUpdateMs
}

/** What cannot be read is as if nothing had been taken: everything is looked at again, and nothing is lost by that. */
function parse(text: string | undefined): Record<string, SharedCrl> {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(Object.entries(value).filter(([, list]) => isShared(list)))
  } catch {
    return {}
  }
}

function isShared(value: unknown): boolean {
  const { place, number, thisUpdateMs, sha256 } = (value ?? {}) as Partial<Record<keyof SharedCrl, unknown>>
  const isNumber = number === undefined || (typeof number === 'string' && /^\d{1,60}$/.test(number))
  return typeof place === 'string' && typeof sha256 === 'string' && typeof thisUpdateMs === 'number' && isNumber
}
