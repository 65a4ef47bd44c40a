import { setTimeout as pause } from 'node:timers/promises'
import { askServer, type SentinelSet } from '../helpers/redis-sentinel.ts'
import type { CertificatePool } from './certificate-pool.ts'
import { DoorClient } from './door-client.ts'
import type { ChaosGateway } from './gateway-set.ts'
import { type FinalState, permitted, revoked, type VisitOutcome } from './history.ts'
import { visit } from './login-clients.ts'
import { setOf, spellings } from './pusher.ts'
import type { Recorder } from './recorder.ts'

export type FinalWorld = {
  readonly gateways: readonly ChaosGateway[]
  readonly pool: CertificatePool
  readonly recorder: Recorder
  readonly store: SentinelSet
}

/** Logins at a time at each gateway. */
const loginsAtOnce = 6
/** Beyond so many the gateways are asked for their verdict, which is much cheaper than a login. */
const loginsMax = 1_500
const inspectMaxMs = 4_000
const membersAtOnce = 500
const storeMaxMs = 2_000

/**
 * Looks whether each of these certificates stands in the store and is refused at every gateway; what is not as it must be is looked
 * at again until it is, or the time is over. Unit: milliseconds.
 */
export async function checkRevoked(
  certificates: readonly number[],
  world: FinalWorld,
  withinMs: number,
): Promise<FinalState> {
  const deadlineMs = world.recorder.nowMs + withinMs
  const inStore = new Set<number>()
  const outcomes = new Map<number, VisitOutcome[]>(certificates.map((certificate) => [certificate, []]))
  for (;;) {
    const missing = certificates.filter((certificate) => !inStore.has(certificate))
    for (const certificate of await membersOf(missing, world)) inStore.add(certificate)
    await Promise.all(
      world.gateways.map(async (gateway) => {
        const open = certificates.filter((certificate) => outcomes.get(certificate)?.[gateway.number] !== revoked)
        for (const [certificate, outcome] of await outcomesOf(open, gateway, { ...world, deadlineMs })) {
          const list = outcomes.get(certificate)
          if (list !== undefined) list[gateway.number] = outcome
        }
      }),
    )
    const all = certificates.every((certificate) => {
      const list = outcomes.get(certificate) ?? []
      return inStore.has(certificate) && world.gateways.every(({ number }) => list[number] === revoked)
    })
    if (all || world.recorder.nowMs > deadlineMs) return { inStore, outcomes }
    await pause(200)
  }
}

/** Gateways at which one of these good certificates is not admitted within the time, with what happens there. */
export async function checkStillAllowed(
  certificates: readonly number[],
  world: Omit<FinalWorld, 'store'>,
  withinMs: number,
): Promise<readonly string[]> {
  const deadlineMs = world.recorder.nowMs + withinMs
  const complaints = await Promise.all(
    world.gateways.map(async (gateway) => {
      let open = certificates
      for (;;) {
        const outcomes = await outcomesOf(open, gateway, { ...world, deadlineMs })
        const refused = [...outcomes].filter(([, outcome]) => outcome !== permitted)
        open = refused.map(([certificate]) => certificate)
        if (refused.length === 0 && outcomes.size > 0) return []
        if (world.recorder.nowMs > deadlineMs)
          return [
            `gateway ${gateway.number} does not admit ${open.length} good ones: ${refused[0]?.[1] ?? 'no answer'}`,
          ]
        await pause(200)
      }
    }),
  )
  return complaints.flat()
}

async function outcomesOf(
  certificates: readonly number[],
  gateway: ChaosGateway,
  world: Omit<FinalWorld, 'store'> & { deadlineMs: number },
): Promise<ReadonlyMap<number, VisitOutcome>> {
  const { recorder, deadlineMs } = world
  const outcomes = new Map<number, VisitOutcome>()
  const waiting = [...certificates]
  const logins = new Set(waiting.slice(0, loginsMax))
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      // One look at each must be possible however short the time is.
      if (recorder.nowMs > deadlineMs + inspectMaxMs) return
      const look = logins.has(next) ? logIn : inspect
      outcomes.set(next, await look(next, gateway, world))
    }
  }
  await Promise.all(Array.from({ length: loginsAtOnce }, work))
  return outcomes
}

async function logIn(
  certificate: number,
  gateway: ChaosGateway,
  { pool, recorder }: Pick<FinalWorld, 'pool' | 'recorder'>,
): Promise<VisitOutcome> {
  const startedMs = recorder.nowMs
  const client = new DoorClient({
    port: gateway.supervised.ports.certificate,
    certificate: pool.certificate(certificate),
  })
  const outcome = await visit(client, { gateway, certificate, recorder, startedMs })
  client.destroy()
  return outcome
}

async function inspect(
  certificate: number,
  gateway: ChaosGateway,
  { pool }: Pick<FinalWorld, 'pool'>,
): Promise<VisitOutcome> {
  const client = new DoorClient({ port: gateway.supervised.ports.admin, certificate: gateway.operator })
  const body = pool.certificate(certificate).certificatePem
  const answer = await client.request({ method: 'POST', path: '/v1/inspect', body, withinMs: inspectMaxMs })
  client.destroy()
  if (answer.kind === 'failure') return 'failure'
  if (answer.status !== 200) return String(answer.status)
  const { inspections } = JSON.parse(answer.body) as { inspections: readonly { verdict: string }[] }
  return inspections[0]?.verdict ?? 'nothing'
}

/** Those that stand in the store's set, in whichever spelling. */
async function membersOf(
  certificates: readonly number[],
  { pool, store }: Pick<FinalWorld, 'pool' | 'store'>,
): Promise<readonly number[]> {
  const master = await store.master()
  if (master === undefined) return []
  const found: number[] = []
  for (let start = 0; start < certificates.length; start += membersAtOnce) {
    const chunk = certificates.slice(start, start + membersAtOnce)
    const members = chunk.map((certificate) => spellings(pool.certificate(certificate).serial))
    const answer = await askServer(master, ['SMISMEMBER', setOf(pool), ...members.flat()], storeMaxMs)
    if (!Array.isArray(answer)) continue
    for (const [position, certificate] of chunk.entries()) {
      const width = members[position]?.length ?? 1
      if (answer.slice(position * width, (position + 1) * width).includes(1)) found.push(certificate)
    }
  }
  return found
}
