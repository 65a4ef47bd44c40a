// Goal: the counter finds a refused request by the id on the user's page, and no flood of refusals harms the store. Method: a store in
// memory; pauses that the test counts.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import {
  findRefused,
  RefusedRequests,
  refusedLifeMs,
  refusedPerDayMax,
  refusedPerSecondMax,
  refusedWaitingMax,
} from '../../src/lifecycle/refused-requests.ts'
import { startFakeGateways } from './fake-gateways.ts'

const refused = {
  reason: 'certificate_revoked',
  loginId: 'user06',
  serial: '1f',
  door: 'main',
  address: '192.0.2.1',
  atMs: 1_000,
}

t.test(
  'a refused request is found by its id at every gateway for seven days, as it is read out on the telephone',
  async (t) => {
    const { ports, gateway, advance } = startFakeGateways()
    const requests = new RefusedRequests(ports)
    requests.note('k3f9a0zq-1a-2', refused)
    requests.note('k3f9a0zq-1b-1', { ...refused, loginId: undefined, serial: undefined })
    await requests.settled()
    t.strictSame(await findRefused('k3f9a0zq-1a-2', gateway().ports), refused)
    t.strictSame(await findRefused('  K3F9A0ZQ-1A-2 ', ports), refused)
    t.match(await findRefused('k3f9a0zq-1b-1', ports), { reason: 'certificate_revoked', loginId: undefined })
    for (const other of ['k3f9a0zq-1a-3', '', '-', 'x'.repeat(65), 'k3f9\n', '日本'])
      t.equal(await findRefused(other, ports), undefined)
    advance(refusedLifeMs)
    t.equal(await findRefused('k3f9a0zq-1a-2', ports), undefined)
    requests.close()
  },
)

t.test('what is too much is left out: what waits, and what is written in a second, has an end', async (t) => {
  const { ports, notes } = startFakeGateways()
  const kept = () => notes.names.filter((name) => name.startsWith('request:')).length
  const atPause: number[] = []
  const requests = new RefusedRequests({ ...ports, pause: async () => void atPause.push(kept()) })
  for (let number = 0; number < refusedWaitingMax + 5; number++) requests.note(`id-${number}`, refused)
  t.equal(requests.leftOut, 5)
  await requests.settled()
  t.strictSame(
    atPause,
    Array.from({ length: refusedWaitingMax / refusedPerSecondMax }, (_, second) => (second + 1) * refusedPerSecondMax),
  )
  t.ok(await findRefused('id-0', ports))
  t.equal(await findRefused(`id-${refusedWaitingMax}`, ports), undefined)
  requests.note('id-later', refused)
  await requests.settled()
  t.ok(await findRefused('id-later', ports), 'afterwards there is room again')
})

t.test('all gateways together write so many a day', async (t) => {
  const { ports, notes, advance } = startFakeGateways()
  for (let number = 1; number < refusedPerDayMax; number++) await notes.countNote('refused-today', 86_400_000)
  const requests = new RefusedRequests(ports)
  requests.note('id-1', refused)
  requests.note('id-2', refused)
  await requests.settled()
  t.ok(await findRefused('id-1', ports))
  t.equal(await findRefused('id-2', ports), undefined)
  t.equal(requests.leftOut, 1)
  advance(86_400_000)
  requests.note('id-3', refused)
  await requests.settled()
  t.ok(await findRefused('id-3', ports))
})

t.test('a store that is away costs those refusals their place here, and nothing else', async (t) => {
  const { ports, notes, logged } = startFakeGateways()
  const requests = new RefusedRequests(ports)
  notes.failure = new GatewayError('store_unavailable', 'Cannot reach the store')
  requests.note('id-1', refused)
  requests.note('id 2', refused)
  await requests.settled()
  t.equal(requests.leftOut, 2)
  t.match(logged, [/^refused requests could not be remembered/])
  notes.failure = undefined
  requests.note('id-3', refused)
  await requests.settled()
  t.ok(await findRefused('id-3', ports))
  requests.close()
  requests.note('id-4', refused)
  t.equal(requests.leftOut, 3)
})
