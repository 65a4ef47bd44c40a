import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { LoginMethod } from '../trust/admit.ts'
import type { PasswordLogin } from '../trust/password-access.ts'

/** To whom a cookie is bound: the way of logging in and, on a certificate door, the login ID. */
export type CookieBinding = {
  readonly loginMethod: LoginMethod
  readonly loginId: string | undefined
  /** On the public door, where the gateway knows the application's logins. */
  readonly owned?: {
    /** Whom new cookies belong to; undefined: nobody has logged in yet. */
    readonly login: PasswordLogin | undefined
    /** Where new cookies without a Path belong (RFC 6265 5.1.4). */
    readonly defaultPath: string
    /** Whether a cookie still opens. */
    readonly admits: (cookie: OwnedCookie) => boolean
  }
}

/** A sealed cookie that says whose it is, and how it was set. */
export type OwnedCookie = {
  readonly name: string
  readonly plain: string
  readonly login: PasswordLogin | undefined
  /** As in the Set-Cookie field, with a Path and from the first `;` on; empty: too long to be kept. */
  readonly attributes: string
}

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16
const format = 's1'
/** Holds whose it is and how it was set. */
const ownedFormat = 's2'
const ownerLengthBytes = 2
const attributesMax = 512
/** How long one derived key seals. Unit: milliseconds. */
const epochMs = 86_400_000
/** Sealed values stay readable for this many epochs: a browser session may be that old. */
const epochsKept = 30

/**
 * Binds the application's session cookies to the user they were given to. The browser only ever holds a sealed value, so a
 * cookie that is stolen, or shown on another door, opens to nothing without the certificate it was sealed for.
 *
 * A sealed value is `s1.<epoch>.<base64url of nonce, ciphertext, tag>` (AES-256-GCM; cookie name, login method and login ID
 * are authenticated with it). One that may belong to a login with ID and password begins with `s2`, and what is encrypted begins with
 * that login: whose it is turns out when it is opened, on whatever connection. Keys follow from the shared secret and the epoch (HKDF,
 * RFC 5869), so all gateways rotate alike without talking to each other.
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
    const attributes = end < 0 ? '' : value.slice(end)
    const owner = binding.owned === undefined ? undefined : writeOwner(binding.owned, attributes)
    return `${name}=${this.#seal({ name, plain, owner }, binding)}${attributes}`
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

  #seal(cookie: { name: string; plain: string; owner: Buffer | undefined }, binding: CookieBinding): string {
    const { name, plain, owner } = cookie
    const epoch = this.#epochNow()
    const nonce = randomBytes(nonceBytes)
    const sealing = createCipheriv(cipher, this.#key(epoch), nonce)
    sealing.setAAD(owner === undefined ? boundTo(name, binding) : boundToOwner(name))
    const start = owner === undefined ? Buffer.alloc(0) : sealing.update(owner)
    const sealed = Buffer.concat([nonce, start, sealing.update(plain, 'latin1'), sealing.final(), sealing.getAuthTag()])
    return `${owner === undefined ? format : ownedFormat}.${epoch.toString(36)}.${sealed.toString('base64url')}`
  }

  #open(name: string, value: string, binding: CookieBinding): string | undefined {
    const [version, epochText = '', body = '', ...rest] = value.split('.')
    const epoch = Number.parseInt(epochText, 36)
    const owned = version === ownedFormat ? binding.owned : undefined
    if ((version !== format && owned === undefined) || rest.length > 0 || !this.#epochKept(epoch)) return undefined
    const sealed = Buffer.from(body, 'base64url')
    if (sealed.length < nonceBytes + tagBytes) return undefined
    // One sealed value has one spelling, so that it can be compared and counted.
    if (epoch.toString(36) !== epochText || sealed.toString('base64url') !== body) return undefined
    const opening = createDecipheriv(cipher, this.#key(epoch), sealed.subarray(0, nonceBytes))
    opening.setAAD(owned === undefined ? boundTo(name, binding) : boundToOwner(name))
    opening.setAuthTag(sealed.subarray(-tagBytes))
    try {
      const start = opening.update(sealed.subarray(nonceBytes, -tagBytes))
      const plain = Buffer.concat([start, opening.final()])
      if (owned === undefined) return plain.toString('latin1')
      const cookie = readOwned(name, plain)
      return owned.admits(cookie) ? cookie.plain : undefined
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

/** Length of a JSON array, and that: login ID, contract, attributes. */
function writeOwner({ login, defaultPath }: NonNullable<CookieBinding['owned']>, attributes: string): Buffer {
  const paths = [...attributes.matchAll(/;\s*path\s*(?:=\s*([^;]*))?(?=;|$)/gi)]
  const path = paths.at(-1)?.[1] ?? ''
  const whole = path.startsWith('/') ? attributes : `${attributes}; Path=${defaultPath}`
  const kept = whole.length > attributesMax ? '' : whole
  const text = Buffer.from(JSON.stringify([login?.loginId ?? null, login?.contractId ?? null, kept]))
  const length = Buffer.alloc(ownerLengthBytes)
  length.writeUInt16BE(text.length)
  return Buffer.concat([length, text])
}

function readOwned(name: string, bytes: Buffer): OwnedCookie {
  const end = ownerLengthBytes + bytes.readUInt16BE(0)
  const text = bytes.toString('utf8', ownerLengthBytes, end)
  const [loginId, contractId, attributes] = JSON.parse(text) as [string | null, string | null, string]
  const login = loginId === null || contractId === null ? undefined : { loginId, contractId }
  return { name, plain: bytes.toString('latin1', end), login, attributes }
}

function boundToOwner(name: string): Buffer {
  return Buffer.from(JSON.stringify([name, 'password', null, 'owned']))
}

function boundTo(name: string, binding: CookieBinding): Buffer {
  return Buffer.from(JSON.stringify([name, binding.loginMethod, binding.loginId ?? null]))
}
