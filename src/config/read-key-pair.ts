import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { isOpenToOthers, showMode } from './file-access.ts'
import { type FieldPath, showPath } from './problem-list.ts'
import { type PemCertificate, type PemContext, readCertificates, readPemText } from './read-pems.ts'

/** What a certificate of our own is for: a door's, or the one shown to an upstream or to the store. */
export type CertificateUse = 'server' | 'client'

/** A certificate of our own with its key, fit for use now. */
export type KeyPair = {
  readonly leaf: X509Certificate
  /** The certificate first, then its intermediates. */
  readonly certificatePem: string
  /** PKCS#8. Undefined, with a problem noted, when the key cannot be read. */
  readonly keyPem: string | undefined
}

type Written = { readonly certificate: string; readonly key: string }

const dayMs = 86_400_000
const warnDays = 30
/** Extended key usages that allow the use (RFC 5280 4.2.1.12), anyExtendedKeyUsage among them. */
const usagesOf: Record<CertificateUse, readonly string[]> = {
  server: ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'],
  client: ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'],
}

/**
 * Reads `certificate` and `key` below `path`. Notes a problem for a file, key or certificate that cannot be used now; warns of a key
 * open to others and of a certificate that ends soon. Undefined when there is no readable certificate.
 */
export function readKeyPair(
  written: Written,
  path: FieldPath,
  options: { readonly use: CertificateUse; readonly context: PemContext },
): KeyPair | undefined {
  const { use, context } = options
  const chain = readCertificates(written.certificate, [...path, 'certificate'], context)
  const key = readKey(written.key, [...path, 'key'], context)
  const leaf = chain?.[0]?.certificate
  if (chain === undefined || leaf === undefined) return undefined
  checkLeaf(leaf, [...path, 'certificate'], { use, context })
  warnOfChain(chain, [...path, 'certificate'], context)
  const certificatePem = chain.map(({ pem }) => pem).join('')
  if (key === undefined) return { leaf, certificatePem, keyPem: undefined }
  checkMatch({ leaf, certificatePem, key }, path, { use, context })
  return { leaf, certificatePem, keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

function readKey(file: string, path: FieldPath, context: PemContext): KeyObject | undefined {
  const pem = readPemText(file, path, context)
  if (pem === undefined) return undefined
  checkKeyMode(file, path, context)
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    const reason = 'the key is encrypted: take off its password with openssl pkey and protect the file by its mode'
    context.problems.add(path, { expected: 'a PEM file with an unencrypted private key', reason })
    return undefined
  }
  try {
    return createPrivateKey(pem)
  } catch {
    const reason = 'there is no readable private key in it'
    context.problems.add(path, { expected: 'a PEM file with an unencrypted private key', reason })
    return undefined
  }
}

/** Warns of a key file that others on this machine may read. */
export function checkKeyMode(file: string, path: FieldPath, context: PemContext): void {
  const mode = context.files.fileMode(resolve(context.folder, file))
  if (!isOpenToOthers(mode)) return
  context.problems.warn(
    `The key file of ${showPath(path)}, ${context.problems.show(path)}, has mode ${showMode(mode)}: others on this machine may use it; use chmod 600`,
  )
}

function checkLeaf(
  leaf: X509Certificate,
  path: FieldPath,
  options: { readonly use: CertificateUse; readonly context: PemContext },
): void {
  const { use } = options
  const { nowMs, problems } = options.context
  const expected = `a ${use} certificate that is valid now`
  const notAfterMs = leaf.validToDate.getTime()
  if (nowMs > notAfterMs) {
    problems.add(path, { expected, reason: `it expired at ${leaf.validToDate.toISOString()}` })
  } else if (nowMs < leaf.validFromDate.getTime()) {
    problems.add(path, { expected, reason: `it is not valid before ${leaf.validFromDate.toISOString()}` })
  } else if (notAfterMs - nowMs < warnDays * dayMs) {
    const days = Math.floor((notAfterMs - nowMs) / dayMs)
    problems.warn(
      `The ${use} certificate of ${showPath(path)} expires in ${days} days, at ${leaf.validToDate.toISOString()}`,
    )
  }
  // Node calls the extended key usage `keyUsage`; undefined where the extension is absent, which allows any use.
  const usages = leaf.keyUsage as readonly string[] | undefined
  if (usages !== undefined && !usages.some((usage) => usagesOf[use].includes(usage))) {
    const reason = `its extended key usage does not allow ${use} authentication`
    problems.add(path, { expected: `a ${use} certificate`, reason })
  }
}

function warnOfChain(chain: readonly PemCertificate[], path: FieldPath, context: PemContext): void {
  for (const [index, { certificate }] of chain.entries()) {
    const above = chain[index + 1]?.certificate
    if (above !== undefined && !certificate.checkIssued(above)) {
      context.problems.warn(
        `Certificate ${index + 2} in the file of ${showPath(path)} did not issue the one before it: clients may not find the chain`,
      )
    }
    if (index > 0 && context.nowMs > certificate.validToDate.getTime()) {
      const end = certificate.validToDate.toISOString()
      context.problems.warn(
        `Certificate ${index + 1} in the file of ${showPath(path)}, an intermediate, expired at ${end}`,
      )
    }
  }
}

function checkMatch(
  pair: { readonly leaf: X509Certificate; readonly certificatePem: string; readonly key: KeyObject },
  path: FieldPath,
  options: { readonly use: CertificateUse; readonly context: PemContext },
): void {
  const { use, context } = options
  if (!pair.leaf.checkPrivateKey(pair.key)) {
    const expected = 'the private key of the certificate beside it'
    context.problems.add([...path, 'key'], { expected, reason: 'it belongs to another certificate' })
    return
  }
  try {
    const key = pair.key.export({ type: 'pkcs8', format: 'pem' }).toString()
    createSecureContext({ cert: pair.certificatePem, key, ciphers: 'DEFAULT:@SECLEVEL=2' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    const expected = `a ${use} certificate that OpenSSL accepts at security level 2`
    context.problems.add([...path, 'certificate'], { expected, reason: code })
  }
}
