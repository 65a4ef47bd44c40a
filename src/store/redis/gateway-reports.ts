import type { GatewayList, GatewayReport } from '../../control-path/store-port.ts'
import type { RedisClient } from './redis-client.ts'
import { redisKeys } from './redis-keys.ts'
import { fieldsOf, parsed, timeOf } from './replies.ts'

type StoredReport = GatewayReport & { readonly reportedAtMs: number }

/** A gateway that has said nothing for this long is gone. Unit: milliseconds. */
const reportLifeMs = 60_000

/** Keeps the report, with the time of Redis. */
export async function writeReport(client: RedisClient, report: GatewayReport): Promise<void> {
  const reportedAtMs = timeOf(await client.call(['TIME']))
  const value = JSON.stringify({ ...report, reportedAtMs } satisfies StoredReport)
  await client.call(['HSET', redisKeys.gateways, report.gatewayId, value], { writes: true })
}

/** Forgets gateways. */
export async function deleteReports(client: RedisClient, gatewayIds: readonly string[]): Promise<void> {
  if (gatewayIds.length > 0) await client.call(['HDEL', redisKeys.gateways, ...gatewayIds], { writes: true })
}

/** Every report, and the gateways that are gone. */
export async function readReports(client: RedisClient): Promise<GatewayList & { readonly gone: readonly string[] }> {
  const [time, values] = await client.together([['TIME'], ['HGETALL', redisKeys.gateways]])
  const nowMs = timeOf(time)
  const gateways: StoredReport[] = []
  const gone: string[] = []
  for (const [gatewayId, value] of fieldsOf(values)) {
    const report = parsed<StoredReport>(value)
    // A report from the future was written before the clock was set back, or by a primary whose clock was ahead.
    if (report !== undefined && Math.abs(nowMs - report.reportedAtMs) <= reportLifeMs) gateways.push(report)
    else gone.push(gatewayId)
  }
  return { nowMs, gateways, gone }
}
