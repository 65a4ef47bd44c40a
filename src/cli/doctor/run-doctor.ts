import { statSync } from 'node:fs'
import { systemClock } from '../../base/clock.ts'
import type { AdminClient } from '../admin-client.ts'
import type { CommandContext } from '../command-context.ts'
import { certificateChecks, doorChecks } from './certificate-checks.ts'
import { configChecks } from './config-checks.ts'
import type { Examined, GatewayUser } from './examined.ts'
import { fileChecks } from './file-checks.ts'
import { gatewayChecks } from './gateway-checks.ts'
import { issuingChecks } from './issuing-checks.ts'
import { type Machine, thisMachine } from './machine.ts'
import { machineChecks } from './machine-checks.ts'
import { mailChecks } from './mail-checks.ts'
import { portChecks } from './port-checks.ts'
import { programChecks } from './program-checks.ts'
import { readConfiguration } from './read-configuration.ts'
import { type GroupFindings, runChecks } from './run-checks.ts'
import { sourceChecks } from './source-checks.ts'
import { stateChecks } from './state-checks.ts'
import { findHolder } from './state-holder.ts'
import { storeChecks } from './store-checks.ts'
import { upstreamChecks } from './upstream-checks.ts'

export type DoctorOptions = {
  /** Configuration file; undefined: the usual one, or the demo's. */
  readonly file: string | undefined
  /** Of each check. Unit: milliseconds. */
  readonly timeoutMs: number
  readonly context: CommandContext
  /** Opens the admin door of the running gateway; throws without an operator's certificate. */
  readonly open: () => AdminClient
  /** Default: this one. */
  readonly machine?: Machine
}

/** Its state folder belongs to it; before the first start nobody knows who it will be. */
function gatewayUser(stateFolder: string | undefined, machine: Machine): GatewayUser {
  const info = stateFolder === undefined ? undefined : statSync(stateFolder, { throwIfNoEntry: false })
  return info && { userId: info.uid, isThisOne: info.uid === machine.userId() }
}

/**
 * Looks at everything that a gateway with this configuration needs. Where the configuration is refused, at what can be looked at without
 * it. Changes nothing, and throws CommandError only where there is no configuration at all.
 */
export async function runDoctor(options: DoctorOptions): Promise<readonly GroupFindings[]> {
  const { context, timeoutMs, machine = thisMachine } = options
  const reading = readConfiguration(options.file, context)
  const nowMs = systemClock.nowMs()
  const checks = [
    ...programChecks(),
    ...configChecks(reading),
    ...fileChecks(reading.files, gatewayUser(reading.config?.stateFolder, machine)),
    ...certificateChecks(reading.files, nowMs),
  ]
  const { config } = reading
  if (config === undefined) return await runChecks(checks, { timeoutMs })
  const holder = findHolder(config.stateFolder, machine)
  const examined: Examined = { config, machine, env: context.env, nowMs, timeoutMs, holder }
  const further = [
    ...doorChecks(config),
    ...issuingChecks(examined),
    ...stateChecks(examined),
    ...machineChecks(examined),
    ...portChecks(examined),
    ...storeChecks(examined),
    ...upstreamChecks(examined),
    ...sourceChecks(examined),
    ...mailChecks(examined),
    ...gatewayChecks(examined, options.open),
  ]
  return await runChecks([...checks, ...further], { timeoutMs })
}
