import type { ConfigFile } from './config-file.ts'
import type { GatewayConfig, PortalConfig } from './gateway-config.ts'
import { normaliseAuthority } from './host-name.ts'
import type { FieldPath, ProblemList } from './problem-list.ts'

type PortalContext = {
  readonly doors: GatewayConfig['doors']
  readonly directory: ConfigFile['directory'] | undefined
  readonly problems: ProblemList
}

/**
 * The gateway's own pages; undefined where they are switched off, or where the public door or the directory is missing without which
 * there can be none. Notes authorities that are none or lead to no door.
 */
export function readPortal(written: ConfigFile['portal'], context: PortalContext): PortalConfig | undefined {
  const { enabled, publicAuthority, certificateAuthority, ...rest } = written
  const { doors, directory, problems } = context
  const at = ['portal']
  const read = {
    publicAuthority: readAuthority(publicAuthority, [...at, 'publicAuthority'], {
      hostNames: doors.public?.hostNames ?? [],
      problems,
    }),
    certificateAuthority: readAuthority(certificateAuthority, [...at, 'certificateAuthority'], {
      hostNames: doors.certificate.flatMap(({ hostNames }) => hostNames),
      problems,
    }),
  }
  const missing = doors.public === undefined ? 'there is no public door' : 'there is no directory'
  const possible = doors.public !== undefined && directory !== 'none'
  if (!possible && problems.written([...at, 'enabled']) === true) {
    problems.add([...at, 'enabled'], { expected: 'false, or left out', reason: missing })
  }
  return enabled && possible ? { ...rest, ...read } : undefined
}

function readAuthority(
  written: string | undefined,
  path: FieldPath,
  { hostNames, problems }: { hostNames: readonly string[]; problems: ProblemList },
): string | undefined {
  if (written === undefined) return undefined
  const read = normaliseAuthority(written)
  if (read === undefined) problems.add(path, {})
  else if (!hostNames.includes(read.host)) problems.add(path, { reason: `the door does not answer to ${read.host}` })
  return read?.authority ?? written
}
