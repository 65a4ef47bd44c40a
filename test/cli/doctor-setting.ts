// Files of a gateway that does not run, a Linux machine that says what a test wants, and the table by which checks of the doctor are tested.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { Examined } from '../../src/cli/doctor/examined.ts'
import type { Check, Finding, Level } from '../../src/cli/doctor/finding.ts'
import type { Machine } from '../../src/cli/doctor/machine.ts'
import { runChecks } from '../../src/cli/doctor/run-checks.ts'
import type { GatewayConfig } from '../../src/config/gateway-config.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { writeGatewayFiles } from '../helpers/gateway-files.ts'

export const nowMs = systemClock.nowMs()
export const dayMs = 86_400_000
export const files = writeGatewayFiles({
  upstreamPort: 1,
  ports: { certificate: 443, public: 8_442, admin: 9_443, ops: 9_464 },
})
export const folder = mkdtempSync(join(tmpdir(), 'sekisho-doctor-'))
t.teardown(() => {
  rmSync(folder, { recursive: true })
  rmSync(files.folder, { recursive: true })
})
export const { config } = loadConfig(files.file, { env: {}, clock: systemClock })
export const stateFolder = join(folder, 'state')
mkdirSync(stateFolder, { mode: 0o700 })
writeFileSync(join(stateFolder, 'lock.db'), '')

/** A Linux machine on which all is well, but for what the test says. */
export function machineOf(
  texts: Readonly<Record<string, string | undefined>> = {},
  more: Partial<Machine> = {},
): Machine {
  const usual: Record<string, string | undefined> = {
    '/proc/self/limits': 'Max open files            1024                 1048576              files     \n',
    '/proc/4711/limits': 'Max open files            1048576              1048576              files     \n',
    '/proc/sys/net/core/somaxconn': '4096\n',
    '/proc/self/status': 'Name:\tnode\nCapEff:\t0000000000000400\n',
    '/run/systemd/timesync/synchronized': '',
    ...texts,
  }
  return {
    readText: (path) => usual[path],
    addresses: () => ['127.0.0.1', '::1'],
    resolve: async () => ['127.0.0.1'],
    userId: () => statSync(stateFolder).uid,
    isAlive: () => false,
    socketHolder: () => undefined,
    ...more,
  }
}

export type Changes = Partial<Omit<Examined, 'config'>> & { readonly config?: Partial<GatewayConfig> }

export function examinedOf({ config: changes = {}, ...more }: Changes = {}): Examined {
  const base = { machine: machineOf(), env: { PATH: '/usr/bin' }, nowMs, timeoutMs: 1_000, holder: undefined }
  return { ...base, ...more, config: { ...config, stateFolder, ...changes } }
}

/** A gateway that runs. */
export const holder = { processId: 4_711, proven: true }
/** What checks find. */
export const all = async (checks: readonly Check[]) =>
  (await runChecks(checks, { timeoutMs: 5_000 })).flatMap(({ findings }) => findings)

/** A check as it should be, or as it should not be: then what is wrong and what to do. */
export type Row = {
  readonly subject: RegExp
  readonly look: () => Promise<readonly Finding[]> | readonly Finding[]
  readonly level: Level
  readonly detail: RegExp
  readonly fix?: RegExp
}

/** Each row has its finding, and whatever is not well says what to do. */
export async function checkRows(t: Test, rows: readonly Row[]): Promise<void> {
  for (const { subject, look, level, detail, fix } of rows) {
    const findings = await look()
    const name = `${subject} ${level} ${detail}`
    const found = findings.find((one) => subject.test(one.subject) && one.level === level)
    t.ok(found, `${name}: ${JSON.stringify(findings)}`)
    t.match(found?.detail, detail, name)
    if (fix !== undefined) t.match(found?.fix, fix, name)
    for (const one of findings)
      t.equal(one.fix === undefined, one.level === 'ok', 'a fix if and only if there is a trouble')
  }
}
