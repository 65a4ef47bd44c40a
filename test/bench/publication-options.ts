import { readNumber } from './number-option.ts'

/** The word on the command line that asks for this section. */
export const publicationWord = 'publication'

/** What one run of the section does; every number has an upper bound. */
export type PublicationOptions = {
  /** Revoked certificates of the issuing CA. Default 1 000 000, with `--quick` 50 000. Range 1 000 to 5 000 000. */
  readonly entries: number
  /** Changes that are signed, one after the other. Default 20, with `--quick` 5. Range 1 to 200. */
  readonly rounds: number
}

/** Flags of this section, as they stand on the command line. */
export type PublicationFlags = Readonly<Partial<Record<'entries' | 'rounds', string>>> & {
  readonly quick?: boolean | undefined
}

/** Throws `OptionsError`. */
export function readPublicationOptions(flags: PublicationFlags): PublicationOptions {
  const quick = flags.quick === true
  return {
    entries: readNumber('--entries', flags.entries, {
      fallback: quick ? 50_000 : 1_000_000,
      min: 1_000,
      max: 5_000_000,
    }),
    rounds: readNumber('--rounds', flags.rounds, { fallback: quick ? 5 : 20, min: 1, max: 200 }),
  }
}
