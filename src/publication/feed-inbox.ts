import type { TrustEvent } from './ports.ts'

/** An event that says by itself what is to be done; revocations are read from the store instead, with their reasons. */
export type FeedEvent = Extract<TrustEvent, { kind: 'restored' | 'rule' | 'rule_withdrawn' | 'directory' }>

/** What came since the last time. */
export type FeedNews = {
  /** Something of this CA was revoked. */
  readonly revoked: boolean
  /** Events came with older versions than were seen before: the store had gone back, and all of it must be read anew. */
  readonly goneBack: boolean
  /** In order. */
  readonly events: readonly FeedEvent[]
}

/** Sorts out what concerns the list of one CA, in the order in which it comes. */
export class FeedInbox {
  readonly #issuerPrefix: string
  /** Whether certificates that are recorded matter: only rules can revoke them at once. */
  readonly #wantsRecorded: () => boolean
  #revoked = false
  #goneBack = false
  #events: FeedEvent[] = []
  #highestVersion = 0

  constructor({ issuerId, wantsRecorded }: { issuerId: string; wantsRecorded: () => boolean }) {
    this.#issuerPrefix = `${issuerId}:`
    this.#wantsRecorded = wantsRecorded
  }

  get isEmpty(): boolean {
    return !this.#revoked && !this.#goneBack && this.#events.length === 0
  }

  /** Returns whether any of them matters. */
  take(events: readonly TrustEvent[]): boolean {
    let matters = false
    for (const event of events) {
      if (this.#sort(event)) {
        matters = true
        if (event.version < this.#highestVersion) this.#goneBack = true
      }
      this.#highestVersion = Math.max(this.#highestVersion, event.version)
    }
    return matters
  }

  empty(): FeedNews {
    const news = { revoked: this.#revoked, goneBack: this.#goneBack, events: this.#events }
    this.#revoked = false
    this.#goneBack = false
    this.#events = []
    return news
  }

  /** Everything is read anew: how new what came before was does not matter any more. */
  restart(): void {
    this.#goneBack = false
    this.#highestVersion = 0
  }

  /** What could not be done now comes first the next time. */
  putBack({ revoked, goneBack, events }: FeedNews): void {
    this.#revoked ||= revoked
    this.#goneBack ||= goneBack
    this.#events = [...events, ...this.#events]
  }

  #sort(event: TrustEvent): boolean {
    switch (event.kind) {
      case 'revoked':
        if (!event.keys.some((key) => this.#isOurs(key))) return false
        this.#revoked = true
        return true
      case 'restored':
        return this.#isOurs(event.key) && this.#keep(event)
      case 'rule':
        if (event.rule.by === 'issuer' && !this.#isOurs(`${event.rule.issuerId}:`)) return false
        return this.#keep(event)
      case 'rule_withdrawn':
        return this.#keep(event)
      case 'directory': {
        const isCertificate = event.entry.type === 'certificate' && this.#isOurs(event.entry.certificate.key)
        const isRuleComing = this.#events.some(({ kind }) => kind === 'rule')
        return isCertificate && (isRuleComing || this.#wantsRecorded()) && this.#keep(event)
      }
      default:
        return false
    }
  }

  #isOurs(key: string): boolean {
    return key.startsWith(this.#issuerPrefix)
  }

  #keep(event: FeedEvent): boolean {
    this.#events.push(event)
    return true
  }
}
