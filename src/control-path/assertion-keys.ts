import { createHash, generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
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

/**
 * Keys that assertions are signed with (ES256, RFC 7518 3.4). The private key never leaves the process. The public one stands in the
 * store before it is used, so every gateway's JWKS (RFC 7517) has it, and stays there for as long as assertions of it live.
 */
export class AssertionKeys {
  readonly #options: AssertionKeysOptions
  #current: AssertionKeySet
  #rotateAtMs: number
  #timer: NodeJS.Timeout | undefined

  private constructor(options: AssertionKeysOptions, current: AssertionKeySet, rotateAtMs: number) {
    this.#options = options
    this.#current = current
    this.#rotateAtMs = rotateAtMs
  }

  /** Makes and publishes the first key. Throws `store_unavailable`. */
  static async open(options: AssertionKeysOptions): Promise<AssertionKeys> {
    const current = await publishNewKey(options)
    const keys = new AssertionKeys(options, current, nextRotationMs(options))
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
    if (this.#options.clock.monotonicMs() >= this.#rotateAtMs) {
      this.#current = await publishNewKey(this.#options)
      this.#rotateAtMs = nextRotationMs(this.#options)
    } else {
      const value = await this.#options.store.readMeta('assertionKeys')
      this.#current = { ...before, jwks: keySetText(published(value?.value, this.#options.clock.nowMs())) }
    }
    if (before.jwks !== this.#current.jwks || before.privateJwk !== this.#current.privateJwk) {
      this.#options.changed(this.#current)
    }
  }
}

async function publishNewKey(options: AssertionKeysOptions): Promise<AssertionKeySet> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicJwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(`${publicJwk.x}.${publicJwk.y}`).digest('base64url').slice(0, 16)
  const nowMs = options.clock.nowMs()
  // Twice the rotation: a gateway whose rotation is late still signs with a key that everyone knows.
  const expiresAtMs = nowMs + options.keyRotationHours * 2 * 3_600_000 + options.lifetimeSeconds * 1_000
  const jwk = { ...publicJwk, kid, alg: 'ES256', use: 'sig' }
  const value = await updateMeta(options.store, 'assertionKeys', (current) =>
    JSON.stringify([...published(current, nowMs), { jwk, expiresAtMs }]),
  )
  const privateJwk = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256' })
  return { privateJwk, jwks: keySetText(published(value, nowMs)) }
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
