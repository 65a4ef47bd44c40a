import { GatewayError } from '../base/errors.ts'
import { fingerprintOf } from '../trust/fingerprint.ts'
import { RevocationIndex } from '../trust/revocation-index.ts'
import { type CertificateKey, certificateKey } from '../x509/certificate-key.ts'
import type { CheckedOcspAnswer } from '../x509/ocsp/check-response.ts'
import { atMost } from './at-most.ts'
import type { OcspResponder } from './ocsp-responder.ts'
import { OcspResponders } from './ocsp-responders.ts'
import { OcspRevocations } from './ocsp-revocations.ts'
import { noteLoginId, type OcspStatus, OcspStatuses, takeAnswer } from './ocsp-status.ts'
import { OcspTroubles } from './ocsp-troubles.ts'
import type { CaSourcesPorts, OcspCheckResult, OcspDesk } from './ports.ts'

export type OcspCheckerOptions = {
  /** Pause between two looks at who is connected. Unit: milliseconds. Default 2 000. */
  readonly sweepMs?: number
  /** Certificates that are remembered. Default 200 000. */
  readonly entriesMax?: number
  /** Spreads renewals: 0 to 1. Default: random. */
  readonly spread?: () => number
}

/** One certificate, its responder, and what is remembered of it. */
type Subject = { readonly key: CertificateKey; readonly responder: OcspResponder; readonly status: OcspStatus }

/**
 * Asks the OCSP responders of issuers about certificates that connect, in the background, and remembers the answers while they count.
 *
 * Of one certificate one question is under way at a time. A login waits for the first answer only where the policy is `mustBeGood`,
 * and for at most `waitMs`; the question goes on, and a later answer reaches the workers as a change of the directory. A revoked
 * certificate is published like any other revocation, so that every gateway refuses it and keeps to that.
 */
