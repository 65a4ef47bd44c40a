import { isDeepStrictEqual } from 'node:util'
import type { CertificateKey } from '../x509/certificate-key.ts'
import { OcspResponder } from './ocsp-responder.ts'
import type { CaSourcesPorts } from './ports.ts'

/** The configured responders, by issuer; a reload keeps those that did not change, with their connections. */
export class OcspResponders {
  readonly #ports: Pick<CaSourcesPorts, 'config' | 'issuers'>
  #configured: unknown
  #byIssuerId = new Map<string, OcspResponder>()
  #closed = false

  constructor(ports: Pick<CaSourcesPorts, 'config' | 'issuers'>) {
    this.#ports = ports
  }

  /** Undefined: the certificate's issuer has none. */
  of(key: CertificateKey): OcspResponder | undefined {
    this.#readConfig()
    return this.#byIssuerId.get(key.slice(0, Math.max(0, key.indexOf(':'))))
  }

  get isEmpty(): boolean {
    this.#readConfig()
    return this.#byIssuerId.size === 0
  }

  close(): void {
    this.#closed = true
    for (const responder of this.#byIssuerId.values()) responder.close()
  }

  #readConfig(): void {
    const { issuers } = this.#ports.config()
    if (issuers === this.#configured || this.#closed) return
    this.#configured = issuers
    const before = this.#byIssuerId
    this.#byIssuerId = new Map()
    for (const { name, ocsp } of issuers) {
      const issuer = this.#ports.issuers().find((authority) => authority.name === name)
      // Two certificates of one CA (one key, one name) may be configured: their users are the same.
      if (ocsp === undefined || issuer === undefined || this.#byIssuerId.has(issuer.issuerId)) continue
      const known = before.get(issuer.issuerId)
      const isSame =
        known !== undefined &&
        isDeepStrictEqual(known.config, ocsp) &&
        known.issuer.certificatePem === issuer.certificatePem
      this.#byIssuerId.set(issuer.issuerId, isSame ? known : new OcspResponder(issuer, ocsp))
    }
    const kept = new Set(this.#byIssuerId.values())
    for (const responder of before.values()) if (!kept.has(responder)) responder.close()
  }
}
