/** One round: for each contestant the quantities measured in it, by name. Their units stand in the rows of the report. */
export type Round = Partial<Record<string, Readonly<Partial<Record<string, number>>>>>

export type Spread = { readonly median: number; readonly min: number; readonly max: number }

/** One quantity over all rounds. */
export type Summary = {
  readonly figures: Partial<Record<string, Spread>>
  /** The base ÷ the other in the same round, over the rounds that have both. */
  readonly ratios: Partial<Record<string, Spread>>
}

/** Throws on an empty list. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high, min, max] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)], sorted[0], sorted.at(-1)]
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new Error('Cannot take the median of no values')
  }
  return { median: (low + high) / 2, min, max }
}

/** The least value that at least `wanted` percent of the values do not exceed (nearest rank). Throws on an empty list. */
export function percentile(values: readonly number[], wanted: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil((wanted / 100) * sorted.length) - 1)]
  if (found === undefined) throw new Error('Cannot take a percentile of no values')
  return found
}

/** Machines breathe from round to round: only the ratio within a round is comparable, so its median is taken. */
export function summarise(rounds: readonly Round[], options: { quantity: string; base: string }): Summary {
  const { quantity, base } = options
  const names = new Set(rounds.flatMap((round) => Object.keys(round)))
  const figures: Partial<Record<string, Spread>> = {}
  const ratios: Partial<Record<string, Spread>> = {}
  for (const name of names) {
    const values = rounds.flatMap((round) => round[name]?.[quantity] ?? [])
    if (values.length > 0) figures[name] = spread(values)
    const shares = rounds.flatMap((round) => share(round[base]?.[quantity], round[name]?.[quantity]))
    if (name !== base && shares.length > 0) ratios[name] = spread(shares)
  }
  return { figures, ratios }
}

function share(ours: number | undefined, other: number | undefined): number[] {
  return ours === undefined || other === undefined || other === 0 ? [] : [ours / other]
}
