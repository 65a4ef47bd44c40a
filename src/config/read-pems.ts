import { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { type FileAccess, unreadableReason } from './file-access.ts'
import type { FieldPath, ProblemList } from './problem-list.ts'

/** What the readers of PEM files need. */
export type PemContext = {
  readonly files: FileAccess
  /** Where relative paths start. */
  readonly folder: string
  /** Wall time of the checks. Unit: milliseconds since the epoch. */
  readonly nowMs: number
  readonly problems: ProblemList
}

/** A certificate with the PEM block it was read from; whatever else stood in the file is left behind. */
export type PemCertificate = { readonly pem: string; readonly certificate: X509Certificate }

/** The text of a file; undefined, with a problem noted, when it cannot be read or is empty. */
export function readPemText(file: string, path: FieldPath, context: PemContext): string | undefined {
  try {
    const text = context.files.readFile(resolve(context.folder, file)).toString('latin1')
    if (text.trim() !== '') return text
    context.problems.add(path, { reason: 'the file is empty' })
  } catch (error) {
    context.problems.add(path, { reason: unreadableReason(error) })
  }
  return undefined
}

/**
 * All certificates of a PEM file, at least one. Undefined, with a problem noted, when one of them is unreadable: a file
 * is never taken in part, and there is no other list to fall back to (CVE-2026-27586).
 */
export function readCertificates(file: string, path: FieldPath, context: PemContext): PemCertificate[] | undefined {
  const text = readPemText(file, path, context)
  if (text === undefined) return undefined
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1
  if (begun === 0) {
    const reason = 'there is no certificate in it; for a DER file: openssl x509 -inform der -in FILE'
    context.problems.add(path, { expected: 'a PEM file with certificates', reason })
    return undefined
  }
  const read = blocks.map(readBlock)
  const complete = read.filter((entry) => entry !== undefined)
  if (complete.length === begun) return complete
  const reason =
    begun === 1 ? 'the certificate in it is unreadable' : `one of the ${begun} certificates in it is unreadable`
  context.problems.add(path, { expected: 'a PEM file with certificates', reason })
  return undefined
}

/** The certificate of a file that must hold exactly one, of a certificate authority (RFC 5280 4.2.1.9). */
export function readAuthority(file: string, path: FieldPath, context: PemContext): PemCertificate | undefined {
  const read = readAuthorities(file, path, context)
  if (read === undefined || read.length === 1) return read?.[0]
  const reason = `there are ${read.length} in it, and which one is meant must be plain`
  context.problems.add(path, { expected: 'a PEM file with exactly one CA certificate', reason })
  return undefined
}

/** All certificates of a file, each of a certificate authority. */
export function readAuthorities(file: string, path: FieldPath, context: PemContext): PemCertificate[] | undefined {
  const read = readCertificates(file, path, context)
  if (read === undefined || read.every(({ certificate }) => certificate.ca)) return read
  const reason = 'it holds a certificate that is not of a CA (basicConstraints)'
  context.problems.add(path, { expected: 'a PEM file with a CA certificate', reason })
  return undefined
}

function readBlock(block: string): PemCertificate | undefined {
  try {
    const certificate = new X509Certificate(block)
    // The key is parsed when it is first asked for: a key that OpenSSL cannot read must show up here, not later.
    return certificate.publicKey === undefined ? undefined : { pem: `${block}\n`, certificate }
  } catch {
    return undefined
  }
}
