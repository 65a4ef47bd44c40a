import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import { digestOf, type Signer, signingAlgorithmOf } from '../x509/signing-algorithm.ts'

export type FileSignerOptions = {
  /** PKCS #8, SEC 1 or PKCS #1 as PEM; PKCS #8 may be encrypted. */
  readonly keyPem: string
  /** Of an encrypted key; undefined where it is not. */
  readonly keyPassword: string | undefined
}

/**
 * A signer whose key lies on this machine. RSA, P-256, P-384, P-521 and EdDSA keys; the hash fits the key. Signing
 * happens in the thread pool: an RSA key of 4 096 bits would hold the event loop up for milliseconds.
 * Throws GatewayError `config_invalid` when the key cannot be opened or cannot sign.
 */
export function createFileSigner({ keyPem, keyPassword }: FileSignerOptions): Signer {
  const privateKey = openKey(keyPem, keyPassword)
  const algorithm = signingAlgorithmOf(privateKey)
  return {
    algorithm,
    publicKeyDer: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    sign: (tbs) =>
      new Promise((resolve, reject) => {
        sign(digestOf(algorithm), tbs, privateKey, (fault, signature) => {
          if (fault === null) resolve(signature)
          else reject(new GatewayError('signer_unavailable', 'Cannot sign with the key file', { cause: fault }))
        })
      }),
  }
}

const signingKinds: readonly (string | undefined)[] = ['rsa', 'ec', 'ed25519', 'ed448']

function openKey(keyPem: string, passphrase: string | undefined): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(passphrase === undefined ? { key: keyPem } : { key: keyPem, passphrase })
  } catch (cause) {
    const reason = passphrase === undefined ? 'it is no unencrypted private key' : 'its password does not open it'
    throw new GatewayError('config_invalid', `Cannot sign with the key file as ${reason}`, { cause })
  }
  if (!signingKinds.includes(key.asymmetricKeyType)) {
    throw new GatewayError(
      'config_invalid',
      `Cannot sign with the key file as its key must be RSA, EC or EdDSA: current value is ${key.asymmetricKeyType}`,
    )
  }
  return key
}
