import type { CaSourcesPorts, CrlLookResult } from './ports.ts'

/** A fault that stays is logged again after so long. Unit: milliseconds. */
const tellAgainMs = 3_600_000

/** What was wrong with one place, or with giving to the store what it gave. */
export type NotedFault = { readonly place: string; readonly result: CrlLookResult; readonly fault: string }

type Told = { readonly text: string; readonly refusals: string; readonly atMs: number }

/** Tells what is wrong with the lists of an issuer when it changes: to the log, and what cannot be trusted to the audit log too. */
export class CrlFaults {
  readonly #issuer: string
  readonly #ports: Pick<CaSourcesPorts, 'audit' | 'log' | 'clock'>
  readonly #told = new Map<string, Told>()

  constructor(issuer: string, ports: Pick<CaSourcesPorts, 'audit' | 'log' | 'clock'>) {
    this.#issuer = issuer
    this.#ports = ports
  }

  /** After a look at the list of that name. */
  note(list: string, { result, faults }: { result: CrlLookResult; faults: readonly NotedFault[] }): void {
    const { log, clock } = this.#ports
    const issuer = this.#issuer
    const told = this.#told.get(list)
    const nowMs = clock.monotonicMs()
    const text = faults.length === 0 ? '' : JSON.stringify(faults)
    if (text === '') {
      if (told !== undefined) log.info('a CRL is well again', { issuer, list })
      this.#told.delete(list)
      return
    }
    const isNew = told?.text !== text
    if (isNew || nowMs - told.atMs >= tellAgainMs) {
      log.warn('a CRL is not as it should be; what is known of it stays in force', { issuer, list, result, faults })
    }
    const refusals = this.#audit(list, { faults, known: told?.refusals ?? '' })
    this.#told.set(list, { text, refusals, atMs: isNew || nowMs - told.atMs >= tellAgainMs ? nowMs : told.atMs })
  }

  /** Whether the place can be reached meanwhile is no news about what it gives. */
  #audit(list: string, { faults, known }: { faults: readonly NotedFault[]; known: string }): string {
    const refused = faults.filter(({ result }) => result === 'refused' || result === 'rolled_back')
    const refusals = JSON.stringify(refused)
    if (refused.length === 0 || refusals === known) return refused.length === 0 ? known : refusals
    for (const { place, result, fault } of refused) {
      this.#ports.audit({
        event: 'crl_refused',
        actor: { kind: 'gateway', name: `crl:${this.#issuer}` },
        target: { kind: 'issuer', name: this.#issuer },
        reason: result,
        detail: { list: `${this.#issuer}/${list}`, place, explanation: fault },
      })
    }
    return refusals
  }
}
