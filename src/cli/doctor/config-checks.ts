import type { Reading } from './examined.ts'
import { bad, type Check, ok, warn } from './finding.ts'

/** Warnings of which checks of their own tell more. */
const toldElsewhere = /^The (?:key )?file of .* has mode | expires in |^No server certificate of this door covers /

/** Whether the configuration can be used: every problem, and every warning. */
export function configChecks({ source, problems, warnings, config }: Reading): readonly Check[] {
  const run = () => {
    if (problems.length > 0) {
      return problems.map((problem) => bad(source, problem, fixOf(problem, source)))
    }
    const zone = config === undefined ? '' : `; time zone ${config.timeZone}`
    const doubts = warnings.filter((warning) => !toldElsewhere.test(warning))
    return [
      ok(source, `it can be used${zone}`),
      ...doubts.map((warning) => warn(source, warning, 'Change the field that is named, or leave it if you mean it')),
    ]
  }
  return [{ group: 'Configuration', subject: source, run }]
}

function fixOf(problem: string, source: string): string {
  const unset = /the environment variable (\w+) is not set/.exec(problem)?.[1]
  if (unset === undefined) {
    return `Correct that field; config/README.md has every field and its range. Then: sekisho config check ${source}`
  }
  // A service has variables that a shell has not.
  return unset === 'CREDENTIALS_DIRECTORY'
    ? 'systemd sets it for the service alone: CREDENTIALS_DIRECTORY=/run/credentials/sekisho.service sekisho doctor … while it runs, as root'
    : `Set ${unset} for the gateway (EnvironmentFile of the systemd unit), and for this shell as well: ${unset}=… sekisho doctor …`
}
