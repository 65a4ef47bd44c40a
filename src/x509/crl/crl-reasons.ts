/** Reason codes of revocations by number (RFC 5280 5.3.1); 7 is not used. */
export const crlReasons: Readonly<Record<number, string>> = {
  0: 'unspecified',
  1: 'keyCompromise',
  2: 'cACompromise',
  3: 'affiliationChanged',
  4: 'superseded',
  5: 'cessationOfOperation',
  6: 'certificateHold',
  8: 'removeFromCRL',
  9: 'privilegeWithdrawn',
  10: 'aACompromise',
}

/** The certificate may become good again. */
export const certificateHold = 6
/** Only in delta lists: the certificate was on hold and is not revoked any more. */
export const removeFromCrl = 8
