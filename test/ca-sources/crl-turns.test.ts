// Goal: of the gateways over one store one looks and all learn; a store that is away, or fails, delays a list and loses nothing.
// Method: a real redis-server that is stopped and goes on; two gateways that count what they ask of a real HTTP server.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { enter } from '../control-path/redis-gateway.ts'
import { eventually } from '../helpers/eventually.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { crlOf } from '../helpers/test-crl.ts'
import { listOf, startCrlGateway, startCrlServer, url } from './crl-setting.ts'

const nowMs = systemClock.nowMs()

t.test('one gateway looks and both know', async (t) => {
  const redis = await startRedisServer(t)
  const server = await startCrlServer(t)
  const ca = createTestCa({ commonName: 'Branch CA' })
  const lists = [listOf({ from: [url(server.url)], pollSeconds: 60 })]
  server.give(crlOf(ca, nowMs, { number: 7, serials: ['a1', 'a2'] }))
  const folder = t.testdir({ one: {}, two: {} })
  const one = await startCrlGateway(t, { ca, lists, gateway: await enter(t, redis, { keepIn: `${folder}/one` }) })
  const two = await startCrlGateway(t, { ca, lists, gateway: await enter(t, redis, { keepIn: `${folder}/two` }) })
  one.sources.start()
  two.sources.start()
  for (const { sources } of [one, two])
    await eventually(
      () => sources.status(),
      ([list]) => list?.number === '7',
    )
  for (const gateway of [one, two])
    await eventually(
      () => gateway.isListed('a2'),
      (listed) => listed,
    )
  t.equal(server.requests.length, 1)
  t.equal([...one.looks, ...two.looks].length, 1)
  t.equal([...one.posted, ...two.posted].length, 2)
  const [shared] = await two.sources.status()
  t.match(shared, { place: server.url, entries: 2, lookedAtMs: Number })
})

t.test('a gateway that cannot reach a list leaves it to one that can', async (t) => {
  const redis = await startRedisServer(t)
  const server = await startCrlServer(t)
  const ca = createTestCa({ commonName: 'Branch CA' })
  server.answer = ({ headers }, response) => {
    // Both come from one address: the first one is known by being alone.
    if (alone) response.writeHead(503).end()
    else response.end(crlOf(ca, nowMs, { number: 7, serials: ['a1'] }))
    t.ok(headers.host)
  }
  let alone = true
  const lists = [listOf({ from: [url(server.url)], pollSeconds: 60 })]
  const folder = t.testdir({ one: {}, two: {} })
  const long = { retrySeconds: 20 }
  const one = await startCrlGateway(t, {
    ca,
    lists,
    limits: long,
    gateway: await enter(t, redis, { keepIn: `${folder}/one` }),
  })
  one.sources.start()
  await eventually(
    () => one.looks,
    ([look]) => look === 'branch/crl unreachable',
  )
  alone = false
  const two = await startCrlGateway(t, { ca, lists, gateway: await enter(t, redis, { keepIn: `${folder}/two` }) })
  two.sources.start()
  // The first one has its turn until half of its pause is over.
  await eventually(
    () => two.looks,
    ([look]) => look === 'branch/crl applied',
    15_000,
  )
  await eventually(
    () => one.isListed('a1'),
    (listed) => listed,
  )
  t.equal(one.looks.length, 1)
})

t.test('while the store is away each looks for itself, and what it has found is given when it is back', async (t) => {
  const redis = await startRedisServer(t)
  const server = await startCrlServer(t)
  const lists = [listOf({ from: [url(server.url)], pollSeconds: 0.5 })]
  const gateway = await startCrlGateway(t, { lists, gateway: await enter(t, redis) })
  server.give(crlOf(gateway.ca, nowMs, { number: 7, serials: ['a1'] }))
  gateway.sources.start()
  await eventually(
    () => gateway.looks,
    ([look]) => look === 'branch/crl applied',
  )
  redis.pause()
  server.give(crlOf(gateway.ca, nowMs, { number: 8, serials: ['a1', 'a2'] }))
  await eventually(
    () => gateway.looks,
    (looks) => looks.at(-1) === 'branch/crl failed',
    20_000,
  )
  t.match(await gateway.sources.status(), [{ number: '7', result: 'failed', fault: /store/ }])
  t.ok(gateway.isListed('a1'), 'what is known stays')
  redis.resume()
  await eventually(
    () => gateway.isListed('a2'),
    (listed) => listed,
    20_000,
  )
  await eventually(
    () => gateway.sources.status(),
    ([list]) => list?.number === '8' && list.fault === undefined,
    20_000,
  )
})

