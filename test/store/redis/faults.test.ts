// Goal: whatever is wrong with Redis, calls fail soon with the right code and Redis's own word, nothing is half written, and the store
// goes on by itself when it is right again. Method: real servers brought into each state; no sleeps.

import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { schemaVersion } from '../../../src/store/redis/redis-keys.ts'
import type { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { eventually } from '../../helpers/eventually.ts'
import { freePort, startRedisServer } from '../../helpers/redis-server.ts'
import { openRedisSession } from '../../helpers/redis-session.ts'
import { addPeople, issuerA, keyA1, keyA2, keyB1, operator, revocationOf, revokedKeys, start } from '../samples.ts'
import { openStore } from './open-store.ts'

/** Waits until calls succeed again, and resolves with where the log ends. */
function back(store: RedisStore) {
  return eventually(
    () => store.position().catch(() => undefined),
    (position) => position !== undefined,
    10_000,
  )
}

async function timed(work: Promise<unknown>): Promise<number> {
  const startMs = systemClock.monotonicMs()
  await work.catch(() => {})
  return systemClock.monotonicMs() - startMs
}

t.test('OOM: a push fails with Redis’s word and nothing is half written; reading goes on; it heals', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  const before = await store.position()
  await server.cli('CONFIG', 'SET', 'maxmemory', '1')
  const changes: (() => Promise<unknown>)[] = [
    () => store.publish([revocationOf(keyA2)], operator),
    () => store.restore(keyA1, operator),
    () => store.upsertContract({ contractId: 'x', loginMethod: 'password', certificateLimit: 1 }),
    () =>
      store.publishRule(
        { rule: { by: 'loginId', loginId: 'x', notBeforeMaxMs: 1 }, reason: 'unspecified', comment: '' },
        operator,
      ),
  ]
  for (const change of changes) await t.rejects(change(), { code: 'store_unavailable', message: /OOM/ })
  t.match(await store.eventsSince(before, 9), { continuous: true, events: [], revokedCount: 1, unrecordedCount: 0 })
  t.match(await store.revocation(keyA1), { state: 'revoked' })
  await server.cli('CONFIG', 'SET', 'maxmemory', '0')
  t.match((await store.publish([revocationOf(keyA2)], operator)).outcomes, [{ outcome: 'revoked' }])
})

t.test('a key of the wrong type: changes fail before the first write, whichever key it is; reads say so', async (t) => {
  const server = await startRedisServer(t)
  const keys = [
    'state',
    'log',
    'news',
    'issuers',
    'tombstones',
    'certificates',
    'revocations-of',
    `records:${issuerA}`,
    `history:${issuerA}`,
    `revoked:${issuerA}`,
  ]
  for (const key of keys) {
    await server.cli('FLUSHALL')
    const store = await openStore(t, server)
    await store.publish([revocationOf(keyB1)], operator)
    const before = await store.eventsSince(start, 9)
    const name = `{sekisho}:${key}`
    const kept = await server.cli('EXISTS', name)
    if (kept === 1) await server.cli('RENAME', name, 'kept')
    await server.cli('SET', name, 'text')
    await t.rejects(
      store.publish([revocationOf(keyA1)], operator),
      { code: 'store_unavailable', message: new RegExp(`WRONGTYPE.*${key}`) },
      key,
    )
    await server.cli('DEL', name)
    if (kept === 1) await server.cli('RENAME', 'kept', name)
    const { nowMs: _, ...after } = await back(store).then(() => store.eventsSince(start, 9))
    const { nowMs: __, ...unchanged } = before
    t.strictSame(after, unchanged, `${key}: nothing was written`)
    t.equal(await store.revocation(keyA1), undefined)
    t.match(
      (await store.publish([revocationOf(keyA1)], operator)).outcomes,
      [{ outcome: 'revoked' }],
      `${key}: and now it is`,
    )
    await store.close()
  }
  const store = await openStore(t, server)
  await server.cli('DEL', '{sekisho}:log')
  await server.cli('SET', '{sekisho}:log', 'text')
  await t.rejects(store.eventsSince(start, 1), { code: 'store_unavailable', message: /WRONGTYPE/ })
})

t.test(
  'READONLY: the server has become a replica; pushes fail until another is primary there, reading goes on',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await store.publish([revocationOf(keyA1)], operator)
    await server.cli('REPLICAOF', '127.0.0.1', await freePort())
    await t.rejects(store.publish([revocationOf(keyA2)], operator), { code: 'store_unavailable', message: /READONLY/ })
    await back(store)
    await server.cli('REPLICAOF', 'NO', 'ONE')
    const result = await eventually(
      () => store.publish([revocationOf(keyA2)], operator).catch(() => undefined),
      Boolean,
    )
    t.match(result?.outcomes, [{ outcome: 'revoked' }])
  },
)

