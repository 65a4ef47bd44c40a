/**
 * One attribute of a distinguished name. Values are decoded from DER, never from a printed name (CVE-2021-44531), and
 * kept as they are: a NUL or control character stays in. Values that are not character strings are left out.
 */
export type NameAttribute = { readonly oid: string; readonly value: string }

/**
 * One general name (RFC 5280 4.2.1.6). `ip` has 4 or 16 bytes in a name, 8 or 32 in a constraint (address and mask).
 * `otherName` has a value only if it is a character string. `other` is X.400 (3), EDI party (5) or registered ID (8).
 */
export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  | { readonly kind: 'directoryName'; readonly der: Uint8Array }
  | { readonly kind: 'otherName'; readonly oid: string; readonly value: string | undefined }
  | { readonly kind: 'other'; readonly tag: number }

/**
 * Kind and size of a public key; `curve` is `P-256` and the like, else the OID, or `explicit` for written-out
 * parameters.
 */
export type PublicKeyKind =
  | { readonly algorithm: 'rsa'; readonly bits: number }
  | { readonly algorithm: 'ec'; readonly curve: string; readonly bits: number }
  | { readonly algorithm: 'ed25519' | 'ed448' }
  | { readonly algorithm: 'unknown'; readonly oid: string }

/** A certificate read from its DER bytes (RFC 5280 4.1): only what judging, identity and pages need. */
export type ClientCertificate = {
  /** SHA-256 of the whole DER, base64url (RFC 8705 `x5t#S256`). */
  readonly thumbprint: string
  /** Lower-case hex without leading zeros. Zero, negative and over-long serials (20 octets) are unreadable. */
  readonly serial: string
  /** DER of the issuer name, byte for byte, for matching a configured issuer's subject. */
  readonly issuerNameDer: Uint8Array
  readonly subjectNameDer: Uint8Array
  readonly issuer: readonly NameAttribute[]
  readonly subject: readonly NameAttribute[]
  /** Unit: milliseconds since the epoch. */
  readonly notBeforeMs: number
  /** Unit: milliseconds since the epoch; the certificate is valid up to and including this second. */
  readonly notAfterMs: number
  readonly publicKey: PublicKeyKind
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array
  /** OID of the signature algorithm and its hash: `sha1`, `sha256`, …, `intrinsic` (EdDSA) or `unknown`. */
  readonly signatureAlgorithm: { readonly oid: string; readonly hash: string }
  /** The extensions; undefined where absent. */
  readonly keyUsage:
    | { readonly digitalSignature: boolean; readonly keyCertSign: boolean; readonly cRLSign: boolean }
    | undefined
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined
  readonly subjectAltNames: readonly GeneralName[]
  readonly nameConstraints: NameConstraints | undefined
  /** OIDs of critical extensions this reader does not know: the certificate must be refused (RFC 5280 4.2). */
  readonly unknownCriticalExtensions: readonly string[]
}

/** The subtrees of the name constraints extension (RFC 5280 4.2.1.10). */
export type NameConstraints = {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}
