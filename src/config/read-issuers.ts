import type { X509Certificate } from 'node:crypto'
import type { ConfigFile } from './config-file.ts'
import type { IssuerConfig } from './gateway-config.ts'
import type { FieldPath } from './problem-list.ts'
import { type PemContext, readAuthorities, readAuthority } from './read-pems.ts'
import { readSources } from './read-sources.ts'

/** The issuing CAs with their PEM text, and the public keys by which an operators' CA must not be known. */
export type ReadIssuers = {
  readonly issuers: readonly IssuerConfig[]
  /** Base64 of the SubjectPublicKeyInfo of every user issuer and every CA above one, with the issuer's name. */
  readonly keyOwners: ReadonlyMap<string, string>
}

/**
 * Reads the files of `issuers`. Notes a problem for a name or certificate that is there twice, and for a file that is
 * not a CA. How a chain links up is judged where it is used (`x509/issuing-ca.ts`).
 */
export function readIssuers(section: ConfigFile['issuers'], context: PemContext): ReadIssuers {
  const issuers: IssuerConfig[] = []
  const keyOwners = new Map<string, string>()
  const names = new Set<string>()
  const certificates = new Map<string, string>()
  for (const [index, entry] of section.entries()) {
    const path = ['issuers', index]
    if (names.has(entry.name)) context.problems.add([...path, 'name'], { expected: 'an issuer name used once' })
    names.add(entry.name)
    const own = readAuthority(entry.certificate, [...path, 'certificate'], context)
    const above = entry.chain.flatMap((file, at) => readAuthorities(file, [...path, 'chain', at], context) ?? [])
    if (own === undefined) continue
    const twin = certificates.get(own.certificate.fingerprint256)
    if (twin !== undefined) {
      const reason = `it is the certificate of ${twin}`
      context.problems.add([...path, 'certificate'], { expected: 'the certificate of one issuer only', reason })
    }
    certificates.set(own.certificate.fingerprint256, entry.name)
    for (const { certificate } of [own, ...above]) keyOwners.set(publicKeyOf(certificate), entry.name)
    const sources = readSources(entry, path, context)
    issuers.push({ name: entry.name, certificatePem: own.pem, chainPems: above.map(({ pem }) => pem), ...sources })
  }
  return { issuers, keyOwners }
}

type OperatorIssuers = NonNullable<ConfigFile['doors']['admin']>['operatorIssuers']

/**
 * Reads the CAs of operator certificates. One that shares its key with a user issuer, or with a CA above one, is
 * refused: users could then come through the admin door.
 */
export function readOperatorIssuers(
  section: OperatorIssuers,
  known: { readonly keyOwners: ReadonlyMap<string, string>; readonly context: PemContext },
): readonly string[] {
  return section.flatMap((entry, index) => {
    const path: FieldPath = ['doors', 'admin', 'operatorIssuers', index, 'certificate']
    const read = readAuthority(entry.certificate, path, known.context)
    if (read === undefined) return []
    const owner = known.keyOwners.get(publicKeyOf(read.certificate))
    if (owner === undefined) return [read.pem]
    const reason = `it is a CA of the user issuer ${owner}, whose users could come in as operators`
    known.context.problems.add(path, { expected: 'a CA of operators only', reason })
    return []
  })
}

/** The key, not the certificate: a CA certificate renewed over the same key is the same CA. */
function publicKeyOf(certificate: X509Certificate): string {
  return certificate.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
}