t.test('LOADING: a server that is still reading its data says so, and is used when it has', async (t) => {
  const server = await startRedisServer(t, { waitForData: false, directives: { rdbcompression: 'no' } })
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  const before = await store.position()
  for (let n = 0; n < 40; n++) await server.cli('SET', `ballast:${n}`, 'x'.repeat(2_000))
  await server.cli('SAVE')
  // Microseconds a key, and how many bytes it reads before it looks who is asking.
  await server.cli('CONFIG', 'SET', 'key-load-delay', '30000', 'loading-process-events-interval-bytes', '1024')
  await server.cli('CONFIG', 'REWRITE')
  await server.restart()
  const fault = await eventually(
    () =>
      store.position().then(
        () => new Error('it answers'),
        (error: Error) => error,
      ),
    ({ message }) => !/ECONN|connection was lost/.test(message),
  )
  t.match(fault, { code: 'store_unavailable', message: /LOADING/ })
  t.strictSame(await back(store), before, 'with all it had')
})

t.test('MASTERDOWN: a replica that may not serve what it has says so', async (t) => {
  const server = await startRedisServer(t, { directives: { 'replica-serve-stale-data': 'no' } })
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  await server.cli('REPLICAOF', '127.0.0.1', await freePort())
  await t.rejects(store.position(), { code: 'store_unavailable', message: /MASTERDOWN/ })
  await server.cli('REPLICAOF', 'NO', 'ONE')
  t.equal((await back(store))?.version, 1)
})

t.test(
  'NOAUTH: a password is set while the store is running; it says so, and goes on when it is taken away',
  async (t) => {
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    t.ok(await store.position())
    const session = await openRedisSession(server.socketPath)
    t.teardown(() => session.close())
    await session.send('CONFIG', 'SET', 'requirepass', 'now-there-is-one')
    await session.send('CLIENT', 'KILL', 'TYPE', 'normal')
    const fault = await eventually(
      () =>
        store.position().then(
          () => undefined,
          (error: Error) => error,
        ),
      (error) => /NOAUTH/.test(error?.message ?? ''),
    )
    t.match(fault, { code: 'store_unavailable' })
    await server.restart()
    t.ok(await back(store))
  },
)

t.test('an event or a store of a newer program is refused, not passed over', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  const { token } = await store.position()
  await server.cli(
    'XADD',
    '{sekisho}:log',
    '2-0',
    'v',
    schemaVersion + 1,
    't',
    'new',
    'p',
    token,
    'e',
    '{"kind":"something"}',
  )
  const page = await store.eventsSince(start, 10)
  t.ok(page.continuous)
  t.strictSame(revokedKeys(page.events), [keyA1], 'what comes before is understood')
  await t.rejects(store.eventsSince(page.end, 10), {
    code: 'store_schema_newer',
    message: /current value of its schema is 2/,
  })
  await server.cli('HSET', '{sekisho}:state', 'schema', schemaVersion + 1)
  await t.rejects(store.publish([revocationOf(keyA2)], operator), { code: 'store_schema_newer' })
  t.equal(await store.revocation(keyA2), undefined, 'and nothing is written into it')
  await t.rejects(openStore(t, server), { code: 'store_schema_newer' }, 'nor does a gateway start with it')
})

t.test('a log of another program’s making does not stop the store: what is no JSON is refused as newer', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await server.cli('XADD', '{sekisho}:log', '1-0', 'v', 1, 't', 'x', 'p', '', 'e', '{broken')
  await t.rejects(store.eventsSince(start, 10), { code: 'store_schema_newer', message: /no JSON/ })
})

t.test(
  'kill -9 and restart: calls fail at once meanwhile, and everything that was on disk is there again',
  async (t) => {
    const server = await startRedisServer(t, { directives: { appendonly: 'yes', appendfsync: 'always' } })
    const store = await openStore(t, server)
    await addPeople(store)
    await store.publish([revocationOf(keyA1)], operator)
    const before = await store.position()
    await server.kill()
    await t.rejects(store.position(), {
      code: 'store_unavailable',
      message: new RegExp(`127\\.0\\.0\\.1:${server.port}`),
    })
    const calls = Array.from({ length: 50 }, (_, n) =>
      timed(store.publish([revocationOf(certificateKey(issuerA, `f${n}`))], operator)),
    )
    t.ok(
      (await Promise.all(calls)).every((ms) => ms < 1_500),
      'fifty pushes are refused soon, none is kept for later',
    )
    await server.restart()
    await back(store)
    t.strictSame(await store.position(), before)
    t.match(await store.eventsSince(before, 10), { continuous: true, events: [], revokedCount: 1 })
    t.match((await store.publish([revocationOf(keyA2)], operator)).outcomes, [{ outcome: 'revoked' }])
  },
)

