import { setTimeout as pause } from 'node:timers/promises'
import { nextMessage, startClient } from '../client-process.ts'
import { startCpuCount } from '../cpu.ts'
import type { IssueReport } from '../life-issue-client.ts'
import { orderByCode } from '../life-orders.ts'
import type { LoginCount, LoginSettings } from '../login-client.ts'
import type { Row } from '../report.ts'
import { type Bench, fill, warmRequests } from '../rounds.ts'
import { rotate } from '../session.ts'
import { percentile, type Round, spread } from '../statistics.ts'
import {
  type LifeGateway,
  type LifeGround,
  ordersOfTurn,
  type PartResult,
  storeKinds,
  storeLabels,
} from './life-ground.ts'
import { portsOf } from './life-issue.ts'

const addedMostMs = 5
/** Fewest requests of a load run: each of the 64 connections serves a good number after its handshake. */
const requestsMin = 1_280
/** The client keeps sixteen connections a port it is given. */
const keptSixteens = 4
const clientTimeoutMs = 60_000

const row = (quantity: string, title: string, digits: number): Row => ({
  quantity,
  title,
  digits,
  divisor: 1,
  ratio: false,
})
const rows: readonly Row[] = [
  row('p99Without', 'p99 of the data path without issues (ms)', 2),
  row('p99Beside', 'p99 of the data path beside issues (ms)', 2),
  row('added', 'difference in the same round (ms)', 2),
  row('issues', 'certificates issued a second meanwhile', 1),
  row('cpu', 'CPU of the gateway per certificate (ms)', 2),
  row('issueP50', 'p50 of these issues (ms)', 1),
  row('issueP99', 'p99 of these issues (ms)', 1),
  row('fullWithout', 'CPU saturated: p99 without issues (ms)', 2),
  row('fullBeside', 'CPU saturated: p99 beside issues (ms)', 2),
  row('fullAdded', 'CPU saturated: difference in the same round (ms)', 2),
  row('fullRateWithout', 'CPU saturated: requests a second without issues', 0),
  row('fullRateBeside', 'CPU saturated: requests a second beside issues', 0),
  row('fullIssues', 'CPU saturated: certificates issued a second', 1),
]

/** `saturating`: requests of a run in which clients send as fast as they are answered. */
type Entrant = { readonly gateway: LifeGateway; readonly saturating: number }
type Figures = Record<string, number>

/**
 * p99 of 64 keep-alive clients without and then beside certificates being issued by the same gateway at a steady rate, all on one CPU: once
 * with requests at a steady rate too, for which the bar is, and once with clients that leave no CPU unused. What comes first changes with
 * each round.
 */
export async function measureLoad(life: LifeGround): Promise<PartResult> {
  const { ground, options } = life
  const bench: Bench = { load: ground.load, upstream: ground.upstream, turnMs: options.turnMs }
  const entrants: Entrant[] = []
  for (const kind of storeKinds) {
    const gateway = await life.gateway(kind)
    const { requestsPerSecond } = await warmRequests(gateway.port, { bench, kind: {} })
    entrants.push({ gateway, saturating: fill(requestsPerSecond, { turnMs: options.turnMs, min: requestsMin }) })
  }
  const rounds: Round[] = []
  for (let index = 0; index < options.rounds; index++) {
    const round: Round = {}
    for (const entrant of rotate(entrants, index)) {
      life.tell(`load: round ${index + 1} of ${options.rounds}, ${storeLabels[entrant.gateway.kind]}`)
      round[entrant.gateway.kind] = await measureOnce(life, entrant, index % 2 === 1)
    }
    rounds.push(round)
  }
  const { rate, requests } = options
  const bars = storeKinds.map((kind) => ({
    quantity: `added-${kind}`,
    title: `what ${rate} issues a second add to the data path's p99, ${storeLabels[kind]} (ms)`,
    value: spread(rounds.map((round) => round[kind]?.added ?? Number.NaN)).median,
    most: addedMostMs,
    digits: 2,
  }))
  const title = `${requests} requests a second beside ${rate} issues a second, on one CPU`
  return { section: { title, base: 'embedded', labels: storeLabels, rows, rounds }, bars }
}

