import { randomUUID } from 'node:crypto'
import { importJWK, type JWK, SignJWT } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { Permit } from '../trust/admit.ts'

/** A signing key as the control thread hands it out: a private ES256 JWK with its `kid`. */
export type AssertionKey = JWK & { readonly kid: string }

/** Whom an assertion vouches for. */
export type Identity = Pick<Permit, 'user' | 'loginMethod'>

export type AssertionRules = { readonly audience: string; readonly lifetimeSeconds: number }

/** Signs assertions with the newest key. One a worker. */
export class AssertionSigner {
  readonly #rules: AssertionRules
  readonly #clock: Clock
  #kid = ''
  #key: CryptoKey | Uint8Array | undefined

  constructor(rules: AssertionRules, clock: Clock) {
    this.#rules = rules
    this.#clock = clock
  }

  get lifetimeMs(): number {
    return this.#rules.lifetimeSeconds * 1_000
  }

  async use(key: AssertionKey): Promise<void> {
    this.#key = await importJWK(key, 'ES256')
    this.#kid = key.kid
  }

  /**
   * A JWT (RFC 7519) that says which user and certificate the gateway let through: `sub` is the login ID, `cnf`
   * binds it to the certificate (RFC 8705 3.1). Where there is none it says only which way the request came through the gateway.
   */
  async sign({ user, loginMethod }: Identity): Promise<{ token: string; expiresAtMs: number }> {
    if (this.#key === undefined) throw new Error('Cannot sign an assertion before a key was given')
    const issuedAt = Math.floor(this.#clock.nowMs() / 1_000)
    const claims =
      user === undefined
        ? { login_method: loginMethod }
        : {
            login_method: 'certificate',
            contract_id: user.contractId,
            role: user.role,
            cnf: { 'x5t#S256': user.opinion.certificate.thumbprint },
          }
    const token = new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: this.#kid })
      .setIssuer('sekisho')
      .setAudience(this.#rules.audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + this.#rules.lifetimeSeconds)
      .setJti(randomUUID())
    if (user !== undefined) token.setSubject(user.loginId)
    const expiresAtMs = (issuedAt + this.#rules.lifetimeSeconds) * 1_000
    return { token: await token.sign(this.#key), expiresAtMs }
  }
}

/**
 * The assertion of one connection. Signed before the first request, made anew in the background in the second half of its
 * life, and awaited only if it has run out, for example after a quiet minute.
 */
export class ConnectionAssertion {
  readonly #signer: AssertionSigner
  readonly #identity: Identity
  readonly #clock: Clock
  #line = ''
  // On the monotonic clock. `iat` and `exp` are whole seconds, so a life may be up to a second shorter than configured.
  #renewFromMs = Number.NEGATIVE_INFINITY
  #usableUntilMs = Number.NEGATIVE_INFINITY
  #signing: Promise<void> | undefined

  constructor(signer: AssertionSigner, identity: Identity, clock: Clock) {
    this.#signer = signer
    this.#identity = identity
    this.#clock = clock
  }

  /** The header line if a current assertion is at hand; undefined: call `renew()` first. */
  line(): string | undefined {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs > this.#usableUntilMs) return undefined
    if (nowMs > this.#renewFromMs) this.renew().catch(() => {})
    return this.#line
  }

  renew(): Promise<void> {
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined
    })
    return this.#signing
  }

  async #sign(): Promise<void> {
    const atMs = this.#clock.monotonicMs()
    const atWallMs = this.#clock.nowMs()
    const { token, expiresAtMs } = await this.#signer.sign(this.#identity)
    this.#line = `Sekisho-Assertion: ${token}\r\n`
    this.#renewFromMs = atMs + this.#signer.lifetimeMs / 2
    // A tenth of the life is left to the application's own clock and queue.
    this.#usableUntilMs = atMs + (expiresAtMs - atWallMs) - this.#signer.lifetimeMs / 10
  }
}