t.test('kill -9 without anything on disk: it comes back empty, and that shows', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await store.publish([revocationOf(keyA1)], operator)
  const before = await store.position()
  await server.kill()
  await server.restart()
  await back(store)
  t.match(await store.eventsSince(before, 10), { continuous: false, lastVersion: 0, revokedCount: 0 })
})

t.test('SIGSTOP: calls end when the time for a command is over, later ones at once, and it heals', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server, { commandTimeoutMs: 200, connectTimeoutMs: 200 })
  await store.publish([revocationOf(keyA1)], operator)
  const before = await store.position()
  server.pause()
  t.teardown(() => server.resume())
  await t.rejects(store.position(), { code: 'store_unavailable', message: /no answer within 200 ms/ })
  await t.rejects(store.position(), { code: 'store_unavailable', message: /no connection within 200 ms|no answer/ })
  const laterMs = await timed(store.position())
  t.ok(laterMs < 150, `at once: ${laterMs} ms`)
  await t.rejects(store.publish([revocationOf(keyA2)], operator), { code: 'store_unavailable' })
  server.resume()
  await back(store)
  // What the kernel had taken for Redis is done after all: a push that failed may have been taken, and may be repeated.
  await store.publish([revocationOf(keyA2)], operator)
  const page = await store.eventsSince(before, 10)
  t.ok(page.continuous)
  t.strictSame(revokedKeys(page.events), [keyA2], 'once')
})

t.test(
  'Redis is away at the start: the store opens, says why it cannot be used, and connects when it comes',
  async (t) => {
    const port = await freePort()
    const lines: unknown[] = []
    const log = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line), error: () => {} }
    const store = await openStore(t, { host: '127.0.0.1', port }, { log })
    await t.rejects(store.position(), { code: 'store_unavailable', message: /ECONNREFUSED/ })
    const server = await startRedisServer(t, { directives: { port: String(port) } })
    t.strictSame(await back(store), start)
    t.strictSame(lines, ['no connection to the store', 'connected to the store again'], 'once each')
    await server.stop()
  },
)

t.test('what answers is no Redis, or nothing at all: the store opens all the same', async (t) => {
  for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', undefined]) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      if (answer !== undefined) socket.end(answer)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const store = await openStore(t, { host: '127.0.0.1', port }, { connectTimeoutMs: 200, commandTimeoutMs: 200 })
    await t.rejects(store.position(), { code: 'store_unavailable', message: new RegExp(`127.0.0.1:${port}`) })
    await store.close()
    server.close()
  }
})

t.test(
  'a policy that evicts: refused at the start and named with the remedy; while running it is refused at the next connection',
  async (t) => {
    for (const policy of ['allkeys-lru', 'volatile-ttl', 'allkeys-random']) {
      const server = await startRedisServer(t, { directives: { 'maxmemory-policy': policy } })
      await t.rejects(openStore(t, server), {
        code: 'config_invalid',
        path: 'store.redis',
        message: new RegExp(`${policy}.*CONFIG SET maxmemory-policy noeviction`),
      })
      await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      t.ok(await (await openStore(t, server)).position(), 'having typed that, it starts')
    }
    const server = await startRedisServer(t)
    const store = await openStore(t, server)
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    const fault = await eventually(
      () =>
        store.position().then(
          () => undefined,
          (error: Error) => error,
        ),
      (error) => /noeviction/.test(error?.message ?? ''),
    )
    t.match(fault, { code: 'store_unavailable' })
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    t.ok(await back(store))
  },
)

t.test('a store that was closed says so, and lets the process end', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const listening = store.remote.listen(() => {})
  await store.publish([revocationOf(keyA1)], operator)
  await store.close()
  await listening.close()
  await store.close()
  await t.rejects(store.position(), { code: 'store_unavailable', message: /closed/ })
  await t.rejects(store.publish([revocationOf(keyA2)], operator), { code: 'store_unavailable', message: /closed/ })
  await eventually(
    () => server.cli('CLIENT', 'LIST'),
    (list) => !String(list).includes('name=sekisho'),
  )
})

t.test('a reading of the state that loses its connection fails: no cursor is given to another server', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const serials = Array.from({ length: 20_000 }, (_, n) => (n + 0x1_000_000).toString(16))
  for (let first = 0; first < serials.length; first += 1_000) {
    await server.cli('SADD', `{sekisho}:revoked:${issuerA}`, ...serials.slice(first, first + 1_000))
  }
  await server.cli('SADD', '{sekisho}:issuers', issuerA)
  let read = 0
  const reading = (async () => {
    for await (const page of store.state()) {
      read += page.length
      if (read === 1) await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    }
  })()
  await t.rejects(reading, { code: 'store_unavailable' })
  t.ok(read < 10)
  await back(store)
  let keys = 0
  for await (const page of store.state()) keys += revokedKeys(page).length
  t.ok(keys >= serials.length)
})