async function measureOnce(life: LifeGround, entrant: Entrant, besideFirst: boolean): Promise<Figures> {
  const { gateway, saturating } = entrant
  const steady = await steadyLoad(life, gateway, (run) => inOrder(life, gateway, { run, besideFirst }))
  const full = await inOrder(life, gateway, {
    run: () => life.ground.load({ port: gateway.port, requests: saturating, keepAlive: true }),
    besideFirst,
  })
  const cpuMs = (steady.beside.cpuNs - steady.without.cpuNs) / 1e6
  return {
    p99Without: percentile(steady.without.requestMs, 99),
    p99Beside: percentile(steady.beside.requestMs, 99),
    added: percentile(steady.beside.requestMs, 99) - percentile(steady.without.requestMs, 99),
    issues: steady.issued.issueMs.length / steady.issued.seconds,
    cpu: cpuMs / steady.issued.issueMs.length,
    issueP50: percentile(steady.issued.issueMs, 50),
    issueP99: percentile(steady.issued.issueMs, 99),
    fullWithout: full.without.p99Ms,
    fullBeside: full.beside.p99Ms,
    fullAdded: full.beside.p99Ms - full.without.p99Ms,
    fullRateWithout: full.without.requestsPerSecond,
    fullRateBeside: full.beside.requestsPerSecond,
    fullIssues: full.issued.issueMs.length / full.issued.seconds,
  }
}

type Pair<Run> = { readonly without: Run; readonly beside: Run; readonly issued: IssueReport }

/** A run of load without issues, and one beside them. */
async function inOrder<Run>(
  life: LifeGround,
  gateway: LifeGateway,
  { run, besideFirst }: { run: () => Promise<Run>; besideFirst: boolean },
): Promise<Pair<Run>> {
  const runBeside = async () => {
    const orders = await orderByCode(gateway.takeLoginIds(ordersOfTurn(life.options)), portsOf(gateway))
    const { meanwhile, ...issued } = await life.issue(gateway, {
      orders,
      perSecond: life.options.rate,
      meanwhile: run,
    })
    if (meanwhile === undefined) throw new Error('Cannot find the load that ran beside issues')
    return { beside: meanwhile, issued }
  }
  const first = besideFirst ? await runBeside() : undefined
  const without = await run()
  return { without, ...(first ?? (await runBeside())) }
}

type SteadyRun = { readonly requestMs: readonly number[]; readonly cpuNs: number }

/** Lets `work` run turns of requests at a steady rate, which go on in between too. Throws when one failed. */
async function steadyLoad<T>(
  life: LifeGround,
  gateway: LifeGateway,
  work: (run: () => Promise<SteadyRun>) => Promise<T>,
): Promise<T> {
  const { processes, cores } = life.ground
  const { rootFile, clientFile } = life.pki
  const settings: LoginSettings = {
    ports: Array<number>(keptSixteens).fill(gateway.port),
    rootFile,
    clientFile,
    connectionsPerSecond: 0,
    requestsPerSecond: life.options.requests,
  }
  const client = startClient('login-client.ts', { processes, cores: cores.load, settings })
  const wait = { what: 'load the data path', timeoutMs: clientTimeoutMs }
  const count = async () => {
    client.child.send('count')
    return (await nextMessage(client, wait)) as LoginCount
  }
  try {
    await nextMessage(client, wait)
    const done = await work(async () => {
      await count()
      const readCpu = startCpuCount(gateway.pid)
      await pause(life.options.turnMs)
      const cpuNs = readCpu()
      return { requestMs: (await count()).requestMs, cpuNs }
    })
    const { failed, failures } = await count()
    if (failed > 0) throw new Error(`Cannot count a load of which ${failed} failed, such as\n${failures.join('\n')}`)
    return done
  } finally {
    await processes.end(client)
  }
}
