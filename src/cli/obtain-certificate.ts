import type { KeyObject, X509Certificate } from 'node:crypto'
import { buildSigningRequest } from '../x509/build-signing-request.ts'
import type { GeneralName } from '../x509/client-certificate.ts'
import { pemOf } from '../x509/pem.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { CommandError } from './command-context.ts'
import { type EnrollFiles, writeWhole } from './enroll-files.ts'
import type { EstClient } from './est-client.ts'

/** A certificate, with the CA that issued it and those above it. */
export type Obtained = { readonly certificate: X509Certificate; readonly authorities: readonly X509Certificate[] }

export type ObtainOptions = {
  readonly client: EstClient
  readonly files: EnrollFiles
  readonly privateKey: KeyObject
  /** The certificate that is renewed. */
  readonly renews: X509Certificate | undefined
}

/**
 * Obtains a certificate and writes request, certificate and chain. What comes back is believed only when it is for this key and was
 * issued by the CA that the server names. Throws CommandError.
 */
export async function obtainCertificate({ client, files, privateKey, renews }: ObtainOptions): Promise<Obtained> {
  const request = buildSigningRequest({ privateKey, ...(renews === undefined ? {} : namesOf(renews)) })
  writeWhole(files.request, request.pem)
  // Asked first: a server that is no EST service is told no password.
  const authorities = await client.caCertificates()
  const certificate = await client.enrol(renews === undefined ? 'simpleenroll' : 'simplereenroll', request.der)
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CommandError(`Cannot use the certificate of ${client.origin}: it is for another key.`)
  }
  const issuer = authorities.find((authority) => certificate.checkIssued(authority))
  if (issuer === undefined || !certificate.verify(issuer.publicKey)) {
    throw new CommandError(`Cannot use the certificate of ${client.origin}: none of its own CAs has issued it.`)
  }
  const chain = chainFrom(issuer, authorities)
  writeWhole(files.chain, chain.map(({ raw }) => pemOf(raw, 'CERTIFICATE')).join(''))
  writeWhole(files.certificate, pemOf(certificate.raw, 'CERTIFICATE'))
  return { certificate, authorities: chain }
}

/** A certs-only message is a SET, so its order says nothing. The nearest first. */
function chainFrom(issuer: X509Certificate, authorities: readonly X509Certificate[]): X509Certificate[] {
  const chain = [issuer]
  for (let last = issuer; chain.length < authorities.length; ) {
    const next = authorities.find((authority) => !chain.includes(authority) && last.checkIssued(authority))
    if (next === undefined) break
    chain.push(next)
    last = next
  }
  return chain
}

/** RFC 7030 4.2.2: a renewal asks for the names of the old certificate. Left empty otherwise: the server knows whose it is. */
function namesOf(renews: X509Certificate) {
  const { subject, subjectAltNames } = readCertificate(renews.raw)
  const names = subjectAltNames.filter((name) => name.kind !== 'other') as Exclude<GeneralName, { kind: 'other' }>[]
  return names.length === 0 ? { subject } : { subject, extensions: { subjectAltNames: names } }
}

/** The .p12 file. The root is left out: what trusts it is imported by itself. */
export async function packPkcs12({
  certificate,
  authorities,
  ...contents
}: Obtained & { privateKey: KeyObject; friendlyName: string; password: string }): Promise<Uint8Array> {
  // Loaded late: it takes longer than all other commands together.
  const { buildPkcs12 } = await import('../x509/build-pkcs12.ts')
  const below = authorities.filter((authority) => !authority.checkIssued(authority))
  return await buildPkcs12({
    ...contents,
    certificatePem: pemOf(certificate.raw, 'CERTIFICATE'),
    chainPems: below.map(({ raw }) => pemOf(raw, 'CERTIFICATE')),
  })
}
