import type { CrlDescription } from '../x509/crl/describe-crl.ts'
import { grouped } from './push-meter.ts'
import { relativeTime } from './relative-time.ts'
import { counted } from './text-table.ts'

/** What a gateway would do with a list. `unknown`: nobody said whose it should be. */
export type CrlVerdict =
  | { readonly kind: 'good' | 'expired' | 'unknown'; readonly warnings: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string; readonly warnings: readonly string[] }

const scopeWords = {
  onlyContainsUserCerts: 'certificates of users only',
  onlyContainsCaCerts: 'certificates of CAs only',
  onlyContainsAttributeCerts: 'attribute certificates only',
  indirect: 'certificates of other issuers too (indirect)',
  onlySomeReasons: 'certificates revoked for some reasons only',
} as const satisfies Record<keyof NonNullable<CrlDescription['distributionPoint']>, string>

/** A list for people: names and what stands behind them, in the order in which they are shown. */
export function crlLines(
  crl: CrlDescription,
  { verdict, nowMs }: { readonly verdict: CrlVerdict; readonly nowMs: number },
): (readonly [name: string, value: string])[] {
  const timeOf = (time: string) => `${time} (${relativeTime(Date.parse(time), nowMs)})`
  const passedOver =
    crl.entriesPassedOver === 0 ? '' : `, and ${crl.entriesPassedOver} that no certificate here can have`
  return [
    ['Issuer', crl.issuer],
    ['Kind', kindOf(crl)],
    ['Number', crl.number ?? 'none'],
    ['This update', timeOf(crl.thisUpdate)],
    ['Next update', crl.nextUpdate === null ? 'none' : timeOf(crl.nextUpdate)],
    ['Entries', `${grouped(crl.entries)}${passedOver}`],
    ...Object.entries(crl.reasons).map(([reason, count]) => ['', `${reason} ${grouped(count)}`] as const),
    ['Scope', scopeOf(crl)],
    ['Unknown critical', unknownOf(crl)],
    ['Signature', `${crl.signatureAlgorithm}, ${crl.signature}`],
    ['Key identifier', crl.authorityKeyIdentifier ?? 'none'],
    ['Size', `${counted(crl.bytes, 'byte')} of DER, version ${crl.version}`],
    ...verdict.warnings.map((warning) => ['Warning', warning] as const),
  ]
}

function kindOf({ deltaBase }: CrlDescription): string {
  return deltaBase === null ? 'complete list' : `delta list, to be added to list ${deltaBase}`
}

function scopeOf({ distributionPoint, hasOtherIssuers }: CrlDescription): string {
  const flags = Object.entries(scopeWords).flatMap(([flag, words]) =>
    distributionPoint?.[flag as keyof typeof scopeWords] === true ? [words] : [],
  )
  const mixed = hasOtherIssuers ? ['entries that name other issuers'] : []
  const all = [...flags, ...mixed]
  return all.length === 0 ? 'all certificates of the issuer' : all.join('; ')
}

function unknownOf({ unknownCriticalExtensions, unknownCriticalEntryExtensions }: CrlDescription): string {
  const ofEntries = unknownCriticalEntryExtensions.map((oid) => `${oid} (of entries)`)
  const all = [...unknownCriticalExtensions, ...ofEntries]
  return all.length === 0 ? 'no extensions' : `extensions ${all.join(', ')}`
}
