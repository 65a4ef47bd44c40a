/**
 * Revokes certificates by when they begin to be valid, so that those nobody has ever seen are covered too. Bounds count in whole
 * seconds, as `notBefore` does (RFC 5280 4.1.2.5), both included.
 */
export type RevocationRule =
  /** Everything the login ID had until then; one rule a login ID, whose bound only rises. */
  | { readonly by: 'loginId'; readonly loginId: string; readonly notBeforeMaxMs: number }
  /** What a CA issued in a span of time: for an incident there. */
  | {
      readonly by: 'issuer'
      readonly issuerId: string
      readonly notBeforeMinMs: number
      readonly notBeforeMaxMs: number
    }
