import { readNumber } from './number-option.ts'

/** The word on the command line that asks for this section. */
export const crlWord = 'crl'

/** What one run of the section does; every number has an upper bound. */
export type CrlOptions = {
  /** Entries of each list. Default 1 000 000, with `--quick` 100 000. Range 1 000 to 5 000 000. */
  readonly entries: number
  /** Default 5, with `--quick` 2. Range 1 to 20. */
  readonly rounds: number
}

/** Flags of this section, as they stand on the command line. */
export type CrlFlags = Readonly<Partial<Record<'entries' | 'rounds', string>>> & {
  readonly quick?: boolean | undefined
}

/** Throws `OptionsError`. */
export function readCrlOptions(flags: CrlFlags): CrlOptions {
  const quick = flags.quick === true
  return {
    entries: readNumber('--entries', flags.entries, {
      fallback: quick ? 100_000 : 1_000_000,
      min: 1_000,
      max: 5_000_000,
    }),
    rounds: readNumber('--rounds', flags.rounds, { fallback: quick ? 2 : 5, min: 1, max: 20 }),
  }
}
