import { readNames, readNumber } from './number-option.ts'

/** The word on the command line that asks for this section. */
export const lifeWord = 'life'

/** The parts of the section, in the order in which they run. */
export const lifeParts = ['issue', 'load', 'page', 'directory'] as const

export type LifePart = (typeof lifeParts)[number]

/** What one run of the section does; every number has an upper bound. */
export type LifeOptions = {
  /** Users of the large directory. Default 1 000 000, with `--quick` 50 000. Range 1 000 to 5 000 000. */
  readonly users: number
  /** Certificates issued one after the other in each way. Default 500, with `--quick` 100. Range 2 to 5 000. */
  readonly issues: number
  /** Certificates issued beside the load. Unit: a second. Default 100. Range 1 to 1 000. */
  readonly rate: number
  /** Requests on kept connections meanwhile. Unit: a second. Default 1 000. Range 10 to 20 000. */
  readonly requests: number
  /** Rounds without and beside issues. Default 5, with `--quick` 2. Range 1 to 20. */
  readonly rounds: number
  /** Length aimed at for one load run. Unit: milliseconds. Default 10 000, with `--quick` 3 000. Range 50 to 30 000. */
  readonly turnMs: number
  /** Default: all. */
  readonly parts: readonly LifePart[]
  readonly quick: boolean
}

type NumberFlag = 'users' | 'issues' | 'rate' | 'requests' | 'rounds' | 'turn'

/** Flags of this section, as they stand on the command line. */
export type LifeFlags = Readonly<Partial<Record<NumberFlag | 'parts', string>>> & {
  readonly quick?: boolean | undefined
}

/** Throws `OptionsError`. */
export function readLifeOptions(flags: LifeFlags): LifeOptions {
  const quick = flags.quick === true
  const number = (name: NumberFlag, range: { full: number; quick: number; min: number; max: number }) =>
    readNumber(`--${name}`, flags[name], { ...range, fallback: quick ? range.quick : range.full })
  return {
    users: number('users', { full: 1_000_000, quick: 50_000, min: 1_000, max: 5_000_000 }),
    issues: number('issues', { full: 500, quick: 100, min: 2, max: 5_000 }),
    rate: number('rate', { full: 100, quick: 100, min: 1, max: 1_000 }),
    requests: number('requests', { full: 1_000, quick: 1_000, min: 10, max: 20_000 }),
    rounds: number('rounds', { full: 5, quick: 2, min: 1, max: 20 }),
    turnMs: number('turn', { full: 10_000, quick: 3_000, min: 50, max: 30_000 }),
    parts: readNames('--parts', flags.parts, lifeParts),
    quick,
  }
}
