import { bmpString, element, explicit, join, nothing, octets, oid, sequence, set, smallInteger } from './der.ts'
import { encryptTripleDes } from './des.ts'
import { derive } from './pkcs12-key.ts'

/**
 * `modern`: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, integrity by HMAC-SHA-256 (RFC 8018, RFC 7292): Windows 10 of 2018 and
 * later, macOS, Firefox, Chromium. `older`: Triple DES and SHA-1 (RFC 7292 appendix C), for Windows before that.
 */
export type Pkcs12Kind = 'modern' | 'older'

export type Pkcs12Contents = {
  readonly kind: Pkcs12Kind
  /** PKCS #8, DER. */
  readonly privateKey: Uint8Array
  /** DER of the certificate of that key, then of the CAs above it. */
  readonly certificates: readonly Uint8Array[]
  /** What key stores call the entry. */
  readonly friendlyName: string
  /** Visible ASCII: programs disagree on how anything else becomes bytes. */
  readonly password: string
}

/** One derivation of the browser's own; its cost is native. */
const pbkdf2Iterations = 100_000
/** Each is a call into WebCrypto: this takes about a second on an old PC. */
const iterations = { modern: 10_000, older: 4_096 } as const

const data = '1.2.840.113549.1.7.1'

/** Bytes of a .p12 file (PFX, RFC 7292) with key and certificates encrypted by the password. */
export async function makePkcs12(contents: Pkcs12Contents): Promise<Uint8Array<ArrayBuffer>> {
  const { kind, privateKey, certificates, password } = contents
  const [leaf = new Uint8Array()] = certificates
  // Readers pair key and certificate by this attribute.
  const mark = new Uint8Array(await crypto.subtle.digest('SHA-256', ownBytes(leaf))).subarray(0, 20)
  const attributes = set(
    ...ordered([
      sequence(oid('1.2.840.113549.1.9.20'), set(bmpString(contents.friendlyName))),
      sequence(oid('1.2.840.113549.1.9.21'), set(octets(mark))),
    ]),
  )
  const lock = (plain: Uint8Array) => encrypt(plain, { kind, password })
  const key = await lock(privateKey)
  const keyBag = bag('1.2.840.113549.1.12.10.1.2', sequence(key.algorithm, octets(key.bytes)), attributes)
  const certificateBags = certificates.map((certificate, at) => {
    const value = sequence(oid('1.2.840.113549.1.9.22.1'), explicit(0, octets(certificate)))
    return bag('1.2.840.113549.1.12.10.1.3', value, at === 0 ? attributes : undefined)
  })
  const locked = await lock(sequence(...certificateBags))
  const encrypted = sequence(oid(data), locked.algorithm, element(0x80, locked.bytes))
  const safe = sequence(
    sequence(oid('1.2.840.113549.1.7.6'), explicit(0, sequence(smallInteger(0), encrypted))),
    sequence(oid(data), explicit(0, octets(sequence(keyBag)))),
  )
  return sequence(
    smallInteger(3),
    sequence(oid(data), explicit(0, octets(safe))),
    await integrity(safe, { kind, password }),
  )
}

type Secret = { readonly kind: Pkcs12Kind; readonly password: string }
type Locked = { readonly algorithm: Uint8Array; readonly bytes: Uint8Array }

function bag(id: string, value: Uint8Array, attributes: Uint8Array | undefined): Uint8Array {
  return sequence(oid(id), explicit(0, value), ...(attributes === undefined ? [] : [attributes]))
}

async function encrypt(plain: Uint8Array, secret: Secret): Promise<Locked> {
  return secret.kind === 'modern' ? await encryptModern(plain, secret.password) : await encryptOlder(plain, secret)
}

async function encryptModern(plain: Uint8Array, password: string): Promise<Locked> {
  const salt = random(16)
  const iv = random(16)
  const material = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, [
    'deriveKey',
  ])
  const key = await crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: pbkdf2Iterations },
    material,
    { name: 'AES-CBC', length: 256 },
    false,
    ['encrypt'],
  )
  const bytes = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, key, ownBytes(plain)))
  const hmacSha256 = sequence(oid('1.2.840.113549.2.9'), nothing)
  const derivation = sequence(
    oid('1.2.840.113549.1.5.12'),
    sequence(octets(salt), smallInteger(pbkdf2Iterations), hmacSha256),
  )
  const cipher = sequence(oid('2.16.840.1.101.3.4.1.42'), octets(iv))
  return { algorithm: sequence(oid('1.2.840.113549.1.5.13'), sequence(derivation, cipher)), bytes }
}

async function encryptOlder(plain: Uint8Array, { password }: Secret): Promise<Locked> {
  const salt = random(8)
  const rounds = iterations.older
  const settings = { hash: 'SHA-1', password, salt, iterations: rounds } as const
  const key = await derive({ ...settings, purpose: 'key', bytes: 24 })
  const iv = await derive({ ...settings, purpose: 'iv', bytes: 8 })
  const parameters = sequence(octets(salt), smallInteger(rounds))
  return {
    algorithm: sequence(oid('1.2.840.113549.1.12.1.3'), parameters),
    bytes: encryptTripleDes(key, iv, plain),
  }
}

async function integrity(safe: Uint8Array, { kind, password }: Secret): Promise<Uint8Array> {
  const hash = kind === 'modern' ? 'SHA-256' : 'SHA-1'
  const salt = random(kind === 'modern' ? 16 : 8)
  const rounds = iterations[kind]
  const bytes = kind === 'modern' ? 32 : 20
  const raw = await derive({ hash, password, salt, iterations: rounds, purpose: 'mac', bytes })
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash }, false, ['sign'])
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, ownBytes(safe)))
  const algorithm = sequence(oid(kind === 'modern' ? '2.16.840.1.101.3.4.2.1' : '1.3.14.3.2.26'), nothing)
  return sequence(sequence(algorithm, octets(mac)), octets(salt), smallInteger(rounds))
}

/** A SET OF is ordered by its encodings (X.690 11.6). */
function ordered(items: readonly Uint8Array[]): Uint8Array[] {
  return [...items].sort((one, other) => {
    const at = one.findIndex((byte, position) => byte !== other[position])
    return at < 0 ? one.length - other.length : (one[at] as number) - (other[at] ?? -1)
  })
}

function random(bytes: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(bytes))
}

/** WebCrypto takes no views into shared memory; a copy is never one. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return join(bytes)
}
