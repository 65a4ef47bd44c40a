import type { ConfigFile } from './config-file.ts'
import type { GatewayConfig, PublicationConfig } from './gateway-config.ts'
import type { ProblemList } from './problem-list.ts'

type Sections = Partial<Pick<ConfigFile, 'publication' | 'issuing' | 'portal' | 'routes'>>

/** What is published stands below these on the public door. */
const ownPrefixes: readonly string[] = ['/pki', '/ocsp']

/**
 * What the issuing CA publishes; undefined: nothing. Notes a section without a CA that signs here, or without a door to publish on, a
 * listener with nothing to say, and routes of the public door that would stand in the way.
 */
export function readPublication(
  { publication: written, issuing, portal, routes }: Sections,
  doors: GatewayConfig['doors'] | undefined,
  problems: ProblemList,
): PublicationConfig | undefined {
  if (written === undefined) {
    if (doors?.publication !== undefined) {
      problems.add(['doors', 'publication'], {
        expected: 'a section that is left out',
        reason: 'there is no section publication',
      })
    }
    return undefined
  }
  const path = ['publication']
  if (issuing === undefined || issuing.signer.kind === 'est') {
    const reason = issuing === undefined ? 'there is no section issuing' : 'another CA signs, and answers for itself'
    problems.add(path, { expected: 'a section that is left out', reason })
  }
  if (doors !== undefined && doors.public === undefined && doors.publication === undefined) {
    const reason = 'there is neither a public door nor doors.publication'
    problems.add(path, { expected: 'a section that is left out', reason })
  }
  for (const [index, route] of (routes ?? []).entries()) {
    const isPublic = route.doors === undefined || route.doors.includes(doors?.public?.name ?? '')
    if (isPublic && ownPrefixes.includes(route.pathPrefix.toLowerCase())) {
      problems.add(['routes', index, 'pathPrefix'], {
        expected: `another prefix than ${ownPrefixes.join(' and ')}, or a route that is not on the public door`,
        reason: 'CRL and OCSP are published there',
      })
    }
  }
  return { ...written, baseUrl: written.baseUrl ?? baseUrlOf(doors?.public, portal?.publicAuthority) }
}

/** Undefined: the port is not known before the door is opened, and is not said to anybody. */
function baseUrlOf(door: GatewayConfig['doors']['public'], publicAuthority: string | undefined): string | undefined {
  if (publicAuthority !== undefined) return `https://${publicAuthority}`
  const [hostName = 'localhost'] = door?.hostNames ?? []
  const port = door?.listen[0]?.port ?? 0
  if (port === 0) return undefined
  return port === 443 ? `https://${hostName}` : `https://${hostName}:${port}`
}
