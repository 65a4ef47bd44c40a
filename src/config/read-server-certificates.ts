import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { isOpenToOthers, showMode } from './file-access.ts'
import type { ServerCertificateConfig } from './gateway-config.ts'
import { normaliseHost } from './host-name.ts'
import { type FieldPath, showPath } from './problem-list.ts'
import { type PemCertificate, type PemContext, readCertificates, readPemText } from './read-pems.ts'

type Written = { readonly certificate: string; readonly key: string }
type Subject = { readonly path: FieldPath; readonly hostNames: readonly string[] }

const dayMs = 86_400_000
const warnDays = 30
const serverAuth = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']

/**
 * Reads the server certificates of one door. Notes a problem for a file, key or certificate that cannot serve now;
 * warns of keys open to others, of certificates that end soon and of host names none of them covers.
 */
export function readServerCertificates(
  section: readonly Written[],
  subject: Subject,
  context: PemContext,
): readonly ServerCertificateConfig[] {
  const leaves: X509Certificate[] = []
  const read = section.flatMap((entry, index) => {
    const path = [...subject.path, 'serverCertificates', index]
    const chain = readCertificates(entry.certificate, [...path, 'certificate'], context)
    const key = readKey(entry.key, [...path, 'key'], context)
    const [leaf] = chain ?? []
    if (chain === undefined || leaf === undefined) return []
    leaves.push(leaf.certificate)
    checkLeaf(leaf.certificate, [...path, 'certificate'], context)
    warnOfChain(chain, [...path, 'certificate'], context)
    if (key === undefined) return []
    const certificatePem = chain.map(({ pem }) => pem).join('')
    checkPair({ leaf: leaf.certificate, certificatePem, key }, path, context)
    const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
    return [{ certificatePem, keyPem, names: namesOf(leaf.certificate) }]
  })
  // Nothing is said about names while a certificate is missing: it may be the one that covers them.
  if (leaves.length === section.length) warnOfUncovered(leaves, subject, context)
  return read
}

function readKey(file: string, path: FieldPath, context: PemContext): KeyObject | undefined {
  const pem = readPemText(file, path, context)
  if (pem === undefined) return undefined
  warnOfMode(file, path, context)
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

function warnOfMode(file: string, path: FieldPath, context: PemContext): void {
  const mode = context.files.fileMode(resolve(context.folder, file))
  if (!isOpenToOthers(mode)) return
  context.problems.warn(
    `The key file of ${showPath(path)}, ${context.problems.show(path)}, has mode ${showMode(mode)}: others on this machine may use it; use chmod 600`,
  )
}

function checkLeaf(leaf: X509Certificate, path: FieldPath, context: PemContext): void {
  const { nowMs, problems } = context
  const notAfterMs = leaf.validToDate.getTime()
  if (nowMs > notAfterMs) {
    const expected = 'a server certificate that is valid now'
    problems.add(path, { expected, reason: `it expired at ${leaf.validToDate.toISOString()}` })
  } else if (nowMs < leaf.validFromDate.getTime()) {
    const expected = 'a server certificate that is valid now'
    problems.add(path, { expected, reason: `it is not valid before ${leaf.validFromDate.toISOString()}` })
  } else if (notAfterMs - nowMs < warnDays * dayMs) {
    const days = Math.floor((notAfterMs - nowMs) / dayMs)
    problems.warn(
      `The server certificate of ${showPath(path)} expires in ${days} days, at ${leaf.validToDate.toISOString()}`,
    )
  }
  // Node calls the extended key usage `keyUsage`; undefined where the extension is absent, which allows any use.
  const usages = leaf.keyUsage as readonly string[] | undefined
  if (usages !== undefined && !usages.some((usage) => serverAuth.includes(usage))) {
    const expected = 'a server certificate'
    problems.add(path, { expected, reason: 'its extended key usage does not allow server authentication' })
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

type Pair = { leaf: X509Certificate; certificatePem: string; key: KeyObject }

function checkPair(pair: Pair, path: FieldPath, context: PemContext): void {
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
    const expected = 'a server certificate that OpenSSL accepts at security level 2'
    context.problems.add([...path, 'certificate'], { expected, reason: code })
  }
}

/**
 * dNSName and iPAddress entries of the subjectAltName. The printed form is good enough for our own certificate: Node
 * quotes an entry whose text could be taken for several (CVE-2021-44532), and quoted ones are left out.
 */
function namesOf(leaf: X509Certificate): string[] {
  const names: string[] = []
  for (const entry of (leaf.subjectAltName ?? '').matchAll(/(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g)) {
    const [, kind, value = ''] = entry
    const written = value.toLowerCase()
    if ((kind !== 'DNS' && kind !== 'IP Address') || written === '' || written.startsWith('"')) continue
    names.push(written.startsWith('*.') ? written : (normaliseHost(written) ?? written))
  }
  return names
}

function warnOfUncovered(leaves: readonly X509Certificate[], subject: Subject, context: PemContext): void {
  for (const [index, written] of subject.hostNames.entries()) {
    const name = normaliseHost(written) ?? written
    const isCovered = leaves.some((leaf) =>
      isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) !== undefined : leaf.checkIP(name) !== undefined,
    )
    if (isCovered) continue
    const path = showPath([...subject.path, 'hostNames', index])
    context.problems.warn(
      `No server certificate of this door covers ${path}, ${JSON.stringify(name)}: browsers will refuse it`,
    )
  }
}
