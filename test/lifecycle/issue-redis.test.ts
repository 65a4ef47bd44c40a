// Goal: what issuing promises holds over Redis, with several gateways, and when Redis is lost at the worst moment.
// Method: gateways without sockets over a real redis-server, which is killed between record and signature and started again.
import t, { type Test } from 'tap'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { enter, folders, live } from '../control-path/redis-gateway.ts'
import { eventually } from '../helpers/eventually.ts'
import { startRedisServer } from '../helpers/redis-server.ts'
import { addStaff, ca, type IssuingOptions, issuingOver, newRequest, statesAt } from './issuing-gateway.ts'

const fileSigner = createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined })

async function startTwo(t: Test, { limit = 100, options = {} }: { limit?: number; options?: IssuingOptions } = {}) {
  const redis = await startRedisServer(t, { directives: { appendonly: 'yes', appendfsync: 'always', save: '' } })
  const { one, two } = folders(t)
  const first = await enter(t, redis, { keepIn: one })
  await addStaff(first.store, limit)
  const second = await enter(t, redis, { keepIn: two })
  for (const gateway of [first, second]) await eventually(live(gateway), (isLive) => isLive, 20_000)
  return { redis, one: issuingOver(first, options), two: issuingOver(second) }
}

t.test('two gateways are asked at once for one login ID: it has one certificate (R2)', async (t) => {
  const { one, two } = await startTwo(t)
  const outcomes = await Promise.allSettled(
    [one, two, one, two].map(({ issue }) => issue({ requestDer: newRequest() })),
  )
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  t.strictSame(
    [...new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])))],
    ['certificate_exists'],
  )
  t.equal((await statesAt(two)).filter((state) => state === 'issued').length, 1)
})

t.test('R3: of two who race for the last place one is refused; R8: the same key gives both the same', async (t) => {
  const { one, two } = await startTwo(t, { limit: 2 })
  const requestDer = newRequest()
  const [here, there] = await Promise.all([
    one.issue({ loginId: 'master01', requestDer }),
    two.issue({ loginId: 'master01', requestDer }),
  ])
  t.strictSame(Buffer.from(here.der), Buffer.from(there.der))
  const outcomes = await Promise.allSettled([
    one.issue({ loginId: 'user01', requestDer: newRequest() }),
    two.issue({ loginId: 'user02', requestDer: newRequest() }),
  ])
  t.strictSame(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  t.match(
    outcomes.find(({ status }) => status === 'rejected'),
    { reason: { code: 'certificate_limit_reached' } },
  )
})

t.test('R8: Redis is lost between record and signature: the same key gets the serial that was recorded', async (t) => {
  let loseRedis: () => Promise<void> = async () => {}
  const sign = async (tbs: Uint8Array) => {
    await loseRedis()
    return fileSigner.sign(tbs)
  }
  const { redis, one, two } = await startTwo(t, {
    options: { maker: { kind: 'own', signer: { ...fileSigner, sign } } },
  })
  loseRedis = () => redis.kill()
  const requestDer = newRequest()
  await t.rejects(one.issue({ requestDer }), { code: 'store_unavailable' })
  loseRedis = async () => {}
  await redis.restart()
  const known = ({ store }: typeof two) => store.certificatesOf('user01', 0).catch(() => [])
  for (const gateway of [one, two]) {
    await eventually(
      () => known(gateway),
      ({ length }) => length === 1,
      20_000,
    )
  }
  const [recorded] = await known(two)
  const issued = await two.issue({ requestDer })
  t.equal(issued.key, recorded?.key)
  t.strictSame(await statesAt(one), ['issued'])
  t.strictSame(Buffer.from((await one.issue({ requestDer })).der), Buffer.from(issued.der))
})
