import { GatewayError } from '../../src/base/errors.ts'
import { OcspChecker, type OcspCheckerOptions } from '../../src/ca-sources/ocsp-checker.ts'
import type { CaSourcesPorts } from '../../src/ca-sources/ports.ts'
import type { OcspConfig } from '../../src/config/gateway-config.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import { certIdOf } from '../../src/x509/ocsp/cert-id.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import {
  type AnswerOptions,
  delegate,
  issuingCaOf,
  ocspResponse,
  type ReceivedQuestion,
  type ResponseOptions,
  startTestResponder,
} from '../helpers/test-ocsp.ts'

/** Everything an `OcspChecker` reaches out for, played; its responder is a real server. */

export const ca = createTestCa({ commonName: 'Bank CA' })
export const issuer = issuingCaOf(ca)
export const responderKey = delegate(ca)
export const keyOf = (serial: string): CertificateKey => certificateKey(ca.issuerId, serial)

export const defaults: OcspConfig = {
  url: '',
  caPem: undefined,
  policy: 'mustBeGood',
  waitMs: 60_000,
  timeoutMs: 60_000,
  retrySeconds: 30,
  validitySeconds: 3_600,
  requestsAtOnceMax: 8,
  queueMax: 100,
  nonce: true,
}

type Publish = Parameters<CaSourcesPorts['publisher']['publish']>

/** How long the good answers of `goodAnswer` count, by the played clock. Unit: milliseconds. */
export const answerMs = 600_000

export class OcspWorld {
  readonly clock = new FakeClock(Math.floor(Date.now() / 1_000) * 1_000)
  readonly index = new RevocationIndexWriter({ entriesMax: 100 })
  /** Login IDs whose workers were told to ask again. */
  readonly changed: string[] = []
  /** Results of checks, in order. */
  readonly results: string[] = []
  readonly published: { request: Publish[0][number]; actor: Publish[1] }[] = []
  readonly audited: Parameters<CaSourcesPorts['audit']>[0][] = []
  readonly logged: string[] = []
  connected: CertificateKey[] = []
  /** The store does not answer. */
  storeIsAway = false
  config: ReturnType<CaSourcesPorts['config']>
  readonly checker: OcspChecker
  #listeners: (() => void)[] = []

  constructor(config: Partial<OcspConfig>, options: OcspCheckerOptions = {}) {
    this.config = this.configWith(config)
    const log =
      (level: string) =>
      (message: string, { error }: { readonly error?: unknown } = {}) =>
        void this.logged.push(`${level} ${message}${error === undefined ? '' : `: ${error}`}`)
    const ports: Partial<CaSourcesPorts> = {
      config: () => this.config,
      issuers: () => [issuer],
      index: this.index.shared,
      publisher: {
        publish: (...call: Publish) => this.#publish(...call),
        restore: async () => ({ outcome: 'not_revoked' }),
      },
      workers: {
        connectedKeys: async () => this.connected,
        directoryChanged: async (loginId) => this.#happened(() => this.changed.push(loginId)),
      },
      audit: (event) => this.#happened(() => this.audited.push(event)),
      log: { info: log('info'), warn: log('warn'), error: log('error') },
      clock: this.clock,
      observer: {
        crlLooked: () => {},
        ocspChecked: (name, result) => this.#happened(() => this.results.push(`${name} ${result}`)),
      },
    }
    this.checker = new OcspChecker(ports as CaSourcesPorts, { spread: () => 0, ...options })
  }

  configWith(config: Partial<OcspConfig>): ReturnType<CaSourcesPorts['config']> {
    const ocsp = { ...defaults, ...config }
    const issuers = [{ name: 'bank', certificatePem: ca.certificatePem, chainPems: [], ocsp }]
    return { issuers, crlFetch: { clockSkewSeconds: 0 } } as never
  }

  ask(serial: string, loginId = `user-${serial}`): Promise<number | undefined> {
    return this.checker.goodUntilMs(keyOf(serial), loginId)
  }

  /** Resolves when this holds; looked at whenever something has happened. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#listeners.push(resolve))
  }

  async #publish(requests: Publish[0], actor: Publish[1]) {
    if (this.storeIsAway) {
      this.#happened(() => {})
      throw new GatewayError('store_unavailable', 'Cannot reach the store')
    }
    const outcomes = requests.map((request) => {
      const isKnown = this.published.some((before) => before.request.key === request.key)
      this.published.push({ request, actor })
      return { key: request.key, outcome: isKnown ? ('already_revoked' as const) : ('revoked' as const), version: 1 }
    })
    this.#happened(() => {})
    return { outcomes, connectionsCut: 1, replicas: undefined, version: 1 }
  }

  #happened(change: () => void): void {
    change()
    for (const resolve of this.#listeners.splice(0)) resolve()
  }

  /** A response about what was asked, dated by the played clock; good where nothing else is said. */
  respond(question: ReceivedQuestion, answer: Partial<AnswerOptions> = {}, others: Partial<ResponseOptions> = {}) {
    const nowMs = this.clock.nowMs()
    const { certId } = question
    const dates = { thisUpdateMs: nowMs - 1_000, nextUpdateMs: nowMs + answerMs }
    const answers = [{ certId, ...dates, ...answer }]
    return ocspResponse({ signer: responderKey, nonce: question.nonce, answers, ...others })
  }
}

/** A world and a responder that says good, until the test says otherwise; both end with the test. */
export async function startWorld(
  t: { teardown(end: () => Promise<void>): void },
  config: Partial<OcspConfig> = {},
  options: OcspCheckerOptions = {},
) {
  const responder = await startTestResponder((question) => world.respond(question))
  const world = new OcspWorld({ url: responder.url, ...config }, options)
  t.teardown(async () => {
    await world.checker.close()
    await responder.close()
  })
  return { world, responder }
}

export const certIdFor = (serial: string) => certIdOf(issuer, serial, 'sha1')
