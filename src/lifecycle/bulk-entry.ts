import { setImmediate as turn } from 'node:timers/promises'
import { GatewayError } from '../base/errors.ts'
import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'
import { issuerFault } from '../x509/check-issuer.ts'
import { pemBlocks } from '../x509/pem.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { type CertificateName, resolveCertificate } from './issuer-names.ts'
import type { LifecyclePorts, RevocationReason } from './ports.ts'
import { checkLoginId } from './revoke.ts'

/** What one line of a bulk revocation names. */
export type BulkSubject =
  | CertificateName
  /** Every unexpired certificate that is recorded for it, and by a rule all it had until now. */
  | { readonly loginId: string }
  /** PEM, or DER in base64; it must be signed by a configured issuing CA, and may have expired. */
  | { readonly certificate: string }

export type BulkEntry = BulkSubject & {
  /** Default: that of the whole. */
  readonly reason?: RevocationReason
  readonly comment?: string
}

/** An entry that cannot be used. */
export type RejectedEntry = {
  readonly line: number
  /** Empty where the fault is not one field's. */
  readonly field: string
  /** What stood there, shortened. */
  readonly value: string
  readonly problem: string
}

/** Longest part of a wrong value that is told. Unit: characters. */
const shownMax = 100

/** A bad entry on its way to whoever sent it. */
export function rejectEntry(line: number, field: string, { value, problem }: { value: string; problem: string }) {
  return { line, field, value: value.slice(0, shownMax), problem }
}

/** The certificates that an entry names, and the login ID if it named one. */
export type ResolvedEntry = { readonly keys: readonly CertificateKey[]; readonly loginId: string | undefined }

/** Checking a signature takes some 75 µs: after so many, others have their turn. */
const signaturesPerTurn = 32

/** Finds the certificates of entries, one after the other. */
export class EntryResolver {
  readonly #ports: LifecyclePorts
  #signatures = 0

  constructor(ports: LifecyclePorts) {
    this.#ports = ports
  }

  /** Throws `admin_request_invalid`, `serial_invalid`, `certificate_unreadable` and `admin_not_found` with the path of the field. */
  async resolve(entry: BulkSubject): Promise<ResolvedEntry> {
    if ('serial' in entry) {
      return { keys: [resolveCertificate(entry, { issuers: this.#ports.issuers })], loginId: undefined }
    }
    if ('loginId' in entry) return { keys: await this.#keysOf(entry.loginId), loginId: entry.loginId }
    if (++this.#signatures % signaturesPerTurn === 0) await turn()
    return { keys: [this.#readCertificate(entry.certificate)], loginId: undefined }
  }

  /** The rule reaches what is connected without being recorded. */
  async #keysOf(loginId: string): Promise<CertificateKey[]> {
    const recorded = await this.#ports.store.certificatesOf(loginId, this.#ports.nowMs())
    if (recorded.length === 0) await checkLoginId(loginId, { path: 'loginId', ports: this.#ports })
    return recorded.map(({ key }) => key)
  }

  /** Who issued it says the signature, not the name: a CA with a new key keeps its name. */
  #readCertificate(text: string): CertificateKey {
    const path = 'certificate'
    const der = decode(text)
    if (der === undefined)
      throw new GatewayError('certificate_unreadable', unusable('it is neither PEM nor base64'), { path })
    try {
      const certificate = readCertificate(der)
      const issuer = this.#ports.issuingCas().find((candidate) => {
        const fault = issuerFault(der, certificate, candidate)
        return fault !== 'name' && fault !== 'signature'
      })
      if (issuer !== undefined) return certificateKey(issuer.issuerId, certificate.serial)
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause
      throw new GatewayError(cause.code, cause.message, { cause, path })
    }
    const names = this.#ports.issuers.map(({ name }) => name).join(', ')
    throw new GatewayError('admin_request_invalid', unusable(`none of the issuing CAs (${names}) signed it`), { path })
  }
}

function decode(text: string): Uint8Array | undefined {
  if (text.includes('-----BEGIN ')) return pemBlocks(text, 'CERTIFICATE')[0]
  const base64 = text.replace(/\s/g, '')
  if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

function unusable(why: string): string {
  return `Cannot use the certificate: ${why}`
}
