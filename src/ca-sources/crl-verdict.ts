import type { CrlKind, KnownCrls, TakenCrl } from './crl-messages.ts'

/** `take`: what it names is revoked. `nothing_new`: everything in it was taken with a newer list. The others: nothing is taken. */
export type CrlVerdict =
  | { readonly kind: 'take'; readonly warnings: readonly string[] }
  | { readonly kind: 'nothing_new' }
  | { readonly kind: 'rolled_back' | 'refused'; readonly reason: string }

/** What the verdict looks at. */
export type JudgedCrl = Pick<TakenCrl, 'number' | 'baseNumber' | 'thisUpdateMs' | 'sha256'>

/**
 * Whether a list that is good by itself may follow those that were taken before. Numbers count where both have one (RFC 5280 5.2.3),
 * else thisUpdate. What an operator imports is always taken: no list un-revokes anything.
 */
export function judgeCrl(list: JudgedCrl, kind: CrlKind, known: KnownCrls): CrlVerdict {
  if (kind === 'import') return { kind: 'take', warnings: importWarnings(list, known) }
  if (kind === 'complete') {
    if (list.baseNumber !== undefined) {
      return refused(`it is a delta list, the difference to list ${list.baseNumber}, where a complete one belongs`)
    }
    return followOn(list, known.complete)
  }
  if (list.baseNumber === undefined) return refused('it is a complete list where a delta list belongs')
  if (list.number === undefined) return refused('it is a delta list without a number')
  const taken = known.complete?.number
  if (taken === undefined) {
    return refused(`it is a difference to list ${list.baseNumber}, and no complete list with a number was taken`)
  }
  if (BigInt(list.baseNumber) > BigInt(taken)) {
    return refused(`it is a difference to list ${list.baseNumber}, and ${taken} is the complete list that was taken`)
  }
  const verdict = followOn(list, known.delta)
  // A CA makes both with one number (RFC 5280 5.2.4), and a complete list may be here before the delta list that follows it.
  return verdict.kind === 'take' && BigInt(list.number) <= BigInt(taken) ? { kind: 'nothing_new' } : verdict
}

function followOn(list: JudgedCrl, known: TakenCrl | undefined): CrlVerdict {
  if (known === undefined) return { kind: 'take', warnings: [] }
  const older = whatIsOlder(list, known)
  if (older !== undefined) return { kind: 'rolled_back', reason: older }
  const isOther = list.number !== undefined && list.number === known.number && list.sha256 !== known.sha256
  const warnings = isOther ? [`list ${list.number} was taken before with other contents`] : []
  return { kind: 'take', warnings }
}

/** Undefined: the list is not older than the known one. */
function whatIsOlder(list: JudgedCrl, known: TakenCrl): string | undefined {
  if (list.number !== undefined && known.number !== undefined) {
    return BigInt(list.number) < BigInt(known.number)
      ? `its number is ${list.number}, and ${known.number} was taken before`
      : undefined
  }
  return list.thisUpdateMs < known.thisUpdateMs
    ? `it is of ${showTime(list.thisUpdateMs)}, and one of ${showTime(known.thisUpdateMs)} was taken before`
    : undefined
}

function importWarnings(list: JudgedCrl, { complete, delta }: KnownCrls): string[] {
  const isDelta = list.baseNumber !== undefined
  const known = isDelta ? delta : complete
  const older = known && whatIsOlder(list, known)
  const warnings = older === undefined ? [] : [`it is older than what is known: ${older}`]
  const taken = complete?.number
  if (isDelta && (taken === undefined || BigInt(list.baseNumber) > BigInt(taken))) {
    warnings.push(
      `it is a difference to list ${list.baseNumber}, which was not taken: revocations of that one may be missing`,
    )
  }
  return warnings
}

function refused(reason: string): CrlVerdict {
  return { kind: 'refused', reason }
}

function showTime(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
