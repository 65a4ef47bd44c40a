// Goal: R19 over many gateways: what is pushed once is refused by every gateway, at new connections and on those that are open; so is
// what a security team writes into the set by hand; everybody else goes on; and whatever happens to Redis un-revokes nothing.
// Method: two real gateways with two workers each over one real redis-server, TLS clients, redis-cli's commands.
import t from 'tap'
import { operatorOf, verdictOf } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import {
  ca,
  connect,
  issuerName,
  newUser,
  overRedis,
  push,
  revokedSet,
  startApp,
  startHere,
  untilVerdict,
  verdictAt,
} from './redis-setting.ts'

const redis = await startRedisServer(t)
const app = await startApp(t)
const options = { upstreamPort: app.port, config: overRedis(redis.port, { workers: 2 }) }
const one = await startHere(t, options)
const two = await startHere(t, options)
const good = newUser()

t.test('R19 a push at one gateway cuts and refuses at both; another user stays connected', async (t) => {
  const user = newUser()
  const clients = await Promise.all([one, two, two].map((gateway) => connect(gateway, user)))
  const others = await Promise.all([one, two].map((gateway) => connect(gateway, good)))
  for (const client of [...clients, ...others]) t.equal(verdictOf(await client.request()), '200')
  const body = await push(one, user)
  t.match(body, { revoked: 1, connectionsCut: 1 }, 'the answer counts the cuts at this gateway')
  await Promise.all(clients.map((client) => client.ended()))
  for (const gateway of [one, two]) t.equal(await verdictAt(gateway, user), 'certificate_revoked')
  for (const client of others) {
    t.equal(verdictOf(await client.request()), '200', 'still allowed on its open connection')
    client.destroy()
  }
  const metric = () => two.metric('sekisho_cuts_total', { door: 'certificate', reason: 'certificate_revoked' })
  t.equal(await metric(), 2)
  t.ok(((await two.metric('sekisho_revocation_apply_seconds_count')) ?? 0) > 0, 'and how long it took is a metric')
})

t.test('a plain SADD refuses and cuts, in any spelling; SREM un-revokes nothing and is alerted', async (t) => {
  const users = [newUser(), newUser(), newUser()] as const
  const clients = await Promise.all(users.map((user) => connect(two, user)))
  const other = await connect(two, good)
  const spell = [
    (serial: string) => serial,
    (serial: string) => serial.toUpperCase().padStart(serial.length + (serial.length % 2), '0'),
    (serial: string) => (serial.length % 2 ? `0${serial}` : serial).match(/../g)?.join(':') ?? '',
  ]
  for (const [at, user] of users.entries()) await redis.cli('SADD', revokedSet, spell[at]?.(user.serial) ?? '')
  await Promise.all(clients.map((client) => client.ended()))
  for (const user of users) for (const gateway of [one, two]) await untilVerdict(gateway, user, 'certificate_revoked')
  t.equal(verdictOf(await other.request()), '200')
  await redis.cli('SREM', revokedSet, users[0].serial)
  await eventually(
    () => redis.cli('SISMEMBER', revokedSet, users[0].serial),
    (member) => member === 1,
  )
  for (const gateway of [one, two]) t.equal(await verdictAt(gateway, users[0]), 'certificate_revoked')
  const missing = () => one.metric('sekisho_reconcile_differences_total', { kind: 'missing_in_store' })
  const elsewhere = () => two.metric('sekisho_reconcile_differences_total', { kind: 'missing_in_store' })
  t.ok(((await missing()) ?? 0) + ((await elsewhere()) ?? 0) > 0, 'counted by whoever noticed')
  other.destroy()
})

t.test('FLUSHALL changes nothing and heals; a push afterwards works as before', async (t) => {
  const [revoked, later] = [newUser(), newUser()]
  await push(one, revoked)
  const other = await connect(one, good)
  await redis.cli('FLUSHALL')
  await eventually(
    () => redis.cli('SISMEMBER', revokedSet, revoked.serial),
    (member) => member === 1,
  )
  for (const gateway of [one, two]) {
    t.equal(await verdictAt(gateway, revoked), 'certificate_revoked')
    t.equal(await verdictAt(gateway, good), '200')
  }
  t.equal(verdictOf(await other.request()), '200', 'who was connected stays')
  other.destroy()
  await push(two, later)
  await untilVerdict(one, later, 'certificate_revoked')
})

t.test(
  'R17 revoking a login ID covers a certificate that no gateway has ever seen, and none that is issued later',
  async (t) => {
    const loginId = 'rule-user'
    const unseen = ca.issueClient({ commonName: loginId })
    const other = ca.issueClient({ commonName: 'rule-other' })
    const { status, body } = await operatorOf(one).call('POST', '/v1/revocations', { loginIds: [loginId] })
    t.equal(status, 200, JSON.stringify(body))
    for (const gateway of [one, two]) await untilVerdict(gateway, unseen, 'certificate_revoked')
    const issuedLater = ca.issueClient({ commonName: loginId, notBeforeMs: Date.now() + 2_000 })
    await untilVerdict(two, issuedLater, '200')
    t.equal(await verdictAt(two, other), '200', 'another login ID')
  },
)

t.test('a CA incident: everything issued in a span of time, live connections included', async (t) => {
  const fromMs = Date.UTC(2026, 0, 10)
  const toMs = Date.UTC(2026, 0, 11)
  const [inside, before] = [fromMs, fromMs - 1_000].map((notBeforeMs, at) =>
    ca.issueClient({ commonName: `incident${at}`, notBeforeMs }),
  )
  if (inside === undefined || before === undefined) throw new Error('unreachable')
  const [cut, stays] = [await connect(two, inside), await connect(two, before)]
  t.equal(verdictOf(await cut.request()), '200')
  const { status, body } = await operatorOf(one).call('POST', '/v1/revocation-rules', {
    issuer: issuerName,
    notBeforeFrom: new Date(fromMs).toISOString(),
    notBeforeTo: new Date(toMs).toISOString(),
    reason: 'cACompromise',
  })
  t.equal(status, 200, JSON.stringify(body))
  await cut.ended()
  t.equal(verdictOf(await stays.request()), '200', 'issued a second earlier')
  stays.destroy()
  for (const gateway of [one, two]) t.equal(await verdictAt(gateway, inside), 'certificate_revoked')
})
