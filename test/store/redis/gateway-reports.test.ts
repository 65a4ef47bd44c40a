// Goal: reports of gateways carry the time of Redis, and those of gateways that are gone do not keep anybody waiting. Method: a real
// server whose hash of reports is written with other times, as a gateway of a minute ago has.
import t from 'tap'
import type { GatewayReport } from '../../../src/control-path/store-port.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { openStore } from './open-store.ts'

const key = '{sekisho}:gateways'

function reportOf(gatewayId: string): GatewayReport {
  return {
    gatewayId,
    name: 'host',
    programVersion: '0.1.0',
    state: 'live',
    position: { version: 1, token: 'x' },
    dataAgeMs: 1,
  }
}

t.test('a gateway that said nothing for a minute is not listed, and forgotten; one that did is', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.reportGateway(reportOf('lively'))
  const { nowMs } = await store.gateways()
  const at = async (gatewayId: string, reportedAtMs: number) =>
    await server.cli('HSET', key, gatewayId, JSON.stringify({ ...reportOf(gatewayId), reportedAtMs }))
  await at('fresh', nowMs - 50_000)
  await at('silent', nowMs - 61_000)
  await at('of-the-future', nowMs + 120_000)
  await server.cli('HSET', key, 'broken', 'no JSON')
  t.strictSame((await store.gateways()).gateways.map(({ gatewayId }) => gatewayId).toSorted(), ['fresh', 'lively'])
  t.strictSame(
    ((await server.cli('HKEYS', key)) as string[]).toSorted(),
    ['fresh', 'lively'],
    'the others are forgotten',
  )
})

t.test('the time of a report is that of Redis, whatever the gateway’s clock says', async (t) => {
  const server = await startRedisServer(t)
  const clock = { nowMs: () => 5, monotonicMs: () => performance.now() }
  const store = await openStore(t, server, { clock })
  const [seconds] = (await server.cli('TIME')) as string[]
  await store.reportGateway(reportOf('wrong-clock'))
  const { gateways } = await store.gateways()
  t.ok(Math.abs((gateways[0]?.reportedAtMs ?? 0) - Number(seconds) * 1_000) < 30_000)
})
