/**
 * The one normaliser for SNI and Host: lower case, without port, without a trailing dot. Undefined when nothing
 * that could be a host is left (CVE-2026-48928, CVE-2026-32305, CVE-2026-53622: one reading for all of them).
 */
export function normaliseHost(authority: string): string | undefined {
  const host = authority.startsWith('[') ? authority.slice(0, authority.indexOf(']') + 1) : withoutPort(authority)
  const lower = host.toLowerCase()
  const bare = lower.endsWith('.') ? lower.slice(0, -1) : lower
  return bare === '' ? undefined : bare
}

function withoutPort(authority: string): string {
  const colon = authority.indexOf(':')
  return colon < 0 ? authority : authority.slice(0, colon)
}

/**
 * Whether a request for `host` belongs on a connection made for `serverName` (RFC 9110 7.4): the host is one of the door's names,
 * and the same as the SNI if the client sent one.
 */
export function hostMatches(
  host: string | undefined,
  serverName: string | undefined,
  hostNames: ReadonlySet<string>,
): boolean {
  if (host === undefined || !hostNames.has(host)) return false
  return serverName === undefined || normaliseHost(serverName) === host
}
