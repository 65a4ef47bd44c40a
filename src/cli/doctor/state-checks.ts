import { statfsSync, statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { verifyAuditFile } from '../../observe/verify-audit.ts'
import { relativeTime } from '../relative-time.ts'
import { counted } from '../text-table.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'
import { canMake, canWrite, filesOfOthers } from './write-rights.ts'

const mebibyte = 1_048_576
/** Free space below which something is said. Unit: bytes. */
const freeBytes = { warn: 1_024 * mebibyte, bad: 100 * mebibyte }
/** Free inodes, in the same way; a file system that has no fixed number of them says 0 of 0. */
const freeInodes = { warn: 10_000, bad: 100 }
/** Part of a check's time after which what is read of the audit log is enough: too long is nothing bad. */
const auditTimePart = 0.7
/** A snapshot older than so many of its intervals has not been written when it should have. */
const snapshotIntervals = 10

type Subject = Pick<Examined, 'config' | 'machine' | 'nowMs' | 'timeoutMs' | 'holder'>

/** The state folder: whose it is, its lock, its audit log and its snapshot. */
export function stateChecks(examined: Subject): readonly Check[] {
  const { config } = examined
  const folder = config.stateFolder
  const check = (subject: string, run: Check['run']): Check => ({ group: 'State folder', subject, run })
  const audit = join(folder, config.auditLog.file)
  return [
    check(folder, () => folderFindings(examined)),
    check('Lock', () => lockFindings(examined)),
    check(audit, async (signal) => [
      await auditFinding(audit, { signal, longestMs: examined.timeoutMs * auditTimePart }),
    ]),
    ...accessLogChecks(examined),
    ...(config.store.kind === 'embedded' ? [] : [check('Snapshot', async () => [await snapshotFinding(examined)])]),
  ]
}

function folderFindings({ config, machine }: Subject): readonly Finding[] {
  const folder = config.stateFolder
  const info = statSync(folder, { throwIfNoEntry: false })
  if (info === undefined) return [absentFinding(folder)]
  const user = machine.userId()
  const findings: Finding[] = []
  const mode = (info.mode & 0o777).toString(8).padStart(4, '0')
  if ((info.mode & 0o077) !== 0) {
    findings.push(bad(folder, `others on this machine can look into it (mode ${mode})`, `chmod 700 ${folder}`))
  }
  if (user !== 0 && info.uid !== user) {
    const detail = `it belongs to user ${info.uid}, and this is user ${user}`
    findings.push(warn(folder, detail, 'Run the doctor as the user of the gateway: sudo -u sekisho sekisho doctor …'))
  } else if (!canWrite(folder)) {
    findings.push(bad(folder, 'this user may not write in it', `chown it to the user of the gateway: ${folder}`))
  } else {
    findings.push(...othersFindings(folder, info.uid))
  }
  findings.push(spaceFinding(folder))
  return findings.some(({ level }) => level === 'bad')
    ? findings
    : [ok(folder, `mode ${mode}, owner ${info.uid}`), ...findings]
}

function absentFinding(folder: string): Finding {
  if (canMake(folder)) return ok(folder, 'not there yet; the gateway makes it at its first start')
  const fix = `install -d -m 700 -o sekisho ${folder} (with the user of the gateway), or StateDirectory= in the systemd unit`
  return bad(folder, 'not there, and this user may not make it', fix)
}

/** Whoever starts a gateway as root once leaves files behind that the next one may not write. */
function othersFindings(folder: string, owner: number): readonly Finding[] {
  const names = filesOfOthers(folder, owner)
  if (names.length === 0) return []
  const shown = names.slice(0, 3).join(', ')
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return [
    bad(folder, `files in it belong to another user than the folder: ${shown}${more}`, `chown -R ${owner} ${folder}`),
  ]
}

function spaceFinding(folder: string): Finding {
  const { bavail, bsize, files, ffree } = statfsSync(folder)
  const free = bavail * bsize
  const inodes = files === 0 ? Number.POSITIVE_INFINITY : ffree
  const few = inodes < freeInodes.warn ? `, for ${inodes} files more` : ''
  const detail = `${Math.floor(free / mebibyte)} MiB free${few}`
  const fix = 'Make room, or move the folder: without space no certificate is issued and no audit record written'
  if (free < freeBytes.bad || inodes < freeInodes.bad) return bad('Space', detail, fix)
  return free < freeBytes.warn || inodes < freeInodes.warn ? warn('Space', detail, fix) : ok('Space', detail)
}

function lockFindings({ config, machine, holder }: Subject): readonly Finding[] {
  if (holder !== undefined) {
    const how = holder.proven ? '' : ' (by lock.pid: this system does not show its locks)'
    return [ok('Lock', `a gateway runs here, process ${holder.processId}${how}`)]
  }
  const noted = machine.readText(join(config.stateFolder, 'lock.pid'))?.trim()
  const left = noted === undefined ? '' : `; process ${noted} of the last run has ended, which is harmless`
  return [ok('Lock', `free, no gateway runs on this folder${left}`)]
}

class LongEnough extends Error {}

async function auditFinding(
  file: string,
  { signal, longestMs }: { readonly signal: AbortSignal; readonly longestMs: number },
): Promise<Finding> {
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return ok(file, 'no audit record has been written yet')
  try {
    const untilMs = systemClock.monotonicMs() + longestMs
    const betweenSlices = async () => {
      signal.throwIfAborted()
      if (systemClock.monotonicMs() > untilMs) throw new LongEnough()
    }
    const result = await verifyAuditFile(file, { betweenSlices })
    if (result.ok) return ok(file, `the chain holds, ${counted(result.records, 'record')} proven`)
    const fix = `Treat it as an incident: keep ${file} and its .head as they are, then sekisho audit verify ${file}`
    return bad(file, `the chain is broken: ${result.findings[0] ?? 'unknown'}`, fix)
  } catch (error) {
    // Left by then: what it says goes nowhere.
    signal.throwIfAborted()
    if (error instanceof LongEnough) {
      const size = `${Math.ceil(statSync(file).size / mebibyte)} MiB`
      return warn(file, `too long (${size}) to prove here`, `Prove it by itself: sekisho audit verify ${file}`)
    }
    return bad(file, `it cannot be read: ${reasonOf(error)}`, 'Run the doctor as the user of the gateway')
  }
}

/** Whether it can be opened, without opening it: the gateway does not start where it cannot. */
function accessLogChecks({ config, machine }: Pick<Subject, 'config' | 'machine'>): readonly Check[] {
  const { file } = config.accessLog
  if (file === undefined || file === '-') return []
  const subject = `Access log ${file}`
  const run = (): Finding => {
    const info = statSync(file, { throwIfNoEntry: false })
    const owner = statSync(config.stateFolder, { throwIfNoEntry: false })?.uid
    const isWritable =
      info === undefined ? canMake(file) && statSync(dirname(file), { throwIfNoEntry: false }) : canWrite(file)
    const fix = `install -d -m 750 -o sekisho ${dirname(file)} and chown sekisho ${file} (the user of the gateway); or ReadWritePaths= in the systemd unit`
    if (!isWritable) return bad(subject, 'this user cannot write it: the gateway does not start', fix)
    const isForeign = info !== undefined && owner !== undefined && info.uid !== owner && (info.mode & 0o022) === 0
    if (machine.userId() === 0 && isForeign)
      return bad(subject, `it belongs to user ${info.uid}, and the state folder to ${owner}`, fix)
    return ok(subject, info === undefined ? 'not there yet; it can be made' : 'it can be written')
  }
  return [{ group: 'State folder', subject, run: () => [run()] }]
}

async function snapshotFinding({ config, nowMs, holder }: Subject): Promise<Finding> {
  const folder = join(config.stateFolder, 'trust')
  const newestMs = await newestSnapshotMs(folder)
  if (newestMs === undefined) {
    if (holder === undefined) return ok('Snapshot', 'none yet; the first start needs Redis')
    const fix = `See whether ${folder} can be written, and sekisho status for its last fault`
    return warn('Snapshot', 'none yet, although a gateway runs: it could not start without Redis', fix)
  }
  const age = relativeTime(newestMs, nowMs)
  const isLate = nowMs - newestMs > snapshotIntervals * config.revocation.snapshotSeconds * 1_000
  if (holder === undefined || !isLate) return ok('Snapshot', `written ${age}`)
  return bad(
    'Snapshot',
    `written ${age}, though every ${config.revocation.snapshotSeconds} s is configured`,
    'Look at sekisho status and the space on disk',
  )
}

async function newestSnapshotMs(folder: string): Promise<number | undefined> {
  const names = await readdir(folder).catch(() => [] as string[])
  const times = await Promise.all(
    names
      .filter((name) => /^snapshot-\d+\.bin$/.test(name))
      .map(async (name) => (await stat(join(folder, name))).mtimeMs),
  )
  return times.length === 0 ? undefined : Math.max(...times)
}
