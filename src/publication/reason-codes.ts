import type { RevocationReason } from '../control-path/ports.ts'

/** RFC 5280 5.3.1 CRLReason, by the names there. */
const reasonCodes: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
  aACompromise: 10,
}

/** What a word that this program does not know says is that it was revoked. */
export function reasonCodeOf(reason: RevocationReason): number {
  return reasonCodes[reason] ?? 0
}
