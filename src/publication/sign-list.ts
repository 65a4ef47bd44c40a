import { hash, verify } from 'node:crypto'
import { GatewayError } from '../base/errors.ts'
import { assembleCrl, buildCrlTbs, type CrlTemplate } from '../x509/crl/build-crl.ts'
import { digestOf, type Signer } from '../x509/signing-algorithm.ts'

/** A list before it is signed, with how many entries it has. */
export type ListToSign = Omit<CrlTemplate, 'freshestUrl' | 'deltaBase'> & {
  readonly entries: number
  readonly freshestUrl?: string | undefined
  readonly deltaBase?: number
}

/** DER in parts, to be sent one after the other. */
export type SignedList = { readonly parts: readonly Uint8Array[]; readonly bytes: number; readonly etag: string }

/**
 * Builds a list, has it signed, and looks at the signature with the CA's own key before anybody sees it: a broken token publishes
 * nothing. Both happen in the thread pool. The parts are joined once, for the signer, and not kept so.
 * Throws GatewayError `signer_unavailable`.
 */
export async function signList(list: ListToSign, signer: Signer): Promise<SignedList> {
  const { algorithm } = signer
  const tbs = buildCrlTbs(list)
  const joined = Buffer.concat(tbs)
  const signature = await signer.sign(joined)
  if (!(await isSigned(joined, signature, { list, signer }))) {
    const name = list.issuer.name
    throw new GatewayError('signer_unavailable', `Cannot use the signature as it was not made with the key of ${name}`)
  }
  const parts = assembleCrl(tbs, algorithm, signature)
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  // The signature stands for every byte under it; with ECDSA it differs from gateway to gateway, as the lists then do.
  const etag = `"${list.number}-${hash('sha256', signature, 'hex').slice(0, 32)}"`
  return { parts, bytes, etag }
}

function isSigned(
  joined: Uint8Array,
  signature: Uint8Array,
  { list, signer }: { list: ListToSign; signer: Signer },
): Promise<boolean> {
  return new Promise((resolve) => {
    verify(digestOf(signer.algorithm), joined, list.issuer.publicKey, signature, (fault, good) =>
      resolve(fault === null && good),
    )
  })
}
