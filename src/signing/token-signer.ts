import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import { tags } from '../x509/der-reader.ts'
import { derElement, derInteger, derOid, derSequence } from '../x509/der-writer.ts'
import { hashes } from '../x509/oids.ts'
import { digestOf, type Signer, type SigningAlgorithm, signingAlgorithmOf } from '../x509/signing-algorithm.ts'
import { SigningQueue } from './signing-queue.ts'
import { TokenTool, type TokenToolOptions, unavailable } from './token-tool.ts'

export type TokenSignerOptions = TokenToolOptions & {
  /** Label of the private key on the token; exactly one key there may have it. */
  readonly keyLabel: string
  /** Most signatures under way at the same time. */
  readonly signaturesAtOnce: number
  /** Longest time for one signature, waiting included. Unit: milliseconds. */
  readonly timeoutMs: number
}

/**
 * A signer whose key lies on a PKCS #11 token: RSA, P-256, P-384 or P-521. `publicKeyDer` is that of the issuing CA's
 * certificate: the token is not asked for it, and every signature is verified with it, so that another key with the
 * same label is found out.
 *
 * `sign` throws GatewayError `signer_unavailable` while the token is away, and goes on by itself when it is back. The
 * signer itself throws `config_invalid` for a kind of key that tokens are not used with here.
 */
export function createTokenSigner(options: TokenSignerOptions, publicKeyDer: Uint8Array): Signer {
  const publicKey = createPublicKey({ key: Buffer.from(publicKeyDer), format: 'der', type: 'spki' })
  const algorithm = signingAlgorithmOf(publicKey)
  if (algorithm.keyType !== 'rsa' && algorithm.keyType !== 'ec') {
    throw new GatewayError(
      'config_invalid',
      `Cannot sign with a token as the CA’s key must be RSA or EC: current value is ${algorithm.keyType}`,
    )
  }
  const key = new TokenKey(options, { publicKey, algorithm })
  const queue = new SigningQueue({ atOnceMax: options.signaturesAtOnce, timeoutMs: options.timeoutMs })
  return { algorithm, publicKeyDer, sign: (tbs) => queue.run((signal) => key.sign(tbs, signal)) }
}

type KeyKind = { readonly publicKey: KeyObject; readonly algorithm: SigningAlgorithm }

class TokenKey {
  readonly #tool: TokenTool
  readonly #label: string
  readonly #kind: KeyKind
  /**
   * `pkcs11-tool` finds keys for signing by their id only: it passes over a label and takes any key. Looked for once at
   * a time, so that a wrong PIN costs the token one attempt and not as many as signatures are waiting.
   */
  #id: Promise<string> | undefined

  constructor(options: TokenSignerOptions, kind: KeyKind) {
    this.#tool = new TokenTool(options)
    this.#label = options.keyLabel
    this.#kind = kind
  }

  async sign(tbs: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { algorithm, publicKey } = this.#kind
    this.#id ??= this.#findId(signal)
    const id = this.#id
    try {
      const { mechanism, input } = whatToSign(tbs, algorithm)
      const call = ['--sign', '--id', await id, '--mechanism', mechanism]
      const output = await this.#tool.run({ arguments: call, input, signal })
      const signature = algorithm.keyType === 'ec' ? derOfRawSignature(output) : output
      if (!verify(digestOf(algorithm), tbs, publicKey, signature)) {
        throw unavailable(`key ${this.#label} on it is not that of the CA certificate`)
      }
      return signature
    } catch (fault) {
      // The token may be another one when it comes back.
      if (this.#id === id) this.#id = undefined
      throw fault
    }
  }

  async #findId(signal: AbortSignal): Promise<string> {
    const call = ['--list-objects', '--type', 'privkey']
    const output = await this.#tool.run({ arguments: call, input: new Uint8Array(), signal })
    const ids = idsOf(Buffer.from(output).toString('utf8'), this.#label)
    const [id, surplus] = ids
    if (id === undefined) throw unavailable(`no private key on it has the label ${this.#label} and an ID`)
    if (surplus !== undefined) throw unavailable(`${ids.length} private keys on it have the label ${this.#label}`)
    return id
  }
}

/** IDs (hex) of the objects with this label in what `pkcs11-tool --list-objects` prints. */
export function idsOf(listing: string, label: string): string[] {
  return listing.split(/^(?=Private Key Object)/m).flatMap((object) => {
    const field = (name: string) => new RegExp(`^  ${name}: +(.*)$`, 'm').exec(object)?.[1]
    const id = field('ID')
    return field('label') === label && id !== undefined && /^(?:[0-9a-f]{2})+$/.test(id) ? [id] : []
  })
}

/**
 * Hashed here, because not every token knows how to hash, and so that what is sent stays small: ECDSA takes the bare
 * hash, RSA the DigestInfo of PKCS #1 v1.5 (RFC 8017 9.2).
 */
function whatToSign(tbs: Uint8Array, algorithm: SigningAlgorithm): { mechanism: string; input: Uint8Array } {
  const digest = hash(algorithm.hash, tbs, 'buffer')
  if (algorithm.keyType === 'ec') return { mechanism: 'ECDSA', input: digest }
  const oid = Object.entries(hashes).find(([, name]) => name === algorithm.hash)?.[0] ?? ''
  const identifier = derSequence(derOid(oid), derElement(tags.null))
  return { mechanism: 'RSA-PKCS', input: derSequence(identifier, derElement(tags.octetString, digest)) }
}

/** PKCS #11 gives r and s, each as long as the curve's order; certificates hold a SEQUENCE of both (RFC 5758 3.2). */
export function derOfRawSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  if (half === 0 || !Number.isInteger(half)) throw unavailable('what it gave is no signature')
  const number = (from: number) => derInteger(Buffer.from(raw.subarray(from, from + half)).toString('hex'))
  return derSequence(number(0), number(half))
}
