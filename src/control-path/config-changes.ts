import type { GatewayConfig } from '../config/gateway-config.ts'
import { issuerIdOf } from '../x509/certificate-key.ts'
import { readPemCertificate } from '../x509/read-pem-certificate.ts'

type Named = { readonly name: string }

const shownLengthMax = 80
const notShown = /pem|key|secret|token|password/i

/**
 * What differs between two configurations, one line a field, for people; empty when nothing does. Members of a list are told apart by
 * their names where they have one. Keys, certificates and secrets are said to have changed and never shown.
 */
export function describeChanges(before: GatewayConfig, after: GatewayConfig): string[] {
  return compare(before, after, '')
}

/** Names of the issuers whose keys are trusted no more. One that only renewed its certificate keeps its key and stays. */
export function findRemovedIssuers(before: GatewayConfig, after: GatewayConfig): string[] {
  const idOf = ({ certificatePem }: GatewayConfig['issuers'][number]) =>
    issuerIdOf(readPemCertificate(certificatePem).publicKeyDer)
  const kept = new Set(after.issuers.map(idOf))
  return before.issuers.filter((issuer) => !kept.has(idOf(issuer))).map(({ name }) => name)
}

function compare(before: unknown, after: unknown, path: string): string[] {
  if (Object.is(before, after)) return []
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(before, after, path)
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)])
    return [...names].flatMap((name) => compare(before[name], after[name], path === '' ? name : `${path}.${name}`))
  }
  return [`${path}: ${show(before, path)} -> ${show(after, path)}`]
}

function compareLists(before: readonly unknown[], after: readonly unknown[], path: string): string[] {
  if (before.every(isNamed) && after.every(isNamed)) return compareNamed(before, after, path)
  if (before.length === after.length) {
    return before.flatMap((member, index) => compare(member, after[index], `${path}[${index}]`))
  }
  return [`${path}: ${show(before, path)} -> ${show(after, path)}`]
}

function compareNamed(before: readonly Named[], after: readonly Named[], path: string): string[] {
  const old = new Map(before.map((member) => [member.name, member]))
  const names = new Set(after.map(({ name }) => name))
  const removed = before.filter(({ name }) => !names.has(name)).map(({ name }) => `${path}: ${name} removed`)
  const others = after.flatMap((member) => {
    const known = old.get(member.name)
    if (known === undefined) return [`${path}: ${member.name} added`]
    return compare(known, member, `${path}.${member.name}`)
  })
  if (removed.length + others.length > 0) return [...removed, ...others]
  return before.every(({ name }, index) => after[index]?.name === name) ? [] : [`${path}: other order`]
}

function show(value: unknown, path: string): string {
  if (value === undefined) return 'nothing'
  if (notShown.test(path.slice(path.lastIndexOf('.') + 1))) return '(not shown)'
  const holdsObjects = Array.isArray(value) ? value.some(isObject) : isObject(value)
  if (holdsObjects) return Array.isArray(value) ? `${value.length} entries` : 'other settings'
  const text = JSON.stringify(value)
  return text.length > shownLengthMax ? `${text.slice(0, shownLengthMax)}…` : text
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNamed(value: unknown): value is Named {
  return isObject(value) && typeof value.name === 'string'
}
