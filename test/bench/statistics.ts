import type { GatewayName } from './gateways/gateway.ts'

/** What is measured of each gateway in a round: CPU in µs, times in ms, memory in bytes. */
export type Quantity = 'request' | 'p50' | 'p99' | 'connection' | 'idleMemory'

/** One round: for each gateway the quantities measured in it. */
export type Round = Partial<Record<GatewayName, Partial<Record<Quantity, number>>>>

export type Spread = { readonly median: number; readonly min: number; readonly max: number }

/** One quantity over all rounds. */
export type Summary = {
  readonly gateways: Partial<Record<GatewayName, Spread>>
  /** Sekisho ÷ the other in the same round, over the rounds that have both. */
  readonly ratios: Partial<Record<GatewayName, Spread>>
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

/** Machines breathe from round to round: only the ratio within a round is comparable, so its median is taken. */
export function summarise(rounds: readonly Round[], quantity: Quantity): Summary {
  const names = new Set(rounds.flatMap((round) => Object.keys(round) as GatewayName[]))
  const gateways: Partial<Record<GatewayName, Spread>> = {}
  const ratios: Partial<Record<GatewayName, Spread>> = {}
  for (const name of names) {
    const values = rounds.flatMap((round) => round[name]?.[quantity] ?? [])
    if (values.length > 0) gateways[name] = spread(values)
    const shares = rounds.flatMap((round) => share(round.sekisho?.[quantity], round[name]?.[quantity]))
    if (name !== 'sekisho' && shares.length > 0) ratios[name] = spread(shares)
  }
  return { gateways, ratios }
}

function share(ours: number | undefined, other: number | undefined): number[] {
  return ours === undefined || other === undefined || other === 0 ? [] : [ours / other]
}
