import type { GatewayConfig } from '../../config/gateway-config.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, warn } from './finding.ts'

/** Beside connections: files, workers, the store. */
const spareFiles = 256
/** As doors ask for it, which the kernel cuts down to its own limit. */
const backlogWanted = 4_096

type Subject = Pick<Examined, 'config' | 'machine' | 'holder'>

/** Limits of the system that a gateway runs into, and its clock. */
export function machineChecks(examined: Subject): readonly Check[] {
  const check = (subject: string, run: () => Finding): Check => ({ group: 'Machine', subject, run: () => [run()] })
  return [
    check('Open files', () => filesFinding(examined)),
    check('net.core.somaxconn', () => backlogFinding(examined)),
    check('Clock', () => clockFinding(examined)),
  ]
}

/** How many files the whole gateway may have open when every limit of its configuration is reached. */
export function filesWanted({ doors, limits, upstreams }: GatewayConfig): number {
  const count = doors.certificate.length + (doors.public === undefined ? 0 : 1)
  return count * limits.connectionsMax + upstreams.reduce((sum, one) => sum + one.connectionsMax, 0) + spareFiles
}

function filesFinding({ config, machine, holder }: Subject): Finding {
  const process = holder?.processId ?? 'self'
  const text = machine.readText(`/proc/${process}/limits`)
  // Node raises the soft limit to the hard one when it starts.
  const [, written] = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(text ?? '') ?? []
  const whose = holder === undefined ? 'this shell' : 'the gateway'
  const wanted = filesWanted(config)
  const fix = `Set LimitNOFILE=${wanted} in the systemd unit (ulimit -Hn ${wanted} in a shell), or lower limits.connectionsMax`
  if (written === undefined) return warn('Open files', 'the limit is unknown: /proc does not tell', fix)
  const limit = written === 'unlimited' ? Number.POSITIVE_INFINITY : Number(written)
  const detail = `${written} for ${whose}; the configured limits add up to ${wanted}`
  if (limit < config.limits.connectionsMax) return bad('Open files', detail, fix)
  return limit < wanted ? warn('Open files', detail, fix) : ok('Open files', detail)
}

function backlogFinding({ machine }: Subject): Finding {
  const subject = 'net.core.somaxconn'
  const value = Number(machine.readText('/proc/sys/net/core/somaxconn') ?? Number.NaN)
  const fix = `sysctl -w net.core.somaxconn=${backlogWanted}, and the same line in /etc/sysctl.d/`
  if (Number.isNaN(value)) return warn(subject, 'unknown: /proc does not tell', fix)
  if (value < 128) return bad(subject, `${value}: a few clients at once are turned away`, fix)
  if (value < backlogWanted) return warn(subject, `${value}: clients wait when thousands come at once`, fix)
  return ok(subject, String(value))
}

function clockFinding({ machine }: Subject): Finding {
  const fix = 'Run systemd-timesyncd or chrony; timedatectl says whether the clock is synchronised'
  if (machine.readText('/run/systemd/timesync/synchronized') !== undefined)
    return ok('Clock', 'synchronised by systemd-timesyncd')
  const isChrony = machine.readText('/run/chrony/chronyd.pid') !== undefined
  if (isChrony) return ok('Clock', 'chrony runs; whether it is synchronised only chronyc tracking tells')
  return warn('Clock', 'this system does not say whether it is synchronised', fix)
}
