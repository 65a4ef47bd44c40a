import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import type { CertificateKey } from '../x509/certificate-key.ts'
import type { IssuingCa } from '../x509/issuing-ca.ts'
import type { Signer } from '../x509/signing-algorithm.ts'
import { CrlDesk } from './crl-desk.ts'
import { EntryList } from './entry-list.ts'
import type {
  FeedMessage,
  OcspAnswerKind,
  Publication,
  PublicationStart,
  SerialAnswer,
  ThreadMessage,
} from './ports.ts'
import { PublicationCounter } from './publication-counter.ts'
import { type PublicationServer, type PublicationServerOptions, startPublicationServer } from './publication-server.ts'

/** The way to the control thread; `parentPort` fits. */
export type PublicationPort = {
  postMessage(message: ThreadMessage): void
  on(event: 'message', listener: (message: FeedMessage) => void): unknown
  close(): void
}

export type PublicationThreadOptions = {
  readonly port: PublicationPort
  /** The issuing CA. */
  readonly issuer: IssuingCa
  readonly signer: Signer
  /** Its `publication` is defined. */
  readonly config: Pick<PublicationStart['config'], 'publication' | 'issuers'>
  readonly clock: Clock
  readonly log: PublicationServerOptions['log']
}

const countsEveryMs = 1_000

/**
 * What runs in the publication thread: takes the messages of `PublicationFeed` in order, keeps the entries, and serves. The OCSP
 * responder is made by the assembly from what stands here (`entries`, `lookUp`, `ocspAnswered`, `responderIssued`), and given to `serve`.
 */
export class PublicationThread {
  readonly entries = new EntryList()
  readonly #options: PublicationThreadOptions
  readonly #counter = new PublicationCounter()
  readonly #desk: CrlDesk
  readonly #lookUps = new Map<number, (answer: SerialAnswer) => void>()
  #lastLookUp = 0
  #server: PublicationServer | undefined
  #timer: NodeJS.Timeout | undefined
  #closing: (() => void) | undefined

  constructor(options: PublicationThreadOptions) {
    const { port, issuer, signer, config, clock } = options
    assert(config.publication !== undefined, 'the publication thread is started where something is published')
    const { baseUrl, crl } = config.publication
    this.#options = options
    this.#desk = new CrlDesk({
      ...{ issuer, signer, baseUrl, clock },
      issuers: config.issuers,
      entries: this.entries,
      maxAgeSeconds: crl.maxAgeSeconds,
      tell: (message) => port.postMessage(message),
      count: (status) => this.#counter.listAnswered(status),
    })
    port.on('message', (message) => this.#take(message))
  }

  /** Asks the control thread what the directory says of a certificate of the issuing CA. Has no time limit of its own. */
  lookUp(key: CertificateKey): Promise<SerialAnswer> {
    const id = ++this.#lastLookUp
    return new Promise((resolve) => {
      this.#lookUps.set(id, resolve)
      this.#options.port.postMessage({ type: 'look_up', id, key })
    })
  }

  /** For metrics. */
  ocspAnswered(kind: OcspAnswerKind): void {
    this.#counter.ocspAnswered(kind)
  }

  /** For the audit log. `notAfterMs`: milliseconds since the epoch. */
  responderIssued(serial: string, notAfterMs: number): void {
    this.#options.port.postMessage({ type: 'responder_issued', serial, notAfterMs })
  }

  /**
   * Answers HTTP, for lists and CA certificates, and for the other publications that are given; says `listening`, and resolves then.
   * `closing` is called when the control thread ends it all.
   */
  async serve(place: {
    readonly socketPath: string
    readonly handles: readonly object[]
    readonly publications: readonly Publication[]
    readonly closing?: () => void
  }): Promise<void> {
    const { config, log, port } = this.#options
    const { socketPath, handles, publications } = place
    this.#closing = place.closing
    this.#server = await startPublicationServer({
      ...{ socketPath, handles, log },
      publications: [this.#desk, ...publications],
      requestsAtOnceMax: config.publication?.requestsAtOnceMax ?? 1,
    })
    this.#timer = setInterval(() => this.#tellCounts(), countsEveryMs)
    port.postMessage({ type: 'listening' })
  }

  /** Lets answers in progress end; nothing keeps the thread alive afterwards. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closing?.()
    for (const answer of this.#lookUps.values()) answer('unavailable')
    await this.#server?.close()
    await this.#desk.settled()
    this.#tellCounts()
    this.#options.port.close()
  }

  #take(message: FeedMessage): void {
    switch (message.type) {
      case 'revoked':
        for (const entry of message.entries) this.entries.add(entry)
        return
      case 'restored':
        for (const serial of message.serials) this.entries.remove(serial, message.version)
        return
      case 'sign':
        this.#desk.sign(message.record)
        return
      case 'looked_up':
        this.#lookUps.get(message.id)?.(message.answer)
        this.#lookUps.delete(message.id)
        return
      case 'close':
        void this.close()
    }
  }

  #tellCounts(): void {
    const counts = this.#counter.take()
    if (counts !== undefined) this.#options.port.postMessage({ type: 'answers', counts })
  }
}
