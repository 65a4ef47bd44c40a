import { get, type IncomingMessage } from 'node:http'
import { text as readAll } from 'node:stream/consumers'
import type { GatewayOverview } from '../../admin/gateway-list.ts'
import type { GatewayStatus } from '../../admin/gateway-status.ts'
import type { AdminClient } from '../admin-client.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf, warn } from './finding.ts'

type Subject = Pick<Examined, 'config' | 'holder' | 'timeoutMs'>

/** The gateway that runs, if one does. `open` gives its admin door, and throws where no operator certificate is at hand. */
export function gatewayChecks({ config, holder, timeoutMs }: Subject, open: () => AdminClient): readonly Check[] {
  const group = 'Running gateway'
  if (holder === undefined) {
    return [{ group, subject: 'Gateway', run: () => [ok('Gateway', 'none runs on this state folder')] }]
  }
  const [ops] = config.doors.ops?.listen ?? []
  const readiness: Check[] =
    ops === undefined || ops.port === 0
      ? []
      : [{ group, subject: 'Readiness', run: (signal) => readinessFindings(ops, signal) }]
  return [...readiness, { group, subject: 'Admin door', run: () => adminFindings(open, timeoutMs) }]
}

type Place = { readonly host: string; readonly port: number }

async function readinessFindings({ host, port }: Place, signal: AbortSignal): Promise<readonly Finding[]> {
  const name = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  const where = `http://${name.includes(':') ? `[${name}]` : name}:${port}/readyz?verbose`
  try {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    get(where, { signal, agent: false }, resolve).on('error', reject)
    const response = await promise
    const lines = (await readAll(response)).trim().split('\n')
    if (response.statusCode === 200) return [ok('Readiness', 'logins work')]
    const failed = lines.filter((line) => line.startsWith('[-]'))
    const fix = 'See sekisho status, the log of the gateway (journalctl -u sekisho), and what is bad above'
    return (failed.length === 0 ? ['not ready'] : failed).map((line) => bad('Readiness', line, fix))
  } catch (error) {
    return [bad('Readiness', `${where}: ${reasonOf(error)}`, 'See the log of the gateway (journalctl -u sekisho)')]
  }
}

async function adminFindings(open: () => AdminClient, timeoutMs: number): Promise<readonly Finding[]> {
  let client: AdminClient
  try {
    client = open()
  } catch {
    const fix = 'To have it asked: --admin URL --cert FILE --key FILE --ca FILE of an operator, in any role'
    return [warn('Admin door', 'not asked, as no operator certificate was given', fix)]
  }
  try {
    const status = await client.call<GatewayStatus>({ method: 'GET', path: '/v1/status', timeoutMs })
    const overview = await client.call<GatewayOverview>({ method: 'GET', path: '/v1/gateways', timeoutMs })
    return describeGateway(status, overview)
  } catch (error) {
    const fix = `Correct --admin (now ${client.origin}), --cert, --key and --ca, or see the log of the gateway`
    return [bad('Admin door', reasonOf(error), fix)]
  }
}

type Status = Pick<
  GatewayStatus,
  'state' | 'dataAgeSeconds' | 'lastFault' | 'workers' | 'workersConfigured' | 'configuration'
>

/** What is said of a gateway that answers, and of the others of its store. */
export function describeGateway(status: Status, { gateways }: Pick<GatewayOverview, 'gateways'>): readonly Finding[] {
  const { workers, workersConfigured, configuration } = status
  const { lastReload } = configuration
  const behind = gateways.filter((gateway) => gateway.behind)
  const names = behind.map(({ name }) => name).join(', ')
  const running = `${workers} of ${workersConfigured}`
  return [
    dataFinding(status),
    workers === workersConfigured
      ? ok('Data workers', running)
      : bad('Data workers', `${running} run`, 'See worker_ended in the audit log, and the log of the gateway'),
    lastReload?.result === 'refused'
      ? bad(
          'Reload',
          `the last one was refused: ${lastReload.problems[0]}`,
          'Correct that; the old configuration is in force',
        )
      : ok('Reload', `configuration in force since ${configuration.loadedAt}`),
    behind.length === 0
      ? ok('Gateways', `${gateways.length} known, none is behind`)
      : warn('Gateways', `behind: ${names}`, 'Look there: sekisho gateways, and the doctor on that machine'),
  ]
}

function dataFinding({ state, dataAgeSeconds, lastFault }: Status): Finding {
  const age = dataAgeSeconds === null ? 'never heard' : `${dataAgeSeconds} s old`
  const detail = `${state}, revocation data ${age}`
  if (state === 'live') return ok('Revocation data', detail)
  const fix = 'Mend the store (see Store above); beyond revocation.maxStalenessSeconds the doors refuse everybody'
  return bad('Revocation data', lastFault === null ? detail : `${detail}; ${lastFault}`, fix)
}
