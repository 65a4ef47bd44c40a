import { getFips } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { bad, type Check, type Finding, ok, reasonOf } from './finding.ts'

/** What of Node the checks look at. */
export type Program = {
  /** As `process.versions.node`. */
  readonly node: string
  readonly openssl: string
  readonly fips: boolean
  /** Throws where OpenSSL does not know what is asked for. */
  createContext(options: SecureContextOptions): unknown
}

const thisProgram: Program = {
  node: process.versions.node,
  openssl: process.versions.openssl,
  fips: getFips() === 1,
  createContext: createSecureContext,
}

/** Versions that a door speaks, and what it speaks them with; a test compares them with the doors'. */
export const offeredVersions = ['TLSv1.2', 'TLSv1.3'] as const
/** Groups of the key exchange that a door offers. */
export const offeredGroups = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'] as const
/** As doors have it: a list for TLS 1.3 alone is none that OpenSSL takes. */
const suites = [
  ...['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_256_GCM_SHA384'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', '@SECLEVEL=2'],
].join(':')

/** Node, its OpenSSL, and whether that can do what doors offer. */
export function programChecks(program: Program = thisProgram): readonly Check[] {
  const check = (subject: string, run: () => readonly Finding[]): Check => ({ group: 'Program', subject, run })
  return [
    check('Node', () => [nodeFinding(program)]),
    check('OpenSSL', () => [opensslFinding(program)]),
    check('TLS versions', () => offeredVersions.map((version) => versionFinding(program, version))),
    check('TLS groups', () => offeredGroups.map((group) => groupFinding(program, group))),
  ]
}

/** The same versions as `engines` in package.json, which a test compares. */
export function isSuitable(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  if (major === 24) return minor >= 17
  return major > 26 || (major === 26 && (minor > 3 || (minor === 3 && patch >= 1)))
}

function nodeFinding({ node }: Program): Finding {
  if (isSuitable(node)) return ok('Node', node)
  return bad('Node', `${node} is not one Sekisho runs on`, 'Install Node 24.17 or later of 24, or 26.3.1 or later')
}

function opensslFinding({ openssl, fips }: Program): Finding {
  const [major = 0, minor = 0] = openssl.split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 2)) {
    return bad(
      'OpenSSL',
      `${openssl} of this Node is too old`,
      'Install Node from nodejs.org, which brings OpenSSL 3.5',
    )
  }
  // X25519 is no approved curve by itself, and the hybrid group is only where the module has been validated with it.
  const note = fips ? 'FIPS mode is on: clients get P-256 or P-384 where the module refuses X25519' : 'FIPS mode is off'
  return ok('OpenSSL', `${openssl}; ${note}`)
}

function versionFinding(program: Program, version: (typeof offeredVersions)[number]): Finding {
  try {
    program.createContext({ minVersion: version, maxVersion: version, ciphers: suites })
    return ok(version, 'available')
  } catch (error) {
    const fix = 'Take the policy away that forbids it (OPENSSL_CONF, --openssl-config), or use Node from nodejs.org'
    return bad(version, `not available: ${reasonOf(error)}`, fix)
  }
}

function groupFinding(program: Program, group: string): Finding {
  try {
    program.createContext({ ecdhCurve: group })
    return ok(`Group ${group}`, 'available')
  } catch (error) {
    const fix = 'Use Node from nodejs.org, whose OpenSSL 3.5 has it; doors do not open without every group they offer'
    return bad(`Group ${group}`, `not available: ${reasonOf(error)}`, fix)
  }
}
