import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { ServerCertificateConfig } from './gateway-config.ts'
import { normaliseHost } from './host-name.ts'
import { type FieldPath, showPath } from './problem-list.ts'
import { readKeyPair } from './read-key-pair.ts'
import type { PemContext } from './read-pems.ts'

type Written = { readonly certificate: string; readonly key: string }
type Subject = { readonly path: FieldPath; readonly hostNames: readonly string[] }

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
    const pair = readKeyPair(entry, [...subject.path, 'serverCertificates', index], { use: 'server', context })
    if (pair === undefined) return []
    const { leaf, certificatePem, keyPem } = pair
    leaves.push(leaf)
    return keyPem === undefined ? [] : [{ certificatePem, keyPem, names: namesOf(leaf) }]
  })
  // Nothing is said about names while a certificate is missing: it may be the one that covers them.
  if (leaves.length === section.length) warnOfUncovered(leaves, subject, context)
  return read
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
