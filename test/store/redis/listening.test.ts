// Goal: whoever listens hears of each event at once, hears on a connection of its own that notices a dead peer, and is called after
// every gap. Method: a real server that is written to, paused, killed and emptied while somebody listens.
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import type { RedisStore } from '../../../src/store/redis/redis-store.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRedisServer } from '../../helpers/redis-server.ts'
import { addPeople, keyA1, keyA2, keyB1, operator, revocationOf } from '../samples.ts'
import { openStore } from './open-store.ts'

/** Listens until the test ends; `heard` resolves at the next call. */
function listenTo(t: Test, store: RedisStore) {
  let next = Promise.withResolvers<number>()
  let calls = 0
  const { close } = store.remote.listen(() => {
    calls++
    next.resolve(systemClock.monotonicMs())
    next = Promise.withResolvers<number>()
  })
  t.teardown(close)
  return { heard: () => next.promise, calls: () => calls, close }
}

t.test('each change is heard at once, by every gateway', async (t) => {
  const server = await startRedisServer(t)
  const writer = await openStore(t, server)
  const listeners = await Promise.all(
    [1, 2, 3].map(async () => {
      const ear = listenTo(t, await openStore(t, server))
      await ear.heard()
      return ear
    }),
  )
  const changes: (() => Promise<unknown>)[] = [
    () => writer.publish([revocationOf(keyA1)], operator),
    () => writer.restore(keyA1, operator),
    () => writer.upsertContract({ contractId: 'x', loginMethod: 'certificate', certificateLimit: 1 }),
    () => writer.setLoginMethod('x', 'password'),
    () => writer.publishAgain({ revocations: [{ key: keyB1, version: 9 }], rules: [] }, 9),
  ]
  const waited: number[] = []
  for (const change of changes) {
    const heard = listeners.map((ear) => ear.heard())
    await change()
    const doneMs = systemClock.monotonicMs()
    for (const atMs of await Promise.all(heard)) waited.push(atMs - doneMs)
  }
  t.ok(Math.max(...waited) < 500, `at most ${Math.max(...waited).toFixed(1)} ms later`)
})

t.test('what changes nothing is not heard', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  await addPeople(store)
  await store.publish([revocationOf(keyA1)], operator)
  const ear = listenTo(t, store)
  await ear.heard()
  const before = ear.calls()
  await store.publish([revocationOf(keyA1)], operator)
  await addPeople(store)
  await store.writeMeta('sealingKeys', 'x', 0)
  const heard = ear.heard()
  await store.publish([revocationOf(keyA2)], operator)
  await heard
  t.equal(ear.calls(), before + 1)
})

t.test('a server that stands still or dies is noticed, and the first call after it is there again', async (t) => {
  const server = await startRedisServer(t, { directives: { appendonly: 'yes', appendfsync: 'always' } })
  const writer = await openStore(t, server)
  const names: string[] = []
  const log = {
    info: () => {},
    warn: (_: string, fields?: Readonly<Record<string, unknown>>) => names.push(String(fields?.purpose)),
    error: () => {},
  }
  const ear = listenTo(t, await openStore(t, server, { log, commandTimeoutMs: 200, connectTimeoutMs: 200 }))
  await ear.heard()
  server.pause()
  t.teardown(() => server.resume())
  await eventually(() => names.includes('listening'), Boolean, 5_000)
  const afterPause = ear.heard()
  server.resume()
  await afterPause
  await server.kill()
  const afterDeath = ear.heard()
  await server.restart()
  await afterDeath
  const heard = ear.heard()
  await eventually(() => writer.publish([revocationOf(keyA1)], operator).catch(() => undefined), Boolean)
  await heard
  t.pass('and it goes on')
})

t.test('after FLUSHALL new events are heard as before', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  for (const key of [keyA1, keyA2, keyB1]) await store.publish([revocationOf(key)], operator)
  const ear = listenTo(t, store)
  await ear.heard()
  await server.cli('FLUSHALL')
  const heard = ear.heard()
  await store.publish([revocationOf(keyA1)], operator)
  await heard
  t.pass('it was heard')
})

t.test('it has a connection of its own, which ends when nobody listens any more', async (t) => {
  const server = await startRedisServer(t)
  const store = await openStore(t, server)
  const ear = listenTo(t, store)
  await ear.heard()
  const clients = async () =>
    [...String(await server.cli('CLIENT', 'LIST')).matchAll(/ name=sekisho:(\w+)/g)]
      .map(([, purpose]) => purpose)
      .toSorted()
  t.strictSame(await clients(), ['commands', 'listening'])
  await ear.close()
  await eventually(clients, (names) => names.length === 1)
  t.ok(await store.position(), 'the other goes on')
})
