import { setTimeout as wait } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import type { PublicationConfig } from '../config/gateway-config.ts'
import { issuerIdOf } from '../x509/certificate-key.ts'
import { readPemCertificate } from '../x509/read-pem-certificate.ts'
import { CrlNumbers } from './crl-numbers.ts'
import { FeedContent } from './feed-content.ts'
import { FeedInbox } from './feed-inbox.ts'
import type { CrlRecord, FeedMessage, PublicationPorts, SerialAnswer, ThreadMessage } from './ports.ts'

export type PublicationFeedOptions = {
  /** How often it is looked for newer records of other gateways, and for what is due. Unit: milliseconds. Default 1 000. */
  readonly lookEveryMs?: number
}

const lookEveryDefaultMs = 1_000
/** A signing that failed is tried again after so long, doubled up to a minute. Unit: milliseconds. */
const retryMs = 1_000
const retryMaxMs = 60_000
/** A gateway that falls behind the others so often in a row waits for the next look. */
const roundsMax = 5

/**
 * The control thread's side of what is published: tells the publication thread who is revoked, and when to sign. All of it happens in
 * small steps with turns for everything else in between: an entry is read from the store, told, and forgotten here.
 *
 * What is signed is agreed between the gateways by `CrlNumbers`; while the store is away, what was signed stays.
 */
export class PublicationFeed {
  readonly #ports: PublicationPorts
  readonly #post: (message: FeedMessage) => void
  readonly #lookEveryMs: number
  readonly #issuer: { readonly name: string; readonly issuerId: string }
  readonly #inbox: FeedInbox
  readonly #content: FeedContent
  readonly #numbers: CrlNumbers
  #stopListening: (() => void) | undefined
  #wake: (() => void) | undefined
  #closed = false
  #isLoaded = false
  #isOther = false
  /** Everything up to this version of the store's log is in the list. */
  #heardTo = 0
  #asked: CrlRecord | undefined
  #auditedNumber = 0
  #failures = 0
  #retryAtMs = Number.POSITIVE_INFINITY
  #lastFault: string | undefined

