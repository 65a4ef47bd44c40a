import { constants, createVerify, type KeyObject, type Verify } from 'node:crypto'
import type { SignatureAlgorithm } from '../signature-algorithm.ts'
import { isKeyFor, verifySignature } from '../verify-signature.ts'

/**
 * Finds out whether a key made the signature over bytes that come piece by piece. EdDSA signs the bytes themselves and not a hash of
 * them, and so all have to be kept until the end; the other algorithms keep nothing.
 */
export class CrlSignature {
  readonly #algorithm: SignatureAlgorithm
  readonly #publicKey: KeyObject
  readonly #verify: Verify | undefined
  readonly #pieces: Uint8Array[] | undefined

  constructor(algorithm: SignatureAlgorithm, publicKey: KeyObject) {
    this.#algorithm = algorithm
    this.#publicKey = publicKey
    if (!isKeyFor(algorithm, publicKey)) return
    if (algorithm.hash === 'intrinsic') this.#pieces = []
    else this.#verify = startVerify(algorithm.hash)
  }

  readonly update = (bytes: Uint8Array): void => {
    this.#verify?.update(bytes)
    this.#pieces?.push(Uint8Array.from(bytes))
  }

  /** Ends it. False also for an algorithm this code does not know, and a key of another kind. */
  isMadeBy(signature: Uint8Array): boolean {
    const algorithm = this.#algorithm
    if (this.#pieces !== undefined) {
      return verifySignature({ algorithm, signed: Buffer.concat(this.#pieces), signature }, this.#publicKey)
    }
    if (this.#verify === undefined) return false
    const { saltLength } = algorithm
    const pss = { key: this.#publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
    try {
      return this.#verify.verify(saltLength === undefined ? this.#publicKey : pss, signature)
    } catch {
      // OpenSSL throws, instead of saying no, when a key and a digest can never go together (RSA-512 with SHA-512).
      return false
    }
  }
}

/** Undefined where this OpenSSL refuses the hash (MD5 under FIPS). */
function startVerify(hash: string): Verify | undefined {
  try {
    return createVerify(hash)
  } catch {
    return undefined
  }
}