export class OcspChecker implements OcspDesk {
  readonly #ports: CaSourcesPorts
  readonly #sweepMs: number
  readonly #spread: () => number
  readonly #responders: OcspResponders
  readonly #statuses: OcspStatuses
  readonly #revocations: OcspRevocations
  readonly #troubles: OcspTroubles
  readonly #index: RevocationIndex
  readonly #underWay = new Map<CertificateKey, Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(ports: CaSourcesPorts, options: OcspCheckerOptions = {}) {
    const { sweepMs = 2_000, entriesMax = 200_000, spread = Math.random } = options
    this.#ports = ports
    this.#sweepMs = sweepMs
    this.#spread = spread
    this.#responders = new OcspResponders(ports)
    this.#statuses = new OcspStatuses(entriesMax)
    this.#revocations = new OcspRevocations(ports)
    this.#troubles = new OcspTroubles(ports)
    this.#index = new RevocationIndex(ports.index)
  }

  async goodUntilMs(key: CertificateKey, loginId: string): Promise<number | undefined> {
    const subject = this.#subjectOf(key)
    if (subject === undefined) return undefined
    const { responder, status } = subject
    noteLoginId(status, loginId)
    const isDue = this.#isDue(status, status.endsAtMs)
    if (responder.config.policy === 'revokedOnly') {
      if (isDue) void this.#check(subject, { urgent: false })
      return this.#revocations.isWaiting(key) ? 0 : undefined
    }
    if (isDue) await atMost(this.#check(subject, { urgent: true }), responder.config.waitMs)
    status.told = true
    return this.#isGoodNow(subject) ? status.goodUntilMs : 0
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#run(), this.#sweepMs)
  }

  /** Resolves when nothing is under way any more: questions are broken off, nobody waits for answers. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#revocations.close()
    this.#responders.close()
    await Promise.all(this.#underWay.values())
  }

  async #run(): Promise<void> {
    try {
      await this.sweep()
    } catch (error) {
      this.#ports.log.error('certificates in use could not be looked at for OCSP', { error })
    }
    if (!this.#closed) this.start()
  }

  /**
   * One look at who is connected: asks again in time, tells the workers of answers that have ended, and begins to give the store what
   * it has not taken. Does not wait for answers. `start` does it again and again.
   */
  async sweep(): Promise<void> {
    void this.#revocations.retry()
    if (this.#responders.isEmpty) return
    for (const key of await this.#ports.workers.connectedKeys()) {
      const subject = this.#subjectOf(key)
      if (subject === undefined) continue
      const { status, responder } = subject
      if (status.goodUntilMs !== 0 && !this.#isGoodNow(subject)) {
        status.goodUntilMs = 0
        this.#tellWorkers(subject)
      }
      const dueMs = responder.config.policy === 'mustBeGood' ? status.renewAtMs : status.endsAtMs
      if (this.#isDue(status, dueMs)) void this.#check(subject, { urgent: false })
    }
  }

  #subjectOf(key: CertificateKey): Subject | undefined {
    const responder = this.#responders.of(key)
    return responder && { key, responder, status: this.#statuses.of(key) }
  }

  #isDue({ restsUntilMs }: OcspStatus, dueMs: number): boolean {
    const { clock } = this.#ports
    return clock.nowMs() >= dueMs && clock.monotonicMs() >= restsUntilMs
  }

  #isGoodNow({ key, status }: Subject): boolean {
    return this.#ports.clock.nowMs() < status.goodUntilMs && !this.#revocations.isWaiting(key)
  }

  /** Resolves when the question has been answered, has failed, or found no place. Never rejects. */
  #check(subject: Subject, { urgent }: { readonly urgent: boolean }): Promise<void> {
    const { key, responder } = subject
    const known = this.#underWay.get(key)
    if (known !== undefined) {
      if (urgent) responder.queue.hurry(key)
      return known
    }
    if (this.#closed) return Promise.resolve()
    const asked = responder.queue.add(key, { urgent, work: () => this.#ask(subject) }).then(() => {
      this.#underWay.delete(key)
    })
    this.#underWay.set(key, asked)
    return asked
  }

  async #ask(subject: Subject): Promise<void> {
    const { key, responder } = subject
    const { clock, config } = this.#ports
    const [issuerId = '', serial = ''] = key.split(':')
    try {
      const answer = await responder.ask(serial, {
        nowMs: () => clock.nowMs(),
        clockSkewMs: config().crlFetch.clockSkewSeconds * 1_000,
        isRevoked: (signer) => this.#index.has(fingerprintOf('revoked', certificateKey(issuerId, signer))),
      })
      this.#note(responder, answer.status)
      await this.#take(subject, answer)
    } catch (error) {
      if (this.#closed) return
      this.#rest(subject)
      const isRefused = error instanceof GatewayError && error.code === 'ocsp_response_refused'
      this.#note(responder, isRefused ? 'refused' : 'unreachable', error)
    }
  }

  async #take(subject: Subject, answer: CheckedOcspAnswer): Promise<void> {
    const { key, responder, status } = subject
    const before = status.goodUntilMs
    const nowMs = this.#ports.clock.nowMs()
    takeAnswer(status, answer, { nowMs, spread: this.#spread() })
    if (answer.status === 'unknown') {
      this.#rest(subject)
      // Who must be good stands before a closed door, and a responder may only be late to hear of a new certificate.
      if (responder.config.policy === 'mustBeGood') status.endsAtMs = status.renewAtMs = nowMs
    }
    if (answer.status === 'revoked') {
      // First the revocation: it ends connections for what it is, and the page says so.
      const { issuer } = responder
      const loginId = status.loginIds.at(-1)
      await this.#revocations.publish({ key, issuer: issuer.name, reasonCode: answer.reasonCode, loginId })
    }
    if (status.goodUntilMs !== before) this.#tellWorkers(subject)
  }

  /** Not asked about again for a while. */
  #rest({ status, responder }: Subject): void {
    status.restsUntilMs = this.#ports.clock.monotonicMs() + responder.config.retrySeconds * 1_000
  }

  /** Workers that were told something else ask again, and judge the connections anew. */
  #tellWorkers({ status, responder }: Subject): void {
    if (!status.told || responder.config.policy !== 'mustBeGood') return
    status.told = false
    const { workers, log } = this.#ports
    for (const loginId of status.loginIds) {
      workers.directoryChanged(loginId).catch((error: unknown) => {
        log.error('workers could not be told what an OCSP responder says', { loginId, error })
      })
    }
  }

  #note({ issuer }: OcspResponder, result: OcspCheckResult, fault?: unknown): void {
    this.#ports.observer.ocspChecked(issuer.name, result)
    this.#troubles.note(issuer.name, result, fault)
  }
}
