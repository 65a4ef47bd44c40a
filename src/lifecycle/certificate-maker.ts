import type { Signer } from '../x509/signing-algorithm.ts'

/** What turns a decision into a certificate. */
export type CertificateMaker = OwnCa | OtherCa

/** Our own CA: the serial number is ours to choose, so it is recorded before anything is signed. */
export type OwnCa = { readonly kind: 'own'; readonly signer: Signer }

/** Another CA (EST, RFC 7030): it chooses the serial number, so its certificate is recorded when it comes. */
export type OtherCa = {
  readonly kind: 'other'
  /** Resolves with the DER of a certificate of that key. Throws GatewayError `signer_unavailable`, `signing_request_refused`. */
  enrol(requestDer: Uint8Array): Promise<Uint8Array>
  /** Why this certificate would let this login ID in at no door, whenever it is presented; undefined: some door lets it in. */
  doorFault(der: Uint8Array, loginId: string): string | undefined
}
