import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nextMessage, startClient } from '../client-process.ts'
import type { GatewayName, RunningGateway } from '../gateways/gateway.ts'
import { gatewayStarters } from '../gateways/start.ts'
import { readMemory, readSettledMemory } from '../memory.ts'
import type { BenchOptions } from '../options.ts'
import { processTree } from '../own-processes.ts'
import { gatewayLabels, type Row, type Section } from '../report.ts'
import { type Bench, measureRequests, type RequestKind, warmRequests } from '../rounds.ts'
import { type Ground, rotate, siteOf } from '../session.ts'
import type { Round } from '../statistics.ts'
import { mebibytePath, uploadPath } from '../upstream.ts'

const mebibyte = 2 ** 20
const connections = 4
const lookEveryMs = 100
const transferTimeoutMs = 300_000

/** nginx takes part twice: passing bodies on as they come, as the others do, and as it does unless told otherwise. */
const labels = { ...gatewayLabels, nginx: 'nginx, buffering off', nginxBuffering: 'nginx, buffering on' }
type Name = keyof typeof labels

const rows: readonly Row[] = [
  { quantity: 'download', title: '1 MiB downloads per CPU second (MB)', digits: 0, divisor: 1e6 },
  { quantity: 'upload', title: '1 MiB uploads per CPU second (MB)', digits: 0, divisor: 1e6 },
  { quantity: 'memoryBefore', title: 'memory before the long transfers (MB)', digits: 1, divisor: 1e6, ratio: false },
  {
    quantity: 'downGrowth',
    title: 'most memory added during the long download (MB)',
    digits: 1,
    divisor: 1e6,
    ratio: false,
  },
  {
    quantity: 'upGrowth',
    title: 'most memory added during the long upload (MB)',
    digits: 1,
    divisor: 1e6,
    ratio: false,
  },
  { quantity: 'memoryAfter', title: 'memory after both (MB)', digits: 1, divisor: 1e6, ratio: false },
]

type Entrant = {
  readonly name: Name
  readonly gateway: RunningGateway
  readonly requestsPerSecond: { readonly download: number; readonly upload: number }
}

/** Bytes of 1 MiB bodies per CPU second, and memory during one long transfer each way in the first round; HTTP/1.1. */
export async function measureBulk(ground: Ground, options: BenchOptions): Promise<Section> {
  const bench: Bench = { load: ground.load, upstream: ground.upstream, turnMs: options.turnMs }
  const bodyFile = join(ground.folder, 'mebibyte')
  await writeFile(bodyFile, '')
  await truncate(bodyFile, mebibyte)
  const kinds = {
    download: { connections, path: mebibytePath },
    upload: { connections, path: uploadPath(mebibyte), bodyFile },
  }
  const entrants: Entrant[] = []
  for (const name of namesOf(options.gateways)) {
    ground.tell(`bulk: starting and warming ${labels[name]}`)
    const gateway = await start(name, ground)
    const rateOf = async (kind: RequestKind) => (await warmRequests(gateway.port, { bench, kind })).requestsPerSecond
    const requestsPerSecond = { download: await rateOf(kinds.download), upload: await rateOf(kinds.upload) }
    entrants.push({ name, gateway, requestsPerSecond })
  }
  const rounds: Round[] = []
  for (let index = 0; index < options.rounds; index++) {
    ground.tell(`bulk: round ${index + 1} of ${options.rounds}`)
    const round: Round = {}
    for (const quantity of ['download', 'upload'] as const) {
      for (const { name, gateway, requestsPerSecond } of rotate(entrants, index)) {
        const contestant = { gateway, requestsPerSecond: requestsPerSecond[quantity] }
        const { request } = await measureRequests(contestant, { bench, kind: kinds[quantity] })
        round[name] = { ...round[name], [quantity]: (mebibyte * 1e6) / request }
      }
    }
    rounds.push(round)
  }
  await Promise.all(entrants.map(({ gateway }) => gateway.end()))
  await addLongTransfers(rounds[0] ?? {}, { ground, names: entrants.map(({ name }) => name), options })
  return { title: 'Bulk', base: 'sekisho', labels, rows, rounds }
}

function namesOf(gateways: readonly GatewayName[]): readonly Name[] {
  return gateways.flatMap((name): Name[] => {
    if (name === 'httpProxy') return []
    return name === 'nginx' ? ['nginx', 'nginxBuffering'] : [name]
  })
}

function start(name: Name, ground: Ground): Promise<RunningGateway> {
  if (name === 'nginxBuffering') return gatewayStarters.nginx(siteOf(ground, { buffering: true }))
  return gatewayStarters[name](siteOf(ground, { buffering: false }))
}

/** Memory needs processes of their own: what the many transfers before have left would hide what one needs. */
async function addLongTransfers(
  round: Round,
  run: { ground: Ground; names: readonly Name[]; options: BenchOptions },
): Promise<void> {
  const { ground, options } = run
  const bytes = options.transferMib * mebibyte
  for (const name of run.names) {
    ground.tell(`bulk: ${options.transferMib} MiB each way through ${labels[name]}`)
    const gateway = await start(name, ground)
    await ground.load({ port: gateway.port, requests: 200, keepAlive: true, connections, path: mebibytePath })
    const pids = processTree(gateway.pid)
    const memoryBefore = await readSettledMemory(pids)
    const downGrowth = (await transfer(gateway, { ground, bytes, direction: 'down' })) - memoryBefore
    const upGrowth = (await transfer(gateway, { ground, bytes, direction: 'up' })) - memoryBefore
    const memoryAfter = await readSettledMemory(pids)
    await gateway.end()
    round[name] = { ...round[name], memoryBefore, downGrowth, upGrowth, memoryAfter }
  }
}

/** The most memory the gateway was seen to have during the transfer. Unit: bytes. */
async function transfer(
  gateway: RunningGateway,
  job: { ground: Ground; bytes: number; direction: 'down' | 'up' },
): Promise<number> {
  const { ground, bytes, direction } = job
  const { rootFile, clientFile } = ground.pki
  const settings = { port: gateway.port, direction, bytes, rootFile, clientFile }
  const pids = processTree(gateway.pid)
  const client = startClient('transfer-client.ts', { ...ground, cores: ground.cores.load, settings })
  let most = readMemory(pids)
  const look = () => {
    most = Math.max(most, readMemory(pids))
  }
  const timer = setInterval(look, lookEveryMs)
  try {
    await nextMessage(client, { what: `move ${bytes} bytes ${direction}`, timeoutMs: transferTimeoutMs })
    look()
    return most
  } finally {
    clearInterval(timer)
    await ground.processes.end(client)
  }
}
