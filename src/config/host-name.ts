import { isIP } from 'node:net'

/**
 * A host name or IP address in the one spelling used for comparing: lower case, no trailing dot, no brackets, IPv6
 * shortened (RFC 5952). Undefined for what is neither, such as a name with a port, a wildcard or non-ASCII letters.
 */
export function normaliseHost(written: string): string | undefined {
  const bare = written.startsWith('[') && written.endsWith(']') ? written.slice(1, -1) : written
  if (isIP(bare) === 6) return bare.includes('%') ? undefined : new URL(`http://[${bare}]`).hostname.slice(1, -1)
  if (isIP(bare) === 4) return bare
  const name = bare.toLowerCase().replace(/\.$/, '')
  const isName =
    name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/.test(name)
  // A name of digits only in its last label would be read as an IPv4 address by browsers.
  return isName && bare === written && !/(^|\.)\d+$/.test(name) ? name : undefined
}

/** A normalised host as it stands in a Host field: an IPv6 address in brackets (RFC 9110 7.2, RFC 3986 3.2.2). */
export function hostField(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}

/** `host:port` and its host, both as in a Host field; undefined for anything else. */
export function normaliseAuthority(written: string): { host: string; authority: string } | undefined {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^[\]:]+):([1-9]\d{0,4})$/.exec(written)
  const host = normaliseHost(match?.[1] ?? '')
  const port = Number(match?.[2])
  if (host === undefined || port > 65_535) return undefined
  const inField = hostField(host)
  return { host: inField, authority: `${inField}:${port}` }
}

/** Whether only this machine can reach an address, as far as its text tells. */
export function isLoopback(host: string): boolean {
  const address = normaliseHost(host)
  return (
    address === '::1' ||
    address === 'localhost' ||
    (address !== undefined && /^127\./.test(address) && isIP(address) === 4)
  )
}
