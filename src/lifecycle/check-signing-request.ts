import { GatewayError } from '../base/errors.ts'
import type { WritableName } from '../x509/build-certificate.ts'
import { altNamesFor, type CertificateProfile, type KeyType, subjectFor } from '../x509/certificate-profile.ts'
import type { ClientCertificate, GeneralName, NameAttribute } from '../x509/client-certificate.ts'
import type { Holder } from '../x509/name-template.ts'
import { oids } from '../x509/oids.ts'
import { readName } from '../x509/read-name.ts'
import { rsaKeyFault } from '../x509/rsa-numbers.ts'
import type { SigningRequest } from '../x509/signing-request.ts'

const strongHashes: readonly string[] = ['sha256', 'sha384', 'sha512']
/** Larger keys make every handshake slow and are no stronger in practice. Unit: bits. */
const rsaBitsMax = 4_096
const rsaBitsMin = 2_048

export type RequestRules = {
  readonly profile: CertificateProfile
  readonly holder: Holder
  /** The certificate that is renewed over EST: subject and names of the request must equal its own (RFC 7030 4.2.2). */
  readonly renews?: ClientCertificate | undefined
}

/**
 * Whether a certificate may be made from this request. The gateway decides alone what a certificate says; a request that
 * asks for something else is refused instead of being answered with what its sender did not expect. Wanted are a key of
 * the profile's kinds, a signature with SHA-2 of 256 bits or more, and a subject that is empty or this user's own.
 *
 * Throws GatewayError `signing_request_refused`, whose `path` is `key`, `signature`, `subject`, `subjectAltName` or an
 * extension; `login_id_invalid` as `subjectFor` does.
 */
export function checkSigningRequest(request: SigningRequest, rules: RequestRules): void {
  checkKey(request, rules.profile.keyTypes)
  const { hash, oid } = request.signatureAlgorithm
  if (!strongHashes.includes(hash)) {
    throw refused('signature', `it must be signed with SHA-256, SHA-384 or SHA-512: current value is ${hash} (${oid})`)
  }
  checkPowers(request)
  if (rules.renews === undefined) checkNames(request, rules)
  else checkSameNames(request, rules.renews)
}

function checkKey({ publicKey, publicKeyDer }: SigningRequest, keyTypes: readonly KeyType[]): void {
  const wanted = keyTypes
    .map((keyType) => (keyType === 'RSA-2048' ? `RSA of ${rsaBitsMin} to ${rsaBitsMax} bits` : keyType))
    .join(', ')
  switch (publicKey.algorithm) {
    case 'ec':
      if (keyTypes.some((keyType) => keyType === publicKey.curve)) return
      throw refused('key', `its key must be one of ${wanted}: current value is ${publicKey.curve}`)
    case 'rsa': {
      const { bits } = publicKey
      if (!keyTypes.includes('RSA-2048') || bits < rsaBitsMin || bits > rsaBitsMax) {
        throw refused('key', `its key must be one of ${wanted}: current value is RSA of ${bits} bits`)
      }
      const fault = rsaKeyFault(publicKeyDer)
      if (fault !== undefined) throw refused('key', fault)
      return
    }
    default:
      throw refused('key', `its key must be one of ${wanted}: current value is ${publicKey.algorithm}`)
  }
}

/** Extensions that would give the certificate powers, or that it asks for as critical and that nobody here knows. */
function checkPowers({ extensions, extensionOids }: SigningRequest): void {
  const { basicConstraints, keyUsage, extendedKeyUsage, unknownCriticalExtensions } = extensions
  if (basicConstraints?.ca === true) throw refused('basicConstraints', 'it asks to be a CA')
  if (keyUsage?.keyCertSign === true || keyUsage?.cRLSign === true) {
    throw refused('keyUsage', 'it asks to sign certificates or revocation lists')
  }
  if (extensionOids.includes(oids.nameConstraints)) throw refused('nameConstraints', 'it asks for name constraints')
  const foreign = extendedKeyUsage?.filter((purpose) => purpose !== oids.clientAuth) ?? []
  if (foreign.length > 0) {
    throw refused('extendedKeyUsage', `only client authentication can be asked for: current value is ${foreign[0]}`)
  }
  const [unknown] = unknownCriticalExtensions
  if (unknown !== undefined) throw refused(unknown, `it asks for the critical extension ${unknown}, unknown here`)
}

function checkNames(request: SigningRequest, { profile, holder }: RequestRules): void {
  if (hasUnreadableNames(request)) throw refused('subject', 'its subject holds values that are no text')
  // The login ID as CN is what clients write that do not know the rest; it counts as the user's own name.
  const own: readonly NameAttribute[] = [
    ...subjectFor(profile, holder),
    { oid: oids.commonName, value: holder.loginId },
  ]
  const foreign = request.subject.find(
    (asked) => !own.some(({ oid, value }) => oid === asked.oid && value === asked.value),
  )
  if (foreign !== undefined) {
    throw refused(
      'subject',
      `its subject must be empty or this user’s own: current value of ${foreign.oid} is ${shown(foreign.value)}`,
    )
  }
  const names = altNamesFor(profile, holder)
  const strange = request.extensions.subjectAltNames.find((asked) => !names.some((name) => sameName(name, asked)))
  if (strange !== undefined) {
    throw refused('subjectAltName', `it asks for an alternative name that is not this user’s: ${describe(strange)}`)
  }
}

function checkSameNames(request: SigningRequest, renewed: ClientCertificate): void {
  const sameSubject =
    !hasUnreadableNames(request) &&
    request.subject.length === renewed.subject.length &&
    request.subject.every(({ oid, value }, index) => {
      const other = renewed.subject[index]
      return other?.oid === oid && other.value === value
    })
  if (!sameSubject) {
    throw refused('subject', 'its subject must equal that of the certificate it renews (RFC 7030 4.2.2)')
  }
  const asked = request.extensions.subjectAltNames
  const had = renewed.subjectAltNames
  const sameNames =
    asked.length === had.length &&
    asked.every((name) => had.some((other) => sameName(name, other))) &&
    had.every((name) => asked.some((other) => sameName(name, other)))
  if (!sameNames) {
    throw refused(
      'subjectAltName',
      'its alternative names must equal those of the certificate it renews (RFC 7030 4.2.2)',
    )
  }
}

/** Values that are no character strings are left out of `subject`, so they would go unseen. */
function hasUnreadableNames({ subjectNameDer }: SigningRequest): boolean {
  return readName(subjectNameDer)
    .flat()
    .some(({ text }) => text === undefined)
}

function sameName(left: GeneralName | WritableName, right: GeneralName): boolean {
  switch (left.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return right.kind === left.kind && right.value === left.value
    case 'otherName':
      return (
        right.kind === left.kind && right.oid === left.oid && right.value === left.value && left.value !== undefined
      )
    case 'ip':
      return right.kind === left.kind && Buffer.compare(right.bytes, left.bytes) === 0
    case 'directoryName':
      return right.kind === left.kind && Buffer.compare(right.der, left.der) === 0
    case 'other':
      // What it held was not kept, so it cannot be compared.
      return false
  }
}

function describe(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return `${name.kind} ${shown(name.value)}`
    case 'otherName':
      return `otherName ${name.oid} ${shown(name.value ?? '')}`
    default:
      return name.kind
  }
}

function shown(value: string): string {
  return JSON.stringify(value.slice(0, 100))
}

function refused(path: string, reason: string): GatewayError {
  return new GatewayError('signing_request_refused', `Cannot issue a certificate from the request as ${reason}`, {
    path,
  })
}
