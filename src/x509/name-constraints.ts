import { isIP } from 'node:net'
import type { ClientCertificate, GeneralName, NameConstraints } from './client-certificate.ts'
import { oids } from './oids.ts'
import { type DistinguishedName, type RdnAttribute, readName } from './read-name.ts'

/**
 * Which name of a certificate breaks these constraints (RFC 5280 4.2.1.10), in words for operators; undefined when all
 * hold. Looked at: the subject as a directory name, its e-mail attributes, and every alternative name. A name of a
 * kind that is constrained but cannot be compared here (otherName, registered ID, X.400, EDI party) breaks them.
 */
export function nameConstraintFault(certificate: ClientCertificate, constraints: NameConstraints): string | undefined {
  for (const name of namesOf(certificate)) {
    const permitted = constraints.permitted.filter((base) => sameKind(base, name))
    const excluded = constraints.excluded.filter((base) => sameKind(base, name))
    if (permitted.length === 0 && excluded.length === 0) continue
    if (name.kind === 'otherName' || name.kind === 'other') return `${name.kind} cannot be compared with a constraint`
    if (permitted.length > 0 && !permitted.some((base) => within(name, base, 'permitted'))) {
      return `${name.kind} is in no permitted subtree`
    }
    if (excluded.some((base) => within(name, base, 'excluded'))) return `${name.kind} is in an excluded subtree`
  }
  return undefined
}

function namesOf(certificate: ClientCertificate): GeneralName[] {
  const names: GeneralName[] = [...certificate.subjectAltNames]
  // An empty subject is SEQUENCE of nothing: two bytes. Only a non-empty one is constrained.
  if (certificate.subjectNameDer.length > 2) names.push({ kind: 'directoryName', der: certificate.subjectNameDer })
  for (const { oid, value } of certificate.subject) if (oid === oids.emailAddress) names.push({ kind: 'email', value })
  return names
}

function sameKind(left: GeneralName, right: GeneralName): boolean {
  if (left.kind === 'other' && right.kind === 'other') return left.tag === right.tag
  if (left.kind === 'otherName' && right.kind === 'otherName') return left.oid === right.oid
  return left.kind === right.kind
}

/** Where a comparison is uncertain it answers so that the certificate is refused: `use` says which answer that is. */
type Use = 'permitted' | 'excluded'

function within(name: GeneralName, base: GeneralName, use: Use): boolean {
  if (name.kind === 'dns' && base.kind === 'dns') return dnsWithin(name.value, base.value, use)
  if (name.kind === 'email' && base.kind === 'email') return emailWithin(name.value, base.value, use)
  if (name.kind === 'uri' && base.kind === 'uri') return uriWithin(name.value, base.value, use)
  if (name.kind === 'ip' && base.kind === 'ip') return addressWithin(name.bytes, base.bytes)
  if (name.kind === 'directoryName' && base.kind === 'directoryName') {
    return directoryNameWithin(readName(name.der), readName(base.der))
  }
  return use === 'excluded'
}

const hostPattern = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/

function hostOf(text: string): string {
  return text.toLowerCase().replace(/\.$/, '')
}

/** `example.jp` holds itself and everything below; `.example.jp` only what is below; an empty base holds every name. */
function dnsWithin(value: string, base: string, use: Use): boolean {
  const host = hostOf(value)
  const subtree = hostOf(base)
  if (!hostPattern.test(host.replace(/^\*\./, ''))) return use === 'excluded'
  if (subtree === '') return true
  if (subtree.startsWith('.')) return host.endsWith(subtree) && host.length > subtree.length
  if (host === subtree || host.endsWith(`.${subtree}`)) return true
  // A wildcard reaches every name one label below its parent, also one that is excluded by itself.
  return use === 'excluded' && host.startsWith('*.') && subtree.slice(subtree.indexOf('.')) === host.slice(1)
}

/** A base is a mailbox (`a@example.jp`), a host (`example.jp`) or everything below one (`.example.jp`). */
function emailWithin(value: string, base: string, use: Use): boolean {
  const at = value.lastIndexOf('@')
  const host = hostOf(value.slice(at + 1))
  if (at < 1 || !hostPattern.test(host)) return use === 'excluded'
  const baseAt = base.lastIndexOf('@')
  const subtree = hostOf(base.slice(baseAt + 1))
  if (subtree === '') return true
  if (subtree.startsWith('.')) return host.endsWith(subtree) && host.length > subtree.length
  if (host !== subtree) return false
  if (baseAt < 0) return true
  const local = value.slice(0, at)
  const baseLocal = base.slice(0, baseAt)
  // Local parts are case-sensitive, yet hardly any mail system keeps two that differ in case.
  return use === 'permitted' ? local === baseLocal : local.toLowerCase() === baseLocal.toLowerCase()
}

/** The host of a URI with an authority: `example.jp` holds that host only, `.example.jp` only hosts below it. */
function uriWithin(value: string, base: string, use: Use): boolean {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@\\]*@)?([^/?#@:[\]\\]+)(?::\d*)?(?:[/?#]|$)/i.exec(value)?.[1]
  const host = hostOf(authority ?? '')
  // RFC 5280: a URI without an authority, or with one that is not a domain name, must be refused under a constraint.
  if (!hostPattern.test(host) || isIP(host) !== 0) return use === 'excluded'
  const subtree = hostOf(base)
  if (subtree === '') return true
  return subtree.startsWith('.') ? host.endsWith(subtree) && host.length > subtree.length : host === subtree
}

/** `base` is address and mask; another family is outside. */
function addressWithin(address: Uint8Array, base: Uint8Array): boolean {
  if (base.length !== address.length * 2) return false
  return address.every((octet, index) => {
    const mask = base[address.length + index] as number
    return (octet & mask) === ((base[index] as number) & mask)
  })
}

/** Whether the relative names of `base` are the first ones of `name` (RFC 5280 7.1). */
function directoryNameWithin(name: DistinguishedName, base: DistinguishedName): boolean {
  if (base.length > name.length) return false
  return base.every((rdn, index) => sameRdn(rdn, name[index] ?? []))
}

function sameRdn(left: readonly RdnAttribute[], right: readonly RdnAttribute[]): boolean {
  if (left.length !== right.length) return false
  return left.every((attribute) => right.some((other) => sameAttribute(attribute, other)))
}

function sameAttribute(left: RdnAttribute, right: RdnAttribute): boolean {
  if (left.oid !== right.oid) return false
  if (left.text === undefined || right.text === undefined) return Buffer.compare(left.valueDer, right.valueDer) === 0
  return comparable(left.text) === comparable(right.text)
}

/** Case, width and runs of white space do not count (RFC 4518, in what it does to names in use). */
function comparable(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
}
