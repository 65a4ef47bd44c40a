import type { TLSSocket } from 'node:tls'
import { GatewayError } from '../base/errors.ts'
import type { Presented } from '../trust/admit.ts'
import { type CertificateOpinion, formOpinion, type OpinionRules } from '../trust/certificate-opinion.ts'

/** Certificates remembered by one door of one worker; about 6 KB each. */
const opinionsMax = 4_096

/** The TLS side of Node that its types leave out: the wrapped OpenSSL connection of a server-side socket. */
type OpensslConnection = { verifyError(): (Error & { code?: string }) | null }

/** What a client presented, with the certificate's own bytes. */
export type PresentedBytes = { readonly presented: Presented; readonly der: Buffer | undefined }

/**
 * Reads what clients presented. Opinions on certificates of configured issuers are remembered by the full DER, most recently
 * used last, so a returning user costs no signature check; strangers' certificates are not remembered.
 */
export class CertificateReader {
  readonly #rules: OpinionRules
  readonly #opinions = new Map<string, CertificateOpinion>()

  constructor(rules: OpinionRules) {
    this.#rules = rules
  }

  read(socket: TLSSocket): PresentedBytes {
    // Asked first: without a certificate OpenSSL's verdict reads like one about an unknown issuer.
    const der = socket.getPeerX509Certificate()?.raw
    if (der === undefined) return { presented: { kind: 'missing' }, der: undefined }
    try {
      const opinion = this.#opinion(der)
      return { presented: { kind: 'certificate', opinion, opensslFault: opensslFault(socket) }, der }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { presented: { kind: 'unreadable', detail: error.message }, der }
    }
  }

  #opinion(der: Buffer): CertificateOpinion {
    const bytes = der.toString('latin1')
    const known = this.#opinions.get(bytes)
    if (known !== undefined) {
      this.#opinions.delete(bytes)
      this.#opinions.set(bytes, known)
      return known
    }
    const opinion = formOpinion(der, this.#rules)
    if (opinion.issuer === undefined) return opinion
    this.#opinions.set(bytes, opinion)
    if (this.#opinions.size > opinionsMax) {
      const oldest = this.#opinions.keys().next()
      if (!oldest.done) this.#opinions.delete(oldest.value)
    }
    return opinion
  }
}

/**
 * OpenSSL's verdict on the chain. A resumed session was not verified again, whatever it says, so it has none; our own
 * check of the leaf against the configured issuers holds for both.
 *
 * `ssl` is what `tls.Server` itself asks; a socket made with `new TLSSocket` (the only way to let OpenSSL trust an issuing
 * CA without its root) leaves the asking to us.
 */
function opensslFault(socket: TLSSocket): string | undefined {
  if (socket.isSessionReused()) return undefined
  const error = (socket as TLSSocket & { ssl: OpensslConnection }).ssl.verifyError()
  return error === null || error === undefined ? undefined : (error.code ?? 'UNSPECIFIED')
}
