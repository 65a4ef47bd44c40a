import { createHash, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import type { ControlLog } from './ports.ts'
import type { TrustStore } from './store-port.ts'
import { updateMeta } from './update-meta.ts'

/** A public key of some gateway, and until when assertions made with it may be around. */
type PublishedKey = { readonly jwk: JsonWebKey & { kid: string }; readonly expiresAtMs: number }

export type AssertionKeysOptions = {
  readonly store: Pick<TrustStore, 'readMeta' | 'writeMeta'>
  readonly clock: Clock
  readonly log: ControlLog
  readonly lifetimeSeconds: number
  readonly keyRotationHours: number
  /** Called with the private key to sign with and the key set of all gateways, after the latter stands in the store. */
  readonly changed: (keys: AssertionKeySet) => void
}

export type AssertionKeySet = { readonly privateJwk: string; readonly jwks: string }

/** How often the store is asked for keys of other gateways. Unit: milliseconds. */
const refreshMs = 5_000
/** A new key signs when every gateway has had three occasions to learn of it. Unit: milliseconds. */
const settledAfterMs = 3 * refreshMs

/**
 * Keys that assertions are signed with (ES256, RFC 7518 3.4). The private key never leaves the process. The public one stands in the
 * store before it is used and for as long as assertions of it live. A key that takes the place of another signs when every gateway's
 * JWKS (RFC 7517) has it; only the first of a process signs at once, which other gateways learn of within `refreshMs`.
 */
export class AssertionKeys {
  readonly #options: AssertionKeysOptions
  #own: OwnKey
  /** Published at a time of the monotonic clock, and on its way into every key set. */
  #next: { readonly own: OwnKey; readonly publishedAtMs: number } | undefined
  #current: AssertionKeySet
  #rotateAtMs: number
  #timer: NodeJS.Timeout | undefined

  private constructor(options: AssertionKeysOptions, own: OwnKey, jwks: string) {
    this.#options = options
    this.#own = own
    this.#current = { privateJwk: own.privateJwk, jwks }
    this.#rotateAtMs = nextRotationMs(options)
  }

  /**
   * Makes and publishes the first key. With a store that does not answer, or may only be read, the key is known to this gateway alone
   * until it can be published.
   */
  static async open(options: AssertionKeysOptions): Promise<AssertionKeys> {
    const own = makeKey(options)
    const jwks = await publish([own], options).catch((error: unknown) => {
      if (!(error instanceof GatewayError)) throw error
      options.log.warn('the key of assertions is not published yet', { code: error.code, fault: error.message })
      return keySetText([own.published])
    })
    const keys = new AssertionKeys(options, own, jwks)
    keys.#timer = setInterval(() => {
      keys
        .#refresh()
        .catch((error: unknown) => options.log.warn('assertion keys not refreshed', { error: String(error) }))
    }, refreshMs)
    keys.#timer.unref()
    return keys
  }

  get current(): AssertionKeySet {
    return this.#current
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #refresh(): Promise<void> {
    const before = this.#current
    const coming = this.#next?.own ?? (this.#isDue() ? makeKey(this.#options) : undefined)
    // Also where the store has lost them: an assertion whose key nobody knows is worth nothing.
    const jwks = await publish(coming === undefined ? [this.#own] : [this.#own, coming], this.#options)
    if (coming !== undefined) this.#settle(coming)
    this.#current = { privateJwk: this.#own.privateJwk, jwks }
    if (before.jwks !== jwks || before.privateJwk !== this.#own.privateJwk) this.#options.changed(this.#current)
  }

  #isDue(): boolean {
    return this.#options.clock.monotonicMs() >= this.#rotateAtMs
  }

  /** Takes a published key into use once it is known everywhere. */
  #settle(coming: OwnKey): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#next ??= { own: coming, publishedAtMs: nowMs }
    if (nowMs - this.#next.publishedAtMs < settledAfterMs) return
    this.#own = coming
    this.#next = undefined
    this.#rotateAtMs = nextRotationMs(this.#options)
  }
}

type OwnKey = { readonly privateJwk: string; readonly published: PublishedKey }

function makeKey(options: AssertionKeysOptions): OwnKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicJwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(`${publicJwk.x}.${publicJwk.y}`).digest('base64url').slice(0, 16)
  // Twice the rotation: a gateway whose rotation is late still signs with a key that everyone knows.
  const livesMs = options.keyRotationHours * 2 * 3_600_000 + options.lifetimeSeconds * 1_000
  return {
    privateJwk: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256' }),
    published: {
      jwk: { ...publicJwk, kid, alg: 'ES256', use: 'sig' },
      expiresAtMs: options.clock.nowMs() + livesMs,
    },
  }
}

/** Puts the keys among those of all gateways unless they stand there; returns them all. */
async function publish(own: readonly OwnKey[], options: AssertionKeysOptions): Promise<string> {
  const nowMs = options.clock.nowMs()
  const value = await updateMeta(options.store, 'assertionKeys', (current) => {
    const keys = published(current, nowMs)
    const missing = own.filter((key) => !keys.some(({ jwk }) => jwk.kid === key.published.jwk.kid))
    if (current !== undefined && missing.length === 0) return current
    return JSON.stringify([...keys, ...missing.map((key) => key.published)])
  })
  return keySetText(published(value, nowMs))
}

function nextRotationMs(options: AssertionKeysOptions): number {
  return options.clock.monotonicMs() + options.keyRotationHours * 3_600_000
}

function published(value: string | undefined, nowMs: number): PublishedKey[] {
  const keys = value === undefined ? [] : (JSON.parse(value) as PublishedKey[])
  return keys.filter((key) => key.expiresAtMs > nowMs)
}

function keySetText(keys: readonly PublishedKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })
}
