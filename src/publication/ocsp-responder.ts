import { hash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { GatewayConfig, PublicationConfig } from '../config/gateway-config.ts'
import type { ControlLog } from '../control-path/ports.ts'
import type { Freshness } from '../trust/freshness.ts'
import { IssuerRules } from '../trust/issuer-rules.ts'
import type { RevocationIndex } from '../trust/revocation-index.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import { buildOcspResponse, type CertificateStatus, type OcspFailure } from '../x509/ocsp/build-response.ts'
import { type CertId, certIdOf } from '../x509/ocsp/cert-id.ts'
import { type AskedCertificate, type OcspRequest, readOcspRequest } from '../x509/ocsp/read-request.ts'
import type { Signer } from '../x509/signing-algorithm.ts'
import type { ResponderCertificate } from './ocsp-certificate.ts'
import {
  certIdText,
  type Holding,
  keepSigned,
  noteAnswer,
  OcspHoldings,
  type SignedAnswer,
  saysSame,
  signedFor,
} from './ocsp-holdings.ts'
import {
  cacheableAnswer,
  failureAnswer,
  freshAnswer,
  isForResponder,
  readRequestBytes,
  tooLargeAnswer,
} from './ocsp-http.ts'
import { ResponderKey } from './ocsp-key.ts'
import { OcspLookUps } from './ocsp-look-ups.ts'
import { judgeHolding, type OcspTrust } from './ocsp-verdict.ts'
import type { OcspAnswerKind, Publication, PublicationAnswer, PublicationRequest, SerialAnswer } from './ports.ts'

export type OcspResponderOptions = {
  /** Its `publication` is defined. */
  readonly config: Pick<GatewayConfig, 'publication'>
  /** Whose certificates are answered for. */
  readonly issuer: IssuingCa
  /** The issuer's key, for the certificate of the responder only. */
  readonly signer: Signer
  readonly index: RevocationIndex
  readonly freshness: Freshness
  /** Since when and why what is in the index is revoked. */
  readonly entries: OcspTrust['entries']
  /** Asks the directory; a rejection counts as `unavailable`. */
  lookUp(key: CertificateKey): Promise<SerialAnswer>
  /** A certificate for signing answers was put to use. `notAfterMs`: milliseconds since the epoch. */
  issued(serial: string, notAfterMs: number): void
  /** Once for each certificate asked about, or once for a request that failed as a whole. */
  counted(kind: OcspAnswerKind): void
  readonly clock: Clock
  readonly log: ControlLog
}

/** What is asked, with what is held of the certificate; undefined: it is none of ours. */
type Subject = { readonly asked: AskedCertificate; readonly holding: Holding | undefined }

const failureKinds = {
  malformedRequest: 'malformed',
  internalError: 'failed',
  tryLater: 'try_later',
  unauthorized: 'unauthorized',
} as const satisfies Record<OcspFailure, OcspAnswerKind>

/** What passes without a record may get one any moment, and then rules on its login ID cover it. Unit: milliseconds. */
const unrecordedAgeMaxMs = 5_000

/**
 * The OCSP responder of the issuing CA (RFC 6960, and RFC 5019 for what is kept). Every answer is judged in the turn in which it is given:
 * responses to requests about one certificate without nonce are kept signed, but served only while the shared index still says
 * the same. What the directory said counts for half of an answer's validity; then it is asked again and the answer signed anew.
 */
export class OcspResponder implements Publication {
  readonly #options: OcspResponderOptions
  readonly #config: PublicationConfig['ocsp']
  readonly #key: ResponderKey
  readonly #lookUps: OcspLookUps
  readonly #holdings: OcspHoldings
  readonly #trust: OcspTrust
  /** Our hashes, by the identifier of the hash function. */
  readonly #ours: ReadonlyMap<string, CertId>

  constructor(options: OcspResponderOptions) {
    const { config, issuer, index, freshness, entries, log } = options
    assert(config.publication !== undefined, 'an OCSP responder is made where something is published')
    this.#options = options
    this.#config = config.publication.ocsp
    const { responderDays, lookUpsMax, cacheEntriesMax: entriesMax } = this.#config
    const { issuerId } = issuer
    const { signer, clock } = options
    const issued = (serial: string, notAfterMs: number) => options.issued(serial, notAfterMs)
    this.#key = new ResponderKey({ issuer, signer, responderDays, issued, clock, log })
    this.#lookUps = new OcspLookUps({ lookUp: (key) => options.lookUp(key), lookUpsMax, log })
    this.#holdings = new OcspHoldings({ issuerId, entriesMax })
    const issuerRules = new IssuerRules(index.shared.issuerRules)
    this.#trust = { issuerId, index, issuerRules, freshness, entries }
    const own = (['sha1', 'sha256'] as const).map((algorithm) => certIdOf(issuer, '0', algorithm))
    this.#ours = new Map(own.map((certId) => [certId.hashAlgorithmOid, certId]))
  }

  /** Makes the responder's certificate; resolves after the first attempt. Without one every answer is tryLater, and it is tried again. */
  start(): Promise<void> {
    return this.#key.start()
  }

  /** No certificate is made any more. */
  close(): void {
    this.#key.close()
  }

  /** See `Publication`. Rejects only as the request's `body` does, but for bodies that are too large. */
  answer(request: PublicationRequest): Promise<PublicationAnswer> | undefined {
    return isForResponder(request) ? this.#answer(request) : undefined
  }

  async #answer(request: PublicationRequest): Promise<PublicationAnswer> {
    const { certificatesMax, requestBytesMax } = this.#config
    let bytes: Uint8Array
    try {
      bytes = await readRequestBytes(request, requestBytesMax)
    } catch (fault) {
      if (!(fault instanceof GatewayError)) throw fault
      if (fault.code === 'ocsp_request_malformed') return this.#fail(request, 'malformedRequest')
      if (fault.code !== 'body_too_large') throw fault
      this.#options.counted('malformed')
      return tooLargeAnswer
    }
    try {
      return await this.#answerTo(request, readOcspRequest(bytes, { certificatesMax }))
    } catch (fault) {
      if (fault instanceof GatewayError && fault.code === 'ocsp_request_malformed') {
        return this.#fail(request, 'malformedRequest')
      }
      this.#options.log.error('OCSP answer failed', { fault: fault instanceof Error ? fault.message : String(fault) })
      return this.#fail(request, 'internalError')
    }
  }

  async #answerTo(request: PublicationRequest, { asked, nonce }: OcspRequest): Promise<PublicationAnswer> {
    // Whose certificate it is cannot be told by a hash that is not known here: that is answered, and not refused.
    const isForeign = ({ certId }: AskedCertificate) => this.#ours.has(certId.hashAlgorithmOid) && !this.#isOurs(certId)
    if (asked.every(isForeign)) return this.#fail(request, 'unauthorized')
    const subjects = asked.map((one) => this.#subjectOf(one))
    await Promise.all(subjects.map(({ holding }) => this.#learn(holding)))
    // From here on in one turn: nothing is revoked between the verdict and what is said.
    const nowMs = this.#options.clock.nowMs()
    const [subject] = subjects
    if (subject?.holding !== undefined && subjects.length === 1 && nonce === undefined) {
      return this.#answerOne(request, { ...subject, holding: subject.holding }, nowMs)
    }
    const statuses = subjects.map(({ holding }) => this.#statusToSign(holding, nowMs))
    const responder = this.#key.inUse()
    if (responder === undefined || !statuses.every((status) => status !== undefined))
      return this.#fail(request, 'tryLater')
    const times = this.#timesOf(responder, nowMs)
    const answers = subjects.map(({ asked: { certIdDer } }, place) => {
      return { certIdDer, status: statuses[place] as CertificateStatus, ...times }
    })
    const body = buildOcspResponse({ answers, nonce, producedAtMs: nowMs }, responder.signer)
    for (const { kind } of statuses) this.#options.counted(kind)
    return freshAnswer(request, [body])
  }

  /** The kept response where it still says what is so; else a new one; else the kept one as long as it is valid. */
  #answerOne(
    request: PublicationRequest,
    { asked, holding }: Subject & { readonly holding: Holding },
    nowMs: number,
  ): PublicationAnswer {
    const status = judgeHolding(holding, this.#trust, nowMs)
    if (status === undefined) return this.#fail(request, 'tryLater')
    const kept = signedFor(holding, certIdText(asked.certIdDer))
    const usable = kept !== undefined && saysSame(kept.status, status) && isWithin(kept, nowMs) ? kept : undefined
    const isYoung = usable !== undefined && nowMs < (usable.thisUpdateMs + usable.nextUpdateMs) / 2
    const answer = isYoung ? usable : (this.#sign({ asked, holding }, status, nowMs) ?? usable)
    if (answer === undefined) return this.#fail(request, 'tryLater')
    this.#options.counted(status.kind)
    return cacheableAnswer(request, answer, { nowMs, maxAgeSeconds: this.#config.maxAgeSeconds })
  }

  /** Undefined: there is no key, or what the directory said is too old to say it again. */
  #sign(
    { asked, holding }: { asked: AskedCertificate; holding: Holding },
    status: CertificateStatus,
    nowMs: number,
  ): SignedAnswer | undefined {
    const responder = this.#key.inUse()
    if (responder === undefined || (status.kind !== 'revoked' && !this.#isCurrent(holding))) return undefined
    const { certificatesDer } = responder.signer
    const times = this.#timesOf(responder, nowMs)
    const answers = [{ certIdDer: asked.certIdDer, status, ...times }]
    const response = buildOcspResponse({ answers, nonce: undefined, producedAtMs: nowMs }, responder.signer)
    const answer: SignedAnswer = {
      certId: certIdText(asked.certIdDer),
      status,
      // A copy: a view would keep a piece of a pool for as long as this is kept.
      body: [new Uint8Array(response.subarray(0, response.length - certificatesDer.length)), certificatesDer],
      tag: hash('sha256', response, 'base64url'),
      ...times,
    }
    keepSigned(holding, answer)
    if (status.kind !== 'unknown') this.#holdings.hold(holding)
    return answer
  }

  #subjectOf(asked: AskedCertificate): Subject {
    const { certId } = asked
    // No certificate has the serial number zero.
    const isOne = this.#isOurs(certId) && certId.serial !== '0'
    return { asked, holding: isOne ? this.#holdings.take(certId.serial) : undefined }
  }

  #isOurs(certId: CertId): boolean {
    const ours = this.#ours.get(certId.hashAlgorithmOid)
    return (
      ours !== undefined &&
      Buffer.compare(ours.issuerNameHash, certId.issuerNameHash) === 0 &&
      Buffer.compare(ours.issuerKeyHash, certId.issuerKeyHash) === 0
    )
  }

  /** Asks the directory where a verdict needs it; what it said before stays where it does not answer. */
  async #learn(holding: Holding | undefined): Promise<void> {
    if (holding === undefined || this.#isCurrent(holding) || this.#trust.index.has(holding.revokedEntry)) return
    const askedAtMs = this.#options.clock.monotonicMs()
    const answer = await this.#lookUps.ask(holding.key)
    if (answer === 'unavailable') return
    noteAnswer(holding, answer, askedAtMs)
    if (answer.recorded || answer.passes) this.#holdings.hold(holding)
  }

  #isCurrent({ knowledge }: Holding): boolean {
    if (knowledge === undefined) return false
    const halfMs = this.#config.validitySeconds * 500
    const ageMaxMs = knowledge.answer.recorded ? halfMs : Math.min(halfMs, unrecordedAgeMaxMs)
    return this.#options.clock.monotonicMs() - knowledge.askedAtMs < ageMaxMs
  }

  #statusToSign(holding: Holding | undefined, nowMs: number): CertificateStatus | undefined {
    if (holding === undefined) return { kind: 'unknown' }
    const status = judgeHolding(holding, this.#trust, nowMs)
    return status?.kind === 'revoked' || this.#isCurrent(holding) ? status : undefined
  }

  /** No answer is valid for longer than the certificate it is verified with. */
  #timesOf({ notAfterMs }: ResponderCertificate, nowMs: number) {
    const thisUpdateMs = Math.floor(nowMs / 1_000) * 1_000
    return { thisUpdateMs, nextUpdateMs: Math.min(thisUpdateMs + this.#config.validitySeconds * 1_000, notAfterMs) }
  }

  #fail(request: PublicationRequest, failure: OcspFailure): PublicationAnswer {
    this.#options.counted(failureKinds[failure])
    return failureAnswer(request, failure)
  }
}

function isWithin({ thisUpdateMs, nextUpdateMs }: SignedAnswer, nowMs: number): boolean {
  return nowMs >= thisUpdateMs && nowMs < nextUpdateMs
}
