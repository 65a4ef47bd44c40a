import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig, RedisTlsConfig, StoreConfig } from './gateway-config.ts'
import { type FieldPath, isSecret, showPath } from './problem-list.ts'

/**
 * What a reload can exchange, list positions and doors left out of the path. Every other field is fixed: the store and the sockets are
 * opened once, and what is sealed or signed must stay readable for those who have it.
 */
const changeable: ReadonlySet<string> = new Set([
  'institution',
  'issuers',
  'crlFetch',
  'upstreams',
  'routes',
  'certificates',
  'issuing',
  'passwords',
  'portal',
  'notices',
  'revocation',
  'identity.renewalDueDays',
  'http',
  'logLevel',
  'limits',
  'doors.certificate.hostNames',
  'doors.certificate.serverCertificates',
  'doors.certificate.issuers',
  'doors.certificate.alternateAuthorities',
  'doors.certificate.loginId',
  'doors.certificate.resumption',
  'doors.certificate.proxyProtocol',
  'doors.public.hostNames',
  'doors.public.serverCertificates',
  'doors.public.proxyProtocol',
  'doors.public.loginRequests',
  'doors.public.insecurePassUnknownLoginIds',
  'doors.admin.serverCertificates',
  'doors.admin.operatorIssuerPems',
])

/** Parts of those that are read once all the same: by the follower of the store, by the supervisor. */
const fixedParts: ReadonlySet<string> = new Set([
  'limits.drainTimeoutMs',
  'portal.requestsAtOnceMax',
  'limits.revocationEntriesMax',
  'revocation.connectedCheckMs',
  'revocation.backdatedSeconds',
  'revocation.pollMs',
  'revocation.reconcileSeconds',
  'revocation.snapshotSeconds',
])

/**
 * Why a running gateway cannot take `next` for `old`: one text a field, "Cannot change <path> while running: current value is X;
 * restart to use Y". Empty: it can. Paths are those of `next`. No text holds a secret, a key or a certificate.
 */
export function fixedDifferences(old: GatewayConfig, next: GatewayConfig): string[] {
  const { doors: oldDoors, store: oldStore, ...oldRest } = old
  const { doors, store, ...rest } = next
  const { certificate: oldCertificate, ...oldOthers } = oldDoors
  const { certificate, ...others } = doors
  return [
    ...differencesAt([], oldRest, rest),
    ...storeDifferences(oldStore, store),
    ...differencesAt(['doors'], oldOthers, others),
    ...certificateDoorDifferences(oldCertificate, certificate),
  ]
}

/** By the names of the file, which tell what is secret. */
function storeDifferences(oldStore: StoreConfig, store: StoreConfig): string[] {
  if (oldStore.kind === 'embedded' || store.kind === 'embedded') {
    return oldStore.kind === store.kind ? [] : [describe(['store'], oldStore.kind, store.kind)]
  }
  const { tls: oldTls, kind: _oldKind, ...old } = oldStore
  const { tls, kind: _kind, ...next } = store
  const path = ['store', 'redis']
  const tlsPath = [...path, 'tls']
  if (oldTls === undefined || tls === undefined) {
    return [...differencesAt(path, old, next), ...differencesAt(tlsPath, oldTls, tls)]
  }
  return [...differencesAt(path, old, next), ...differencesAt(tlsPath, tlsParts(oldTls), tlsParts(tls))]
}

function tlsParts({ serverName, caPem, certificatePem, keyPem }: RedisTlsConfig) {
  return { serverName, ca: caPem, certificate: certificatePem, key: keyPem }
}

type CertificateDoors = GatewayConfig['doors']['certificate']

/** Doors are the same by their name, wherever they stand in the list. */
function certificateDoorDifferences(old: CertificateDoors, next: CertificateDoors): string[] {
  const path = ['doors', 'certificate']
  const namesOf = (doors: CertificateDoors) => doors.map(({ name }) => name).toSorted()
  const differences = isDeepStrictEqual(namesOf(old), namesOf(next))
    ? next.flatMap((door, index) =>
        differencesAt(
          [...path, index],
          old.find(({ name }) => name === door.name),
          door,
        ),
      )
    : [describe([...path], namesOf(old), namesOf(next))]
  const resumes = (doors: CertificateDoors) => doors.some(({ resumption }) => resumption.enabled)
  if (resumes(old) === resumes(next)) return differences
  // Whether OpenSSL makes session tickets at all is decided when the process starts (config/openssl*.cnf).
  const changed = next.findIndex((door) => door.resumption.enabled !== resumes(old))
  return [
    ...differences,
    describe([...path, Math.max(changed, 0), 'resumption', 'enabled'], resumes(old), resumes(next)),
  ]
}

function differencesAt(path: FieldPath, old: unknown, next: unknown): string[] {
  if (isDeepStrictEqual(old, next)) return []
  const place = path.filter((step) => typeof step === 'string').join('.')
  if (changeable.has(place)) return fixedPartDifferences(path, old, next)
  if (!isGroup(old) || !isGroup(next)) return [describe(path, old, next)]
  const names = new Set([...Object.keys(old), ...Object.keys(next)])
  return [...names].flatMap((name) => differencesAt([...path, name], old[name], next[name]))
}

function fixedPartDifferences(path: FieldPath, old: unknown, next: unknown): string[] {
  if (!isGroup(old) || !isGroup(next)) return []
  return Object.keys(next)
    .filter((name) => fixedParts.has([...path, name].join('.')) && !isDeepStrictEqual(old[name], next[name]))
    .map((name) => describe([...path, name], old[name], next[name]))
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe(path: FieldPath, old: unknown, next: unknown): string {
  return `Cannot change ${showPath(path)} while running: current value is ${show(path, old)}; restart to use ${show(path, next)}`
}

/** Groups are not written out, nor what files hold: a door has private keys. Fixed lists hold names and addresses only. */
function show(path: FieldPath, value: unknown): string {
  if (value === undefined) return 'nothing (the field is missing)'
  if (isSecret(path)) return 'a secret (not shown)'
  if (isGroup(value)) return 'a group of fields'
  if (typeof value === 'string' && value.includes('-----BEGIN')) return 'the content of a file (not shown)'
  const text = JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
