import { randomBytes } from 'node:crypto'
import type { OcspConfig } from '../config/gateway-config.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { buildOcspRequest } from '../x509/ocsp/build-request.ts'
import { certIdOf } from '../x509/ocsp/cert-id.ts'
import { type CheckedOcspAnswer, checkOcspResponse, type OcspExpectation } from '../x509/ocsp/check-response.ts'
import { readOcspResponse } from '../x509/ocsp/read-response.ts'
import { OcspClient } from './ocsp-client.ts'
import { OcspQueue } from './ocsp-queue.ts'

/** RFC 8954 2.1. Unit: octets. */
const nonceOctets = 32

/** One issuer's responder, as it is configured, and the questions to it. */
export class OcspResponder {
  readonly issuer: IssuingCa
  readonly config: OcspConfig
  readonly queue: OcspQueue
  readonly #client: OcspClient

  constructor(issuer: IssuingCa, config: OcspConfig) {
    this.issuer = issuer
    this.config = config
    this.queue = new OcspQueue({ atOnceMax: config.requestsAtOnceMax, waitingMax: config.queueMax })
    this.#client = new OcspClient(config)
  }

  /**
   * What it says of the certificate with this serial number, checked. `nowMs` is asked when the answer is there. Throws `ocsp_unavailable`
   * and `ocsp_response_refused`.
   */
  async ask(
    serial: string,
    { nowMs, clockSkewMs, isRevoked }: Pick<OcspExpectation, 'clockSkewMs' | 'isRevoked'> & { nowMs: () => number },
  ): Promise<CheckedOcspAnswer> {
    const { issuer, config } = this
    const nonce = config.nonce ? randomBytes(nonceOctets) : undefined
    // SHA-1, because it is the one hash that every responder knows (RFC 5019 2.1.1).
    const question = buildOcspRequest({ certIds: [certIdOf(issuer, serial, 'sha1')], nonce })
    const response = readOcspResponse(await this.#client.ask(question))
    const validityMaxMs = config.validitySeconds * 1_000
    const expected = { issuer, serial, nonce, nowMs: nowMs(), clockSkewMs, validityMaxMs }
    return checkOcspResponse(response, isRevoked === undefined ? expected : { ...expected, isRevoked })
  }

  /** Questions under way fail; those that wait are never asked. */
  close(): void {
    this.queue.close()
    this.#client.close()
  }
}
