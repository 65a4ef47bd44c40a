import { readNumber } from './number-option.ts'

/** The word on the command line that asks for this section. */
export const ocspWord = 'ocsp'

/** What one run of the section does; every number has an upper bound. */
export type OcspOptions = {
  /** Certificates that are asked about, all of them kept signed. Default 100 000, with `--quick` 5 000. Range 100 to 1 000 000. */
  readonly certificates: number
  /** Default 5, with `--quick` 2. Range 1 to 20. */
  readonly rounds: number
  /** Length aimed at for one load run. Unit: milliseconds. Default 5 000, with `--quick` 1 000. Range 50 to 30 000. */
  readonly turnMs: number
}

/** Flags of this section, as they stand on the command line. */
export type OcspFlags = Readonly<Partial<Record<'certificates' | 'rounds' | 'turn', string>>> & {
  readonly quick?: boolean | undefined
}

/** Throws `OptionsError`. */
export function readOcspOptions(flags: OcspFlags): OcspOptions {
  const quick = flags.quick === true
  return {
    certificates: readNumber('--certificates', flags.certificates, {
      fallback: quick ? 5_000 : 100_000,
      min: 100,
      max: 1_000_000,
    }),
    rounds: readNumber('--rounds', flags.rounds, { fallback: quick ? 2 : 5, min: 1, max: 20 }),
    turnMs: readNumber('--turn', flags.turn, { fallback: quick ? 1_000 : 5_000, min: 50, max: 30_000 }),
  }
}
