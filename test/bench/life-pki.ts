import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createRevocationPki, type RevocationPki } from './revocation-pki.ts'

/** The same certificates, and the issuing CA's key as a file, so that a gateway can issue. */
export type LifePki = RevocationPki & { readonly issuingKeyFile: string }

/** Makes them in `folder`. */
export async function createLifePki(folder: string): Promise<LifePki> {
  const pki = await createRevocationPki(folder)
  const issuingKeyFile = join(folder, 'bench-issuing.key')
  await writeFile(issuingKeyFile, pki.issuing.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return { ...pki, issuingKeyFile }
}
