import { systemClock } from '../../../src/base/clock.ts'
import { hashPassword } from '../../../src/lifecycle/password-hash.ts'
import { timeIssueCalls } from '../life-call.ts'
import { orderByCode, orderOf } from '../life-orders.ts'
import type { Bar, Row } from '../report.ts'
import { percentile, type Round } from '../statistics.ts'
import {
  type LifeGateway,
  type LifeGround,
  type PartResult,
  type StoreKind,
  storeKinds,
  storeLabels,
  warmIssues,
} from './life-ground.ts'

/** The ways to a certificate, with what they are called. */
const ways = {
  code: 'EST with a one-time code, public door',
  call: 'lifecycle call alone',
  password: 'EST with the login password (argon2id)',
} as const
type Way = keyof typeof ways

const issueMostMs = 50
const password = 'sekisho-bench'
/** As the configuration has them by default. */
const hashing = { memoryKib: 19_456, passes: 2 }

const rows: readonly Row[] = Object.entries(ways).flatMap(([way, title]) => [
  { quantity: `${way}P50`, title: `${title}, p50 (ms)`, digits: 1, divisor: 1, ratio: false },
  { quantity: `${way}P99`, title: `${title}, p99 (ms)`, digits: 1, divisor: 1, ratio: false },
])

/** How long it takes to get a certificate from a gateway that does nothing else, one after the other. */
export async function measureIssue(life: LifeGround): Promise<PartResult> {
  const round: Round = {}
  for (const kind of storeKinds) {
    const gateway = await life.gateway(kind)
    const figures: Partial<Record<string, number>> = {}
    for (const way of Object.keys(ways) as Way[]) {
      life.tell(`issue: ${life.options.issues} certificates over the ${storeLabels[kind]}, ${ways[way]}`)
      const issueMs = await timeWay(life, gateway, way)
      figures[`${way}P50`] = percentile(issueMs, 50)
      figures[`${way}P99`] = percentile(issueMs, 99)
    }
    round[kind] = figures
  }
  const measured = `${life.options.issues} certificates each way, P-256 keys, CA key in a file`
  const section = { title: 'Issue', base: 'embedded', labels: storeLabels, rows, rounds: [round], measured }
  return { section, bars: storeKinds.flatMap((kind) => barsOf(kind, round)) }
}

function barsOf(kind: StoreKind, round: Round): Bar[] {
  return (['code', 'call'] as const).map((way) => ({
    quantity: `${way}P99-${kind}`,
    title: `p99 of an issue, ${ways[way]}, ${storeLabels[kind]} (ms)`,
    value: round[kind]?.[`${way}P99`] ?? Number.NaN,
    most: issueMostMs,
    digits: 1,
  }))
}

/** Times without those of the first issues. Unit: milliseconds. */
async function timeWay(life: LifeGround, gateway: LifeGateway, way: Way): Promise<readonly number[]> {
  const loginIds = gateway.takeLoginIds(life.options.issues + warmIssues)
  if (way === 'call') return (await timeIssueCalls(gateway, loginIds)).slice(warmIssues)
  const orders =
    way === 'code' ? await orderByCode(loginIds, portsOf(gateway)) : await orderByPassword(loginIds, gateway)
  const { issueMs } = await life.issue(gateway, { orders, perSecond: 0 })
  return issueMs.slice(warmIssues)
}

/** What making codes needs of a gateway's store. */
export function portsOf({ store }: Pick<LifeGateway, 'store'>) {
  return { store, nowMs: () => systemClock.nowMs() }
}

async function orderByPassword(loginIds: readonly string[], { store }: LifeGateway) {
  const login = await hashPassword(password, hashing)
  for (const loginId of loginIds) {
    const user = await store.user(loginId)
    if (user !== undefined) await store.upsertUser({ ...user, credentials: { login } })
  }
  return loginIds.map((loginId) => orderOf(loginId, password))
}
