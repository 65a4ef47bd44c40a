import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { LoginMethod } from '../trust/admit.ts'

/** To whom a cookie is bound: the way of logging in and, on a certificate door, the login ID. */
export type CookieBinding = { readonly loginMethod: LoginMethod; readonly loginId: string | undefined }

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const format = 's1'
/** How long one derived key seals. Unit: milliseconds. */
const epochMs = 86_400_000
/** Sealed values stay readable for this many epochs: a browser session may be that old. */
const epochsKept = 30

/**
 * Binds the application's session cookies to the user they were given to. The browser only ever holds a sealed value, so a
 * cookie that is stolen, or shown on another door, opens to nothing without the certificate it was sealed for.
 *
 * A sealed value is `s1.<epoch>.<base64url of nonce, ciphertext, tag>` (AES-256-GCM; cookie name, login method and login ID
 * are authenticated with it). Keys follow from the shared secret and the epoch (HKDF, RFC 5869), so all gateways rotate
 * alike without talking to each other.
 */
export class CookieSealer {
  /** Lower case. */
  readonly #names: ReadonlySet<string>
  readonly #foldedNames: ReadonlySet<string>
  readonly #secret: Buffer
  readonly #clock: Clock
  readonly #keys = new Map<number, Buffer>()

  constructor(options: { names: readonly string[]; secret: Buffer; clock: Clock }) {
    this.#names = new Set(options.names.map((name) => name.toLowerCase()))
    this.#foldedNames = new Set(options.names.map(foldCookieName))
    this.#secret = options.secret
    this.#clock = options.clock
  }

  /** A Set-Cookie value with the cookie's value sealed, if it is one of the configured cookies. */
  sealSetCookie(value: string, binding: CookieBinding): string {
    const equals = value.indexOf('=')
    const name = value.slice(0, equals).trim()
    if (equals < 0 || !this.#names.has(name.toLowerCase())) return value
    const end = value.indexOf(';', equals)
    const plain = value.slice(equals + 1, end < 0 ? undefined : end).trim()
    return `${name}=${this.#seal(name, plain, binding)}${end < 0 ? '' : value.slice(end)}`
  }

  /**
   * A Cookie value with sealed cookies opened. What does not open for this binding is dropped, as is a name that an
   * application might take for a sealed one; other cookies stay as they are.
   */
  openCookies(value: string, binding: CookieBinding): string {
    const kept: string[] = []
    for (const pair of value.split(';')) {
      const equals = pair.indexOf('=')
      const name = (equals < 0 ? pair : pair.slice(0, equals)).trim()
      if (!this.#names.has(name.toLowerCase())) {
        if (name !== '' && !this.#foldedNames.has(foldCookieName(name))) kept.push(pair.replace(outerBlanks, ''))
        continue
      }
      if (equals < 0) continue
      const plain = this.#open(name, pair.slice(equals + 1).trim(), binding)
      if (plain !== undefined) kept.push(`${name}=${plain}`)
    }
    return kept.join('; ')
  }

  #seal(name: string, plain: string, binding: CookieBinding): string {
    const epoch = this.#epochNow()
    const nonce = randomBytes(nonceBytes)
    const sealing = createCipheriv(cipher, this.#key(epoch), nonce)
    sealing.setAAD(boundTo(name, binding))
    const sealed = Buffer.concat([nonce, sealing.update(plain, 'latin1'), sealing.final(), sealing.getAuthTag()])
    return `${format}.${epoch.toString(36)}.${sealed.toString('base64url')}`
  }

  #open(name: string, value: string, binding: CookieBinding): string | undefined {
    const [version, epochText = '', body = '', ...rest] = value.split('.')
    const epoch = Number.parseInt(epochText, 36)
    if (version !== format || rest.length > 0 || !this.#epochKept(epoch)) return undefined
    const sealed = Buffer.from(body, 'base64url')
    if (sealed.length < nonceBytes + tagBytes) return undefined
    // One sealed value has one spelling, so that it can be compared and counted.
    if (epoch.toString(36) !== epochText || sealed.toString('base64url') !== body) return undefined
    const opening = createDecipheriv(cipher, this.#key(epoch), sealed.subarray(0, nonceBytes))
    opening.setAAD(boundTo(name, binding))
    opening.setAuthTag(sealed.subarray(-tagBytes))
    try {
      const plain = opening.update(sealed.subarray(nonceBytes, -tagBytes))
      return Buffer.concat([plain, opening.final()]).toString('latin1')
    } catch {
      return undefined
    }
  }

  #epochNow(): number {
    return Math.floor(this.#clock.nowMs() / epochMs)
  }

  /** The next epoch is accepted too: another gateway's clock may be ahead of ours. */
  #epochKept(epoch: number): boolean {
    const now = this.#epochNow()
    return epoch >= now - epochsKept && epoch <= now + 1
  }

  #key(epoch: number): Buffer {
    const known = this.#keys.get(epoch)
    if (known !== undefined) return known
    const key = Buffer.from(hkdfSync('sha256', this.#secret, '', `sekisho cookie sealing ${epoch}`, 32))
    this.#keys.set(epoch, key)
    for (const old of this.#keys.keys()) if (!this.#epochKept(old)) this.#keys.delete(old)
    return key
  }
}

const outerBlanks = /^[\t ]+|[\t ]+$/g

/** A cookie name as lenient applications read it: unquoted, percent-decoded, `.`, blank and `_` as `-`, without regard to case. */
function foldCookieName(name: string): string {
  const decoded = name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return decoded
    .toLowerCase()
    .replace(/^["'\s]+|["'\s]+$/g, '')
    .replace(/[_.\s]/g, '-')
}

function boundTo(name: string, binding: CookieBinding): Buffer {
  return Buffer.from(JSON.stringify([name, binding.loginMethod, binding.loginId ?? null]))
}
