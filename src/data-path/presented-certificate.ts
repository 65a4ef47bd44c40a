import type { TLSSocket } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { GatewayError } from '../base/errors.ts'
import type { Presented } from '../trust/admit.ts'
import { type CertificateOpinion, formOpinion, type OpinionRules } from '../trust/certificate-opinion.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'

/** Certificates remembered by one door of one worker; about 6 KB each. */
const opinionsMax = 4_096

/** The TLS side of Node that its types leave out: the wrapped OpenSSL connection of a server-side socket. */
type OpensslConnection = { verifyError(): (Error & { code?: string }) | null }

/** What a client presented, with the certificate's own bytes. */
export type PresentedBytes = { readonly presented: Presented; readonly der: Buffer | undefined }

/** The login ID that a certificate names, if it names one. */
export function loginIdOf(presented: Presented): string | undefined {
  return presented.kind === 'certificate' ? presented.opinion.loginId : undefined
}

/** Name of the configured CA that issued what was presented; undefined: no certificate, or one of nobody configured. */
export function issuerOf(presented: Presented | undefined): string | undefined {
  return presented?.kind === 'certificate' ? presented.opinion.issuer?.name : undefined
}

/**
 * Reads what clients presented. Opinions on certificates of configured issuers are remembered by the full DER, most recently
 * used last, so a returning user costs no signature check; strangers' certificates are not remembered.
 */
export class CertificateReader {
  readonly #rules: OpinionRules
  readonly #opinions = new Map<string, CertificateOpinion>()
  /** Of these a former reader said what this one would say. */
  readonly #settled: ReadonlySet<IssuingCa>

  /**
   * `former`: the reader before a reload. Its opinions stand where the rules do and the issuer is the same object: thousands of
   * signatures checked anew in one turn would stop the worker for seconds.
   */
  constructor(rules: OpinionRules, former?: CertificateReader) {
    this.#rules = rules
    this.#settled = former === undefined ? new Set() : settledIssuers(former.#rules, rules)
    for (const [bytes, opinion] of former === undefined ? [] : former.#opinions) {
      if (opinion.issuer !== undefined && this.#settled.has(opinion.issuer)) this.#opinions.set(bytes, opinion)
    }
  }

  read(socket: TLSSocket): PresentedBytes {
    // Asked first: without a certificate OpenSSL's verdict reads like one about an unknown issuer.
    const der = socket.getPeerX509Certificate()?.raw
    if (der === undefined) return { presented: { kind: 'missing' }, der: undefined }
    return { presented: this.#presented(der, opensslFault(socket)), der }
  }

  /**
   * The same for what the former reader had read: the same object where nothing has changed for it. What OpenSSL said in the handshake
   * stands.
   */
  readAgain(der: Buffer, former: Presented): Presented {
    const issuer = former.kind === 'certificate' ? former.opinion.issuer : undefined
    if (issuer !== undefined && this.#settled.has(issuer)) return former
    return this.#presented(der, former.kind === 'certificate' ? former.opensslFault : undefined)
  }

  #presented(der: Buffer, fault: string | undefined): Presented {
    try {
      return { kind: 'certificate', opinion: this.#opinion(der), opensslFault: fault }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { kind: 'unreadable', detail: error.message }
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

function settledIssuers(former: OpinionRules, rules: OpinionRules): ReadonlySet<IssuingCa> {
  const { issuers, ...others } = rules
  const { issuers: formerIssuers, ...formerOthers } = former
  return new Set(isDeepStrictEqual(others, formerOthers) ? issuers.filter((ca) => formerIssuers.includes(ca)) : [])
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
