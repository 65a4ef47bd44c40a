// Goal: many gateways publish at the same time, in batches and one by one, and each certificate is revoked once, told once and kept
// small. Method: several stores on one real server.
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { TrustEvent } from '../../../src/control-path/ports.ts'
import { restoreCertificate } from '../../../src/store/redis/redis-changes.ts'
import type { RedisClient } from '../../../src/store/redis/redis-client.ts'
import { RedisConnection } from '../../../src/store/redis/redis-connection.ts'
import { createServerFinder } from '../../../src/store/redis/server-finder.ts'
import { type CertificateKey, certificateKey } from '../../../src/x509/certificate-key.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import {
  addPeople,
  issuerA,
  issuerB,
  keyA1,
  keyA2,
  keyB1,
  operator,
  revocationOf,
  revokedKeys,
  start,
} from '../samples.ts'
import { configFor, openStore, silent } from './open-store.ts'

function keysOf(count: number, first = 0x10_000): CertificateKey[] {
  return Array.from({ length: count }, (_, n) =>
    certificateKey(n % 3 === 0 ? issuerB : issuerA, (first + n).toString(16)),
  )
}

t.test('a batch is one event with one version, whatever issuers are in it', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  const before = await store.position()
  const keys = keysOf(1_000)
  const { outcomes } = await store.publish([revocationOf(keyA1), ...keys.map((key) => revocationOf(key))], operator)
  t.strictSame(new Set(outcomes.slice(1).map(({ version }) => version)), new Set([2]))
  t.match(outcomes[0], { key: keyA1, outcome: 'already_revoked', version: 1 })
  const { events } = await store.eventsSince(before, 10)
  t.equal(events.length, 1)
  t.strictSame(revokedKeys(events), keys.toSorted(), 'with those that are new, and no other')
  t.equal(
    (
      await store.publish(
        keys.map((key) => revocationOf(key)),
        operator,
      )
    ).outcomes.filter(({ outcome }) => outcome === 'revoked').length,
    0,
  )
  t.strictSame((await store.position()).version, 2, 'the same batch again makes no event')
})

t.test('each certificate of a batch keeps its own reason, comment and login ID', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await addPeople(store)
  await store.upsertCertificate({ key: keyB1, loginId: 'user02', notBeforeMs: 0, notAfterMs: 1 })
  await store.publish(
    [
      revocationOf(keyA1, { reason: 'superseded', comment: 'a, b', loginId: 'user01' }),
      revocationOf(keyB1),
      revocationOf(keyA2, { comment: 'lost PC' }),
    ],
    operator,
  )
  t.match((await store.revocation(keyA1))?.revocation, { reason: 'superseded', comment: 'a, b', loginId: 'user01' })
  t.match((await store.revocation(keyB1))?.revocation, {
    reason: 'keyCompromise',
    comment: 'lost PC',
    loginId: 'user02',
  })
  t.match((await store.revocation(keyA2))?.revocation, { reason: 'keyCompromise', comment: 'lost PC' })
  t.equal((await store.revocation(keyA2))?.revocation.loginId, undefined)
  t.strictSame(
    (await store.revocations({ limit: 9 })).revocations.map(({ key }) => key),
    [keyA2, keyB1, keyA1],
    'the last named is the newest',
  )
  t.match((await store.revocations({ limit: 9, loginId: 'user02' })).revocations, [{ key: keyB1 }])
})

t.test(
  'two gateways that push the same batches at the same time: each certificate is revoked and told once',
  async (t) => {
    const server = await startRedisServer(t)
    const stores = [await openStore(t, server), await openStore(t, server), await openStore(t, server)]
    const [store] = stores
    if (store === undefined) return t.fail('three stores')
    const keys = keysOf(900)
    const batches = [0, 1, 2, 3, 4, 5].map((n) => keys.slice(n * 150, n * 150 + 150))
    const results = await Promise.all(
      stores.flatMap((one, n) =>
        batches.map((_, b) =>
          one.publish(
            (batches[(b + n) % 6] ?? []).map((key) => revocationOf(key)),
            operator,
          ),
        ),
      ),
    )
    const revoked = results.flatMap(({ outcomes }) => outcomes.filter(({ outcome }) => outcome === 'revoked'))
    t.equal(revoked.length, 900)
    const versions = new Map(revoked.map(({ key, version }) => [key, version]))
    t.ok(
      results.every(({ outcomes }) => outcomes.every(({ key, version }) => versions.get(key) === version)),
      'all are told the same version',
    )
    const events: TrustEvent[] = []
    for (let position = start; ; ) {
      const page = await store.eventsSince(position, 4)
      if (page.events.length === 0) break
      events.push(...page.events)
      position = page.end
    }
    t.strictSame(revokedKeys(events), keys.toSorted())
    t.match(await store.eventsSince(start, 1), { revokedCount: 900, unrecordedCount: 0 })
  },
)

