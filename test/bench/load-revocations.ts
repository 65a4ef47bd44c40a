import { systemClock } from '../../src/base/clock.ts'
import { certificateKey } from '../../src/x509/certificate-key.ts'
import { openRedisStore } from './bench-store.ts'
import type { RedisProcess } from './redis-process.ts'
import type { SerialList } from './serial-list.ts'

const batchEntries = 1_000
const batchesAtOnce = 4
const tellEvery = 100

/** What loading took; `entries` is less than was asked for when the time was up before. */
export type Loaded = { readonly entries: number; readonly seconds: number }

/**
 * Revokes serial numbers in Redis through the gateways' own adapter, a thousand in each transaction, and checks that the set has
 * them all. Stops when `timeoutMs` have passed.
 */
export async function loadRevocations(
  redis: RedisProcess,
  job: { issuerId: string; serials: SerialList; timeoutMs: number; tell: (line: string) => void },
): Promise<Loaded> {
  const { issuerId, serials } = job
  const store = await openRedisStore(redis.port)
  const startMs = systemClock.monotonicMs()
  let next = 0
  let entries = 0
  const publishShare = async () => {
    while (next < serials.count && systemClock.monotonicMs() - startMs < job.timeoutMs) {
      const batch = serials.slice(next, batchEntries)
      next += batch.length
      await store.publish(
        batch.map((serial) => ({
          key: certificateKey(issuerId, serial),
          loginId: undefined,
          reason: 'unspecified',
          comment: '',
        })),
        { name: 'bench', role: 'security', requestId: 'load' },
      )
      entries += batch.length
      if (Math.ceil(entries / batchEntries) % tellEvery === 0)
        job.tell(`${entries} of ${serials.count} revocations in Redis`)
    }
  }
  try {
    await Promise.all(Array.from({ length: batchesAtOnce }, publishShare))
  } finally {
    await store.close()
  }
  const seconds = (systemClock.monotonicMs() - startMs) / 1_000
  const found = Number(await redis.ask('SCARD', `{sekisho}:revoked:${issuerId}`))
  if (found !== entries) throw new Error(`Cannot use Redis with ${found} revocations where ${entries} were loaded`)
  return { entries, seconds }
}