  constructor(ports: PublicationPorts, post: (message: FeedMessage) => void, options: PublicationFeedOptions = {}) {
    this.#ports = ports
    this.#post = (message) => {
      if (!this.#closed) post(message)
    }
    this.#lookEveryMs = options.lookEveryMs ?? lookEveryDefaultMs
    this.#issuer = issuerOf(ports)
    const { issuerId } = this.#issuer
    this.#content = new FeedContent({ ports, issuerId, post: this.#post, isOver: () => this.#closed })
    this.#inbox = new FeedInbox({ issuerId, wantsRecorded: () => !this.#isLoaded || this.#content.hasRules })
    this.#numbers = new CrlNumbers({
      values: ports.values,
      issuerId,
      settings: () => this.#settings(),
      clock: ports.clock,
    })
  }

  /** Begins to tell the thread; call once. */
  start(): void {
    this.#stopListening = this.#ports.follower.onTaken((events) => {
      if (this.#inbox.take(events)) this.#wake?.()
    })
    void this.#run()
  }

  /** Nothing is told any more. */
  close(): void {
    this.#closed = true
    this.#stopListening?.()
    this.#wake?.()
  }

  /** What the thread says. */
  take(message: ThreadMessage): void {
    if (this.#closed) return
    switch (message.type) {
      case 'listening':
        return
      case 'signed':
        this.#takeSigned(message)
        return
      case 'sign_failed':
        this.#takeFailure(message)
        return
      case 'look_up':
        void this.#lookUp(message.key).then((answer) => this.#post({ type: 'looked_up', id: message.id, answer }))
        return
      case 'responder_issued':
        this.#audit('responder_certificate_issued', { serial: message.serial, notAfter: isoOf(message.notAfterMs) })
        return
      case 'answers':
        this.#ports.observer.publicationAnswers(message.counts)
        return
    }
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      let fault: unknown
      try {
        await this.#hear()
      } catch (error) {
        fault = error
      }
      try {
        // What is due is signed with what is known, if the store does not say more.
        if (this.#isLoaded && !this.#closed) await this.#settle()
      } catch (error) {
        fault ??= error
      }
      this.#note(fault)
      await this.#pause(fault !== undefined)
    }
  }

  /** Tells the thread all that the store has to say. */
  async #hear(): Promise<void> {
    const { follower } = this.#ports
    if (!this.#isLoaded) {
      await follower.caughtUp()
      this.#inbox.restart()
      const record = await this.#numbers.look()
      if (record !== undefined) this.#content.adopt(record)
      await this.#content.load()
      if (this.#closed) return
      this.#isLoaded = true
    }
    const news = this.#inbox.empty()
    const { told } = this.#content
    const before = this.#numbers.highest?.number
    try {
      if (news.goneBack) await this.#readAnew()
      await this.#content.take(news)
    } catch (error) {
      this.#inbox.putBack(news)
      throw error
    }
    const isNew = this.#content.version > this.#heardTo
    if (isNew) this.#heardTo = this.#content.version
    else if (this.#content.told > told && before !== undefined) await this.#giveAnother(before)
  }

  /** The store had gone back: what is in it may be older than what was read, so versions do not tell what is missing. */
  async #readAnew(): Promise<void> {
    await this.#ports.follower.caughtUp()
    this.#inbox.restart()
    await this.#content.load()
  }

  /**
   * The list is another one, but no version says so, as those of the store have fallen behind. It gets a number all the same; if
   * another gateway has given it one meanwhile, that is signed once more here.
   */
  async #giveAnother(before: number): Promise<void> {
    await this.#numbers.look()
    if (this.#numbers.highest?.number === before) this.#isOther = true
    this.#asked = undefined
  }

  async #settle(): Promise<void> {
    for (let round = 0; round < roundsMax && !this.#closed; round++) {
      const { removed, changes } = this.#content
      const record = await this.#numbers.settle({ version: this.#heardTo, removed, changes, isOther: this.#isOther })
      if (record === undefined) return
      if (record.version <= this.#heardTo) {
        this.#isOther = false
        this.#sign(record)
        return
      }
      // Whoever made the record had heard of a change before it was written; so it is in the store by now.
      await this.#ports.follower.caughtUp()
      await this.#hear()
      this.#heardTo = Math.max(this.#heardTo, record.version)
    }
  }

  #sign(record: CrlRecord): void {
    const retry = this.#ports.clock.monotonicMs() >= this.#retryAtMs
    if (!retry && this.#asked !== undefined && isSame(record, this.#asked)) return
    this.#content.adopt(record)
    this.#asked = record
    this.#retryAtMs = Number.POSITIVE_INFINITY
    this.#post({ type: 'sign', record })
  }

  #takeSigned(message: Extract<ThreadMessage, { type: 'signed' }>): void {
    const { record, entries, bytes, durationMs } = message
    const { number, nextUpdateMs } = record
    this.#failures = 0
    this.#ports.observer.crlSigned(this.#issuer.name, { number, entries, nextUpdateMs, durationMs })
    this.#ports.log.info('CRL signed', { number, entries, bytes, ms: Math.round(durationMs) })
    if (number <= this.#auditedNumber) return
    this.#auditedNumber = number
    this.#audit('crl_published', { number, entries, nextUpdate: isoOf(nextUpdateMs) })
  }

  #takeFailure({ record, fault }: Extract<ThreadMessage, { type: 'sign_failed' }>): void {
    const { clock, log, observer } = this.#ports
    this.#retryAtMs = clock.monotonicMs() + Math.min(retryMs * 2 ** Math.min(this.#failures, 10), retryMaxMs)
    this.#failures++
    log.error('the CRL could not be signed; the one before stays', { number: record.number, fault })
    observer.crlSignFailed(this.#issuer.name)
  }

  async #lookUp(key: Extract<ThreadMessage, { type: 'look_up' }>['key']): Promise<SerialAnswer> {
    try {
      const recorded = await this.#ports.store.recordedCertificate(key)
      if (recorded === undefined)
        return { recorded: false, passes: !this.#ports.config().certificates.mustBeRegistered }
      return { recorded: true, loginId: recorded.loginId, notBeforeMs: recorded.notBeforeMs }
    } catch {
      return 'unavailable'
    }
  }

  /** Once an outage. */
  #note(fault: unknown): void {
    const text = fault === undefined ? undefined : fault instanceof Error ? fault.message : String(fault)
    if (text !== undefined && this.#lastFault === undefined) {
      this.#ports.log.warn('the CRL cannot follow the store; what was signed stays', { fault: text })
    }
    this.#lastFault = text
  }

  /** Until something has happened, and then as long as changes are gathered; or until it is time to look. */
  async #pause(afterFault: boolean): Promise<void> {
    if (this.#closed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#lookEveryMs)
    if (afterFault || this.#inbox.isEmpty) {
      // After a fault, events do not make the store answer sooner.
      if (!afterFault) this.#wake = resolve
      await promise
    }
    clearTimeout(timer)
    this.#wake = undefined
    if (!this.#closed && !this.#inbox.isEmpty) await wait(this.#settings().settleMs)
  }

  #audit(
    event: 'crl_published' | 'responder_certificate_issued',
    detail: Readonly<Record<string, string | number>>,
  ): void {
    const actor = { kind: 'gateway', name: 'gateway' } as const
    this.#ports.audit({ event, actor, target: { kind: 'issuer', name: this.#issuer.name }, detail })
  }

  #settings(): PublicationConfig['crl'] {
    const { publication } = this.#ports.config()
    assert(publication !== undefined, 'what is published is fed only where it is configured')
    return publication.crl
  }
}

function issuerOf(ports: PublicationPorts): { readonly name: string; readonly issuerId: string } {
  const { issuing, issuers } = ports.config()
  const issuer = issuers.find(({ name }) => name === issuing?.issuer)
  assert(issuer !== undefined, 'what is published has an issuing CA')
  return { name: issuer.name, issuerId: issuerIdOf(readPemCertificate(issuer.certificatePem).publicKeyDer) }
}

function isSame(left: CrlRecord, right: CrlRecord): boolean {
  return left.number === right.number && left.thisUpdateMs === right.thisUpdateMs && left.version === right.version
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