t.test(
  'the same certificate is pushed, restored and pushed by several at once: the log and the sets agree in the end',
  async (t) => {
    const server = await startRedisServer(t)
    const stores = [await openStore(t, server), await openStore(t, server)]
    await Promise.all(
      stores.flatMap((store) =>
        Array.from({ length: 20 }, async (_, n) =>
          n % 2 === 0 ? store.publish([revocationOf(keyA1)], operator) : store.restore(keyA1, operator),
        ),
      ),
    )
    const [store] = stores
    const { events, revokedCount, unrecordedCount } = (await store?.eventsSince(start, 100)) ?? { events: [] }
    const kinds = events.map(({ kind }) => kind)
    t.ok(
      kinds.every((kind, n) => kind === (n % 2 === 0 ? 'revoked' : 'restored')),
      'they take turns',
    )
    t.strictSame([revokedCount, unrecordedCount], [kinds.at(-1) === 'revoked' ? 1 : 0, 0])
  },
)

t.test('a restore is decided anew when a newer certificate comes while it is being decided', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await addPeople(store)
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 9 })
  await store.publish([revocationOf(keyA1), revocationOf(keyB1)], operator)
  const config = configFor(server)
  const finder = createServerFinder(config, () => {})
  const connection = new RedisConnection({ config, finder, purpose: 'commands', clock: systemClock, log: silent })
  t.teardown(() => connection.close())
  const client = await connection.client()
  // What has been read is old by the time the script runs.
  const racing = (change: () => Promise<unknown>) =>
    new Proxy(client, {
      get: (target, name: keyof RedisClient) => {
        const member = target[name]
        if (typeof member !== 'function') return member
        return async (...rest: never[]) => {
          if (name === 'run') await change()
          return await (member as (...rest: never[]) => Promise<unknown>).apply(target, rest)
        }
      },
    })
  const newer = { key: keyA2, loginId: 'user01', notBeforeMs: 5, notAfterMs: 9 }
  const options = { actor: operator, above: 0, logEventsMax: 1_000 }
  await t.rejects(
    restoreCertificate(
      racing(() => store.upsertCertificate(newer)),
      keyA1,
      options,
    ),
    { code: 'restore_refused' },
  )
  t.match(await store.revocation(keyA1), { state: 'revoked' })
  let raced = false
  const again = async () => {
    if (raced) return
    raced = true
    await store.restore(keyB1, operator)
    await store.publish([revocationOf(keyB1, { comment: 'again' })], operator)
  }
  const { outcome, version } = await restoreCertificate(racing(again), keyB1, options)
  t.equal(outcome, 'restored')
  t.match(await store.revocation(keyB1), { state: 'restored', version, revocation: { comment: 'again' } })
})

t.test('a restore takes the version of an outdated store above what a gateway knows', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  t.match(await store.restore(keyA1, operator, 4_000), { outcome: 'restored', version: 4_001 })
  t.match((await store.publish([revocationOf(keyA1)], operator)).outcomes, [{ outcome: 'revoked', version: 4_002 }])
  t.equal(await server.cli('HEXISTS', '{sekisho}:tombstones', keyA1), 0, 'the tombstone is gone')
})

t.test('more than can be told apart in one batch is refused as a whole', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await t.rejects(
    store.publish(
      keysOf(4_097).map((key) => revocationOf(key)),
      operator,
    ),
    { code: 'admin_request_invalid' },
  )
  t.strictSame(await store.position(), start)
  t.equal(
    (
      await store.publish(
        keysOf(4_096).map((key) => revocationOf(key)),
        operator,
      )
    ).outcomes.length,
    4_096,
  )
})

t.test('a revocation takes less than 300 bytes of Redis’s memory when many are pushed together', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const used = async () => Number(/used_memory:(\d+)/.exec(String(await server.cli('INFO', 'memory')))?.[1])
  const before = await used()
  const count = 32_000
  for (let first = 0; first < count; first += 1_000) {
    // Twenty octets, the longest a serial number may be.
    const keys = Array.from({ length: 1_000 }, (_, n) =>
      certificateKey(issuerA, (first + n + 1).toString(16).padStart(40, 'f')),
    )
    await store.publish(
      keys.map((key) => revocationOf(key)),
      operator,
    )
  }
  const bytes = ((await used()) - before) / count
  t.ok(bytes < 300, `${bytes.toFixed(0)} bytes`)
  const listed = await store.revocations({ limit: 100 })
  t.equal(listed.revocations.length, 100)
})

t.test('a rule whose bound is no whole number is refused before it gets into the log', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  for (const notBeforeMaxMs of [Number.NaN, Number.POSITIVE_INFINITY, 1.5]) {
    const rule = { by: 'loginId', loginId: 'x', notBeforeMaxMs } as const
    await t.rejects(store.publishRule({ rule, reason: 'unspecified', comment: '' }, operator), {
      code: 'admin_request_invalid',
    })
  }
  t.strictSame(await store.position(), start)
})