t.test('what could not be given to the store is tried again, and is on record as unconfirmed', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(server.url)] })] })
  server.give(crlOf(gateway.ca, nowMs, { number: 7, serials: ['a1'] }), '"7"')
  gateway.failing = new GatewayError('store_unavailable', 'Cannot reach the store')
  t.match(await gateway.sources.lookNow(), [{ result: 'failed', number: undefined, fault: /Cannot reach the store/ }])
  t.match(gateway.audited, [{ event: 'certificates_revoked', detail: { outcome: 'unconfirmed', serials1: 'a1' } }])
  gateway.failing = undefined
  t.match(await gateway.sources.lookNow(), [{ result: 'applied', number: '7', fault: undefined }])
  t.equal(server.requests[1]?.headers['if-none-match'], undefined, 'the first one was not taken')
})

t.test('a gateway that may only read the store leaves lists to the others', async (t) => {
  const server = await startCrlServer(t)
  const readOnly = async () => {
    throw new GatewayError('store_read_only', 'Cannot change the store')
  }
  const gateway = await startCrlGateway(t, {
    lists: [listOf({ from: [url(server.url)], pollSeconds: 0.02 })],
    store: (store) => ({ countNote: readOnly, forgetNote: readOnly, revocation: (key) => store.revocation(key) }),
  })
  gateway.sources.start()
  await eventually(
    () => gateway.lines,
    (lines) => lines.some((line) => line.includes('left to other gateways')),
  )
  t.equal(server.requests.length, 0)
  t.match(await gateway.sources.status(), [{ result: undefined }])
})

t.test('a number that is lower is never noted over a higher one', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(server.url)] })] })
  const { ca, values, sources, keyOf } = gateway
  // Another gateway takes list 9 while this one is at list 8.
  server.answer = async (_request, response) => {
    const other = { place: 'x', number: '9', thisUpdateMs: nowMs, entries: 0, sha256: '0', lookedAtMs: nowMs }
    const name = `${keyOf('1').split(':')[0]}/crl`
    await values.writeMeta('crlsTaken', JSON.stringify({ [name]: other }), 0)
    response.end(crlOf(ca, nowMs, { number: 8, serials: ['a1'] }))
  }
  t.match(await sources.lookNow(), [{ number: '9' }])
  t.ok(gateway.isListed('a1'))
})

t.test('what stands in the store and cannot be read is as if nothing had been taken', async (t) => {
  const server = await startCrlServer(t)
  const gateway = await startCrlGateway(t, { lists: [listOf({ from: [url(server.url)] })] })
  server.give(crlOf(gateway.ca, nowMs, { number: 8, serials: ['a1'] }))
  const name = `${gateway.keyOf('1').split(':')[0]}/crl`
  await gateway.values.writeMeta('crlsTaken', JSON.stringify({ [name]: { number: '-1' }, other: null }), 0)
  t.match(await gateway.sources.status(), [{ number: undefined }])
  t.match(await gateway.sources.lookNow(), [{ result: 'applied', number: '8' }])
})

t.test(
  'right after nextUpdate it is looked again, long before the turn of the last look would have ended',
  async (t) => {
    const server = await startCrlServer(t)
    const clock = new FakeClock(nowMs)
    const gateway = await startCrlGateway(t, { clock, lists: [listOf({ from: [url(server.url)] })] })
    const { ca, sources, looks } = gateway
    server.give(crlOf(ca, nowMs, { number: 1, nextUpdateMs: nowMs + 60_000, serials: ['a1'] }))
    sources.start()
    await eventually(
      () => looks.length,
      (count) => count === 1,
    )
    server.give(crlOf(ca, nowMs, { number: 2, serials: ['a2'] }))
    clock.advance(61_000)
    await eventually(
      () => looks.length,
      (count) => count === 2,
    )
    t.ok(gateway.isListed('a2'))
  },
)
