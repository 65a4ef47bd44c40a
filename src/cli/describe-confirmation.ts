import type { Confirmed } from '../admin/wait-for-gateways.ts'
import { exitCodes } from './command-context.ts'
import type { CommandTools } from './run-command.ts'
import { counted, textTable } from './text-table.ts'

/** What to wait for, as an option of a command gives it. */
export type WaitOptions = { readonly wait?: boolean; readonly waitSeconds?: number }

/** How long the door is given to answer beside the time it waits. Unit: milliseconds. */
const answerMs = 60_000
const secondsDefault = 30

/** The fields of a request that wait, and how long its answer may take. */
export function waitFields({ wait = false, waitSeconds = secondsDefault }: WaitOptions) {
  return { fields: wait ? { wait, waitSeconds } : {}, timeoutMs: answerMs + (wait ? waitSeconds * 1_000 : 0) }
}

/** Which gateways have confirmed; the command ends with 1 where some have not. Empty where nobody was waited for. */
export function describeConfirmation({ confirmation }: Confirmed, tools: Pick<CommandTools, 'setExitCode'>): string {
  if (confirmation === undefined) return ''
  const { complete, waitedMs, gateways, problem } = confirmation
  const seconds = `${(waitedMs / 1_000).toFixed(1)} s`
  if (complete) return `Confirmed by ${counted(gateways.length, 'gateway')}, all there are, after ${seconds}.\n`
  tools.setExitCode(exitCodes.failed)
  const stands = 'The revocation stands, and is applied there when they come back.'
  const missing = gateways.filter(({ confirmed }) => !confirmed)
  if (missing.length === 0)
    return `Nobody could be asked which gateways have it: ${problem ?? 'none has said anything'}.\n${stands}\n`
  const rows = missing.map(({ name, gatewayId, state, version, reportedAgoMs }) => [
    name,
    gatewayId,
    state,
    String(version),
    `${(reportedAgoMs / 1_000).toFixed(1)} s ago`,
  ])
  const table = textTable(['NOT CONFIRMED BY', 'ID', 'STATE', 'VERSION', 'LAST HEARD'], rows)
  return `${table}Not confirmed within ${seconds} by ${missing.length} of ${counted(gateways.length, 'gateway')}.\n${stands}\n`
}
