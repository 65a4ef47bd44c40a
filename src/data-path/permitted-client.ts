import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { isPermit, type Permit } from '../trust/admit.ts'
import { type AssertionSigner, ConnectionAssertion } from './assertion.ts'
import { IdentityLines } from './identity-fields.ts'
import { type AddedLines, forwardedLines } from './request-headers.ts'
import type { CookieBinding, CookieSealer } from './sealed-cookies.ts'

/** What a door and worker give every permitted client. */
export type ClientServices = {
  readonly clock: Clock
  readonly renewalDueDays: number
  /** IANA name: days begin and end there. */
  readonly timeZone: string
  readonly signer: AssertionSigner | undefined
  readonly sealer: CookieSealer | undefined
}

/** What is done with cookies on their way in and out. */
export type CookieTreatment = {
  readonly open: (value: string) => string
  readonly seal: (value: string) => string
}

/** What is known of the client beside its permit. */
type ClientParts = {
  readonly address: string
  readonly certificateDer: Uint8Array | undefined
  readonly trustedForwarder: boolean
  /** Made for the same client before. */
  readonly twin?: PermittedClient
  readonly cookies?: CookieTreatment
}

/**
 * What the gateway says and does for one permitted connection, prepared once: identity lines, forwarding lines, assertion, and
 * the binding of sealed cookies. It is made from a permit, so nothing is ever vouched for without one.
 */
export class PermittedClient {
  readonly permit: Permit
  readonly sealSetCookie: ((value: string) => string) | undefined
  readonly #identity: IdentityLines
  readonly #assertion: ConnectionAssertion | undefined
  readonly #openCookies: ((value: string) => string) | undefined
  readonly #services: ClientServices
  readonly #client: ClientParts
  readonly #address: string
  readonly #keepForwarded: boolean
  #made: { host: string; identity: string; assertion: string; lines: AddedLines } | undefined

  constructor(permit: Permit, services: ClientServices, client: ClientParts) {
    assert(isPermit(permit), 'only admit() makes permits')
    this.permit = permit
    this.#services = services
    this.#client = client
    this.#address = client.address
    this.#keepForwarded = client.trustedForwarder
    const { twin, cookies } = client
    if (twin === undefined) {
      this.#identity = new IdentityLines(permit, { ...services, certificateDer: client.certificateDer })
      this.#assertion = services.signer && new ConnectionAssertion(services.signer, permit, services.clock)
    } else {
      this.#identity = twin.#identity
      this.#assertion = twin.#assertion
    }
    const { sealer } = services
    if (cookies !== undefined) {
      this.sealSetCookie = cookies.seal
      this.#openCookies = cookies.open
    } else if (sealer !== undefined) {
      const binding: CookieBinding = { loginMethod: permit.loginMethod, loginId: permit.user?.loginId }
      this.sealSetCookie = (value) => sealer.sealSetCookie(value, binding)
      this.#openCookies = (value) => sealer.openCookies(value, binding)
    } else {
      this.sealSetCookie = undefined
      this.#openCookies = undefined
    }
  }

  /** The same client, whose cookies are treated in another way; it shares identity and assertion. */
  withCookies(cookies: CookieTreatment): PermittedClient {
    return new PermittedClient(this.permit, this.#services, { ...this.#client, twin: this, cookies })
  }

  /** What keeps a user with one target where an upstream is configured so: the login ID, or the address of who has none. */
  get affinity(): string {
    return this.permit.user?.loginId ?? this.#address
  }

  /** Whether `linesFor` may be called now; if not, await `renewAssertion` first. */
  assertionReady(): boolean {
    return this.#assertion === undefined || this.#assertion.line() !== undefined
  }

  async renewAssertion(): Promise<void> {
    await this.#assertion?.renew()
  }

  /** What is added to a request for this host; its text stays the same as long as nothing of it changes. */
  linesFor(host: string): AddedLines {
    const { twin } = this.#client
    return twin === undefined ? this.#ownLines(host) : { ...twin.linesFor(host), openCookies: this.#openCookies }
  }

  #ownLines(host: string): AddedLines {
    const identity = this.#identity.lines()
    const assertion = this.#assertion?.line() ?? ''
    const made = this.#made
    if (made !== undefined && host === made.host && identity === made.identity && assertion === made.assertion)
      return made.lines
    // A copy: `host` is a slice that would keep a whole head in memory for as long as the connection is idle.
    const ownHost = Buffer.from(host, 'latin1').toString('latin1')
    const text = Buffer.from(identity + assertion + forwardedLines(this.#address, ownHost), 'latin1').toString('latin1')
    const lines = { text, keepForwarded: this.#keepForwarded, openCookies: this.#openCookies }
    this.#made = { host: ownHost, identity, assertion, lines }
    return lines
  }
}
