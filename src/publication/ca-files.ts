import { hash } from 'node:crypto'
import type { IssuerConfig } from '../config/gateway-config.ts'
import { pemBlocks, pemOf } from '../x509/pem.ts'

/** A file that stays as it is as long as the thread lives. */
export type CaFile = { readonly contentType: string; readonly etag: string; readonly body: Uint8Array }

/**
 * The certificates of the configured issuers by file name: `<issuer>.cer` is the issuer's own as DER (RFC 5280 4.2.2.1),
 * `<issuer>.pem` the same with the CAs above it, each block certified by the next (RFC 8555 9.1).
 */
export function caFiles(issuers: readonly IssuerConfig[]): ReadonlyMap<string, CaFile> {
  const files = new Map<string, CaFile>()
  for (const { name, certificatePem, chainPems } of issuers) {
    const chain = [certificatePem, ...chainPems].flatMap((pem) => pemBlocks(pem, 'CERTIFICATE'))
    const [own = new Uint8Array()] = chain
    const pem = Buffer.from(chain.map((der) => pemOf(der, 'CERTIFICATE')).join(''))
    files.set(`${name}.cer`, fileOf('application/pkix-cert', own))
    files.set(`${name}.pem`, fileOf('application/pem-certificate-chain', pem))
  }
  return files
}

function fileOf(contentType: string, body: Uint8Array): CaFile {
  return { contentType, etag: `"${hash('sha256', body, 'hex').slice(0, 32)}"`, body }
}
