import type { Command } from 'commander'
import type { GatewayOverview } from '../admin/gateway-list.ts'
import type { GatewayStatus } from '../admin/gateway-status.ts'
import { CommandError } from './command-context.ts'
import type { CommandTools } from './run-command.ts'
import { printable, textTable } from './text-table.ts'

/** `status` and `gateways`. */
export function addStatusCommands(program: Command, tools: CommandTools): void {
  program
    .command('status')
    .description(
      'state of the gateway: how old its revocation data is, how much it knows; and how far all gateways are',
    )
    .action(() => showStatus(tools))
  program
    .command('gateways')
    .description('every gateway of the store: state, version, and how far it is behind')
    .action(() => listGateways(tools))
}

async function showStatus(tools: CommandTools): Promise<void> {
  const client = tools.client()
  const status = await client.call<GatewayStatus>({ method: 'GET', path: '/v1/status' })
  let overview: GatewayOverview | undefined
  let fault = ''
  try {
    overview = await client.call<GatewayOverview>({ method: 'GET', path: '/v1/gateways' })
  } catch (error) {
    // The state of this gateway is wanted most when the store does not answer.
    if (!(error instanceof CommandError)) throw error
    fault = `Other gateways        unknown: ${printable(error.message)}\n`
  }
  const lines = describeStatus(status).map(([name, value]) => `${name.padEnd(21)} ${printable(value)}\n`)
  const gateways = overview === undefined ? fault : `\n${describeGateways(overview)}`
  tools.print({ ...status, gateways: overview?.gateways ?? null }, `${lines.join('')}${gateways}`)
}

function describeStatus(status: GatewayStatus): [string, string][] {
  const { reconcile, workers, workersConfigured, configuration, versions } = status
  const lines: [string, string][] = [
    ['State', status.state],
    ['Age of the data', status.dataAgeSeconds === null ? 'never heard' : `${status.dataAgeSeconds} s`],
    ['Store version', String(status.storeVersion)],
    ['Revocations', String(status.revocations)],
    ['Rules', String(status.rules)],
    ['Index entries', String(status.indexEntries)],
    ['Comparisons', describeReconcile(reconcile)],
    ...describeSnapshot(status.snapshot),
    ['Data workers', `${workers} of ${workersConfigured}`],
    ['Configuration', `loaded ${configuration.loadedAt}`],
    ...describeReload(configuration.lastReload),
    ['Version', `Sekisho ${versions.sekisho}, Node ${versions.node}`],
    ['Gateway', status.gatewayId],
  ]
  if (status.unrecorded !== 0) lines.push(['Unrecorded', `${status.unrecorded} (changed past the gateways)`])
  if (status.revocationsLostByStore > 0) {
    lines.push(['Lost by the store', `${status.revocationsLostByStore} (kept here, written again)`])
  }
  if (status.lastFault !== null) lines.push(['Last fault', status.lastFault])
  return lines
}

function describeReconcile(reconcile: GatewayStatus['reconcile']): string {
  const { running, runs, lastEndedSecondsAgo, missingInStore, unknownHere, unreadable } = reconcile
  const last = lastEndedSecondsAgo === null ? 'none has ended' : `the last ended ${lastEndedSecondsAgo} s ago`
  const found = `${missingInStore} missing in the store, ${unknownHere} unknown here, ${unreadable} unreadable`
  return `${runs}${running ? ', one running' : ''}; ${last}; found ${found}`
}

function describeSnapshot(snapshot: GatewayStatus['snapshot']): [string, string][] {
  if (snapshot === null) return []
  const { ageSeconds, entries, bytes, lastFault } = snapshot
  const age = ageSeconds === null ? 'none yet' : `${ageSeconds} s old, ${entries} entries, ${bytes} bytes`
  return [['Snapshot', lastFault === null ? age : `${age}; ${lastFault}`]]
}

function describeReload(reload: GatewayStatus['configuration']['lastReload']): [string, string][] {
  if (reload === null) return []
  const { result, at, cause, problems } = reload
  return [
    ['Last reload', `${result}, ${at} (${cause.replace('_', ' ')})`],
    ...problems.map((problem): [string, string] => ['', ` ${problem}`]),
  ]
}

async function listGateways(tools: CommandTools): Promise<void> {
  const overview = await tools.client().call<GatewayOverview>({ method: 'GET', path: '/v1/gateways' })
  tools.print(overview, describeGateways(overview))
}

function describeGateways({ gateways, storeVersion }: GatewayOverview): string {
  if (gateways.length === 0) return 'No gateway has said anything within the last minute.\n'
  const rows = gateways.map((gateway) => [
    `${gateway.name}${gateway.own ? ' (this one)' : ''}`,
    gateway.state,
    String(gateway.version),
    String(gateway.lagVersions),
    gateway.dataAgeSeconds === null ? '-' : `${gateway.dataAgeSeconds} s`,
    `${gateway.reportedSecondsAgo} s ago`,
    gateway.behind ? 'yes' : 'no',
    gateway.programVersion,
    gateway.gatewayId,
  ])
  const headings = ['GATEWAY', 'STATE', 'VERSION', 'LAG', 'DATA AGE', 'LAST HEARD', 'BEHIND', 'SEKISHO', 'ID']
  return `${textTable(headings, rows)}The store is at version ${storeVersion}.\n`
}
