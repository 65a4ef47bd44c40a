import { readNames, readNumber } from './number-option.ts'

/** The word on the command line that asks for this section. */
export const revocationWord = 'revocation'

/** The parts of the section, in the order in which they run. */
export const revocationParts = ['memory', 'loading', 'cost', 'fleet', 'bulk'] as const

export type RevocationPart = (typeof revocationParts)[number]

/** More entries than this are measured in memory and while loading only, unless parts are named. */
const entriesOfAllPartsMax = 2_000_000

/** What one run of the section does; every number has an upper bound. */
export type RevocationOptions = {
  /** Revocations in the store. Default 1 000 000, with `--quick` 100 000. Range 1 000 to 20 000 000. */
  readonly entries: number
  /** Live connections of the fleet. Default 1 000, with `--quick` 200. Range 2 to 5 000. */
  readonly connections: number
  /** Gateways of the fleet. Default 8, with `--quick` 4. Range 2 to 16. */
  readonly fleet: number
  /** Certificates pushed one at a time. Default 300, with `--quick` 100. Range 1 to 2 000. */
  readonly pushes: number
  /** Rounds of the cost with revocations, and as many before without. Default 10, with `--quick` 3. Range 1 to 50. */
  readonly rounds: number
  /** Pairs of gateways over which they are spread. Default 2, with `--quick` 1. */
  readonly pairs: number
  /** Length aimed at for one load run. Unit: milliseconds. Default 1 000, with `--quick` 400. Range 50 to 30 000. */
  readonly turnMs: number
  /** Handshakes of nginx and HAProxy in a run with a list: each may take 180 ms of CPU. */
  readonly slowHandshakes: number
  /** Logins go on for so long before the bulk push begins, until event-loop delays of the start are forgotten. Unit: milliseconds. */
  readonly settleMs: number
  /** Default: all; with more than 2 000 000 entries `memory` and `loading`. */
  readonly parts: readonly RevocationPart[]
  readonly quick: boolean
}

/** Flags that only this section has, as they stand on the command line. */
export type RevocationFlags = Readonly<
  Partial<Record<'entries' | 'connections' | 'fleet' | 'pushes' | 'parts' | 'rounds' | 'turn', string>>
> & { readonly quick?: boolean | undefined }

/** Throws `OptionsError`. */
export function readRevocationOptions(flags: RevocationFlags): RevocationOptions {
  const quick = flags.quick === true
  const number = (
    name: keyof Omit<RevocationFlags, 'quick'>,
    range: { full: number; quick: number; min: number; max: number },
  ) => readNumber(`--${name}`, flags[name], { ...range, fallback: quick ? range.quick : range.full })
  const entries = number('entries', { full: 1_000_000, quick: 100_000, min: 1_000, max: 20_000_000 })
  const parts = readNames('--parts', flags.parts, revocationParts)
  const few = flags.parts === undefined && entries > entriesOfAllPartsMax
  return {
    entries,
    connections: number('connections', { full: 1_000, quick: 200, min: 2, max: 5_000 }),
    fleet: number('fleet', { full: 8, quick: 4, min: 2, max: 16 }),
    pushes: number('pushes', { full: 300, quick: 100, min: 1, max: 2_000 }),
    rounds: number('rounds', { full: 10, quick: 3, min: 1, max: 50 }),
    pairs: quick ? 1 : 2,
    turnMs: number('turn', { full: 1_000, quick: 400, min: 50, max: 30_000 }),
    slowHandshakes: quick ? 8 : 16,
    settleMs: quick ? 1_000 : 20_000,
    parts: few ? ['memory', 'loading'] : parts,
    quick,
  }
}
