import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { GatewayError } from '../base/errors.ts'

const compute = promisify(argon2)

/** What a new hash costs. */
export type HashOptions = {
  /** Unit: KiB. */
  readonly memoryKib: number
  readonly passes: number
}

type HashParts = {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  readonly salt: Buffer
  readonly hash: Buffer
}

const saltBytes = 16
const hashBytes = 32

/** What is computed at most for a hash that was made elsewhere: more would let one login stop all others. */
const memoryKibMax = 1_048_576
const passesMax = 16
const lanesMax = 16

/**
 * Hashes a password with argon2id (RFC 9106), one lane, a new salt of 16 bytes: a PHC string
 * `$argon2id$v=19$m=<KiB>,t=<passes>,p=1$<salt>$<hash>`. The password is normalised before (NFC, as RFC 8265 4.2 has it), because
 * keyboards spell the same letter in several ways.
 */
export async function hashPassword(password: string, { memoryKib, passes }: HashOptions): Promise<string> {
  const parts = { memoryKib, passes, lanes: 1, salt: randomBytes(saltBytes), hash: Buffer.alloc(hashBytes) }
  return encode({ ...parts, hash: await derive(password, parts) })
}

/** The hash of a password that nobody knows; it takes no computation to make and as much to compare with as any. */
export function makeDummyHash({ memoryKib, passes }: HashOptions): string {
  return encode({ memoryKib, passes, lanes: 1, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) })
}

/**
 * Whether the password is that of the hash, after computing it. Throws GatewayError `admin_request_invalid` for a string that
 * `isPasswordHash` does not accept.
 */
export async function matchesHash(password: string, phc: string): Promise<boolean> {
  const parts = parse(phc)
  if (parts === undefined) {
    throw new GatewayError('admin_request_invalid', 'Cannot read the password hash as a PHC string of argon2id')
  }
  return timingSafeEqual(await derive(password, parts), parts.hash)
}

/**
 * Whether this is a PHC string of argon2id, version 19, as `hashPassword` makes them; from elsewhere with up to 1 GiB, 16 passes and 16
 * lanes, a salt of 8 to 64 bytes and a hash of 16 to 64. For imports.
 */
export function isPasswordHash(phc: string): boolean {
  return parse(phc) !== undefined
}

function derive(password: string, { memoryKib, passes, lanes, salt, hash }: HashParts): Promise<Buffer> {
  return compute('argon2id', {
    message: Buffer.from(password.normalize('NFC')),
    nonce: salt,
    parallelism: lanes,
    tagLength: hash.length,
    memory: memoryKib,
    passes,
  })
}

function encode({ memoryKib, passes, lanes, salt, hash }: HashParts): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${unpadded(salt)}$${unpadded(hash)}`
}

const phcPattern =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

function parse(phc: string): HashParts | undefined {
  const [, memory, time, parallel, salt, hash] = phcPattern.exec(phc) ?? []
  if (salt === undefined || hash === undefined) return undefined
  const parts = {
    memoryKib: Number(memory),
    passes: Number(time),
    lanes: Number(parallel),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  }
  const isBounded = parts.memoryKib <= memoryKibMax && parts.passes <= passesMax && parts.lanes <= lanesMax
  // RFC 9106 3.1: at least 8 KiB for each lane.
  const isPossible = parts.memoryKib >= 8 * parts.lanes
  // Bits beyond the last byte must be zero, so that each hash has one spelling.
  const isExact = unpadded(parts.salt) === salt && unpadded(parts.hash) === hash
  return isBounded && isPossible && isExact ? parts : undefined
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
