import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { GatewayConfig, ServerCertificateConfig } from '../../config/gateway-config.ts'
import { weakKeyReason } from '../../x509/key-strength.ts'
import { pemBlocks } from '../../x509/pem.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { counted } from '../text-table.ts'
import type { ReadFile } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'

const dayMs = 86_400_000
/** A certificate is renewed in an afternoon, a CA is not. Unit: days. */
const warnDays = { leaf: 30, ca: 90 }
const rsaBitsMin = 2_048

/** Every certificate in the files of the configuration: until when, how strong, and in which order. */
export function certificateChecks(files: readonly ReadFile[], nowMs: number): readonly Check[] {
  return files.flatMap((file) => {
    if (!('content' in file) || !file.content.includes('-----BEGIN CERTIFICATE-----')) return []
    const run = () => fileFindings(file.path, file.content, nowMs)
    return [{ group: 'Keys and certificates', subject: file.path, run } as const]
  })
}

function fileFindings(path: string, content: string, nowMs: number): Finding[] {
  const ders = pemBlocks(content, 'CERTIFICATE')
  const certificates = ders.map((der) => new X509Certificate(der))
  const findings = certificates.map((certificate) => certificateFinding(path, certificate, nowMs))
  const wrongAt = certificates.findIndex((certificate, at) => {
    const above = certificates[at + 1]
    return !certificate.ca && above !== undefined && !certificate.checkIssued(above)
  })
  if (wrongAt < 0) return findings
  const fix =
    'Write the certificate first, then the CA that issued it, then the one above: cat server.pem issuing-ca.pem'
  return [...findings, bad(path, `certificate ${wrongAt + 2} in it did not issue the one before it`, fix)]
}

function certificateFinding(path: string, certificate: X509Certificate, nowMs: number): Finding {
  const { ca, validFromDate, validToDate } = certificate
  const name = certificate.subject.split('\n').at(-1) ?? ''
  const subject = `${path} (${ca ? 'CA ' : ''}${name || 'no subject'})`
  const end = validToDate.toISOString()
  const days = Math.floor((validToDate.getTime() - nowMs) / dayMs)
  const fix = ca
    ? 'Ask the CA for its new certificate, put it beside this one (two issuers), move users over, then take the old one out'
    : `Renew it, write the new file to ${path} in one move (mv); the gateway reads it by itself (or: sekisho reload)`
  if (days < 0) return bad(subject, `it expired at ${end}`, fix)
  if (validFromDate.getTime() > nowMs) {
    return bad(
      subject,
      `it is not valid before ${validFromDate.toISOString()}`,
      'Set the clock of this machine, or wait',
    )
  }
  const weak = weaknessOf(certificate)
  if (weak !== undefined) return bad(subject, weak, 'Get one with a P-256 or RSA-3072 key, signed with SHA-256')
  const left = `valid for ${counted(days, 'day')}, until ${end}`
  return days < (ca ? warnDays.ca : warnDays.leaf) ? warn(subject, left, fix) : ok(subject, left)
}

function weaknessOf({ raw }: X509Certificate): string | undefined {
  try {
    return weakKeyReason(readCertificate(raw), { rsaBitsMin })
  } catch (error) {
    return `it cannot be read strictly: ${reasonOf(error)}`
  }
}

/** Every door: its certificates have their own keys, and one of them covers each host name. */
export function doorChecks({ doors }: GatewayConfig): readonly Check[] {
  const named = [
    ...doors.certificate.map((door) => ({ ...door, label: `Door ${door.name}` })),
    ...(doors.public ? [{ ...doors.public, label: `Door ${doors.public.name}` }] : []),
    ...(doors.admin ? [{ ...doors.admin, hostNames: [] as readonly string[], label: 'Admin door' }] : []),
  ]
  return named.map(({ label, hostNames, serverCertificates }) => ({
    group: 'Keys and certificates',
    subject: label,
    run: () => doorFindings(label, hostNames, serverCertificates),
  }))
}

function doorFindings(
  label: string,
  hostNames: readonly string[],
  served: readonly ServerCertificateConfig[],
): Finding[] {
  const leaves = served.map(({ certificatePem }) => new X509Certificate(certificatePem))
  const uncovered = hostNames.filter((name) => {
    const bare = name.replace(/^\[|\]$/g, '')
    return !leaves.some((leaf) =>
      isIP(bare) === 0 ? leaf.checkHost(bare, { subject: 'never' }) !== undefined : leaf.checkIP(bare) !== undefined,
    )
  })
  const lonely = served.filter(({ certificatePem }) => lacksIntermediate(certificatePem))
  const incomplete = lonely.map(({ certificatePem }) => {
    const issuer = new X509Certificate(certificatePem).issuer.split('\n').at(-1) ?? 'its CA'
    const fix = `If ${issuer} is no root that clients have: append its certificate to the file, after the server’s`
    return warn(label, `the server certificate comes without the CA that issued it (${issuer})`, fix)
  })
  if (uncovered.length === 0) {
    const names = hostNames.length === 0 ? '' : `, covering ${hostNames.join(', ')}`
    return [...incomplete, ok(label, `${counted(served.length, 'server certificate')} with the right key${names}`)]
  }
  const fix = 'Get a server certificate with these names in its subjectAltName, or take them out of hostNames'
  return [
    ...incomplete,
    ...uncovered.map((name) => bad(label, `no server certificate covers ${name}: browsers will warn`, fix)),
  ]
}

/** A certificate that says where its CA's own can be had (RFC 5280 4.2.2.1) comes from a CA that not every client has. */
function lacksIntermediate(certificatePem: string): boolean {
  if (pemBlocks(certificatePem, 'CERTIFICATE').length > 1) return false
  return /CA Issuers/.test(new X509Certificate(certificatePem).infoAccess ?? '')
}
