// Goal: assertion keys rotate on time; a new key signs only when every gateway's key set has it, and stays published while assertions of it
// live; every gateway's key set has every gateway's keys; a private key never gets into the store.
// Method: two gateways' keys over one store in memory, a fake clock, and Node's mock timers for the refresh.
import { mock } from 'node:test'
import { createLocalJWKSet, importJWK, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose'
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { type AssertionKeySet, AssertionKeys } from '../../src/control-path/assertion-keys.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const hourMs = 3_600_000
mock.timers.enable({ apis: ['setInterval'] })
t.teardown(() => mock.timers.reset())

/** One shared value with compare-and-set, as in the store. */
function createStore() {
  const store = {
    value: undefined as { value: string; revision: number } | undefined,
    failing: false,
    readMeta: async () => {
      if (store.failing) throw new GatewayError('store_unavailable', 'away')
      return store.value
    },
    writeMeta: async (_name: string, value: string, revision: number) => {
      if (store.failing) throw new GatewayError('store_unavailable', 'away')
      if ((store.value?.revision ?? 0) !== revision) return false
      store.value = { value, revision: revision + 1 }
      return true
    },
  }
  return store
}

async function open(store: ReturnType<typeof createStore>, clock: FakeClock) {
  const changes: AssertionKeySet[] = []
  const warnings: string[] = []
  const log = { warn: (message: string) => warnings.push(message), info: () => {}, error: () => {} }
  const keys = await AssertionKeys.open({
    store: store as never,
    clock,
    log: log as never,
    lifetimeSeconds: 60,
    keyRotationHours: 24,
    changed: (current) => changes.push(current),
  })
  return { keys, changes, warnings }
}

const settledAfterMs = 15_000

/** Lets the refresh timer fire, and what it began come to its end. */
async function refresh(): Promise<void> {
  mock.timers.tick(5_000)
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

const kids = (jwks: string) => (JSON.parse(jwks) as JSONWebKeySet).keys.map(({ kid }) => kid)
const kidOf = ({ privateJwk }: AssertionKeySet) => (JSON.parse(privateJwk) as { kid: string }).kid

async function tokenOf(keys: AssertionKeySet): Promise<string> {
  const key = JSON.parse(keys.privateJwk)
  return new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: key.kid }).sign(await importJWK(key, 'ES256'))
}

t.test('the first key is published before it can be used, without its private half', async (t) => {
  const store = createStore()
  const { keys } = await open(store, new FakeClock())
  t.notMatch(store.value?.value, /"d":/)
  t.strictSame(kids(keys.current.jwks), [kidOf(keys.current)])
  await t.resolves(jwtVerify(await tokenOf(keys.current), createLocalJWKSet(JSON.parse(keys.current.jwks))))
  keys.close()
})

t.test('keys rotate when due, and the old one stays in the set for a rotation and a life more', async (t) => {
  const clock = new FakeClock()
  const store = createStore()
  const { keys, changes } = await open(store, clock)
  const first = keys.current
  const token = await tokenOf(first)
  clock.advance(24 * hourMs - 1)
  await refresh()
  t.equal(kidOf(keys.current), kidOf(first))
  t.strictSame(changes, [])
  clock.advance(1)
  await refresh()
  const announced = keys.current
  t.equal(kidOf(announced), kidOf(first), 'a new one is published, and does not sign yet')
  t.equal(kids(announced.jwks).length, 2)
  clock.advance(settledAfterMs - 1)
  await refresh()
  t.equal(kidOf(keys.current), kidOf(first))
  clock.advance(1)
  await refresh()
  const second = keys.current
  t.not(kidOf(second), kidOf(first))
  t.strictSame(changes, [announced, second], 'workers are told once of each')
  t.strictSame(kids(second.jwks), [kidOf(first), kidOf(second)])
  await t.resolves(jwtVerify(token, createLocalJWKSet(JSON.parse(second.jwks))))
  clock.advance(24 * hourMs + 60_000)
  await refresh()
  t.notOk(kids(keys.current.jwks).includes(kidOf(first)), 'then it is gone')
  keys.close()
})

t.test('two gateways know each other’s keys', async (t) => {
  const clock = new FakeClock()
  const store = createStore()
  const one = await open(store, clock)
  const two = await open(store, clock)
  t.strictSame(kids(two.keys.current.jwks), [kidOf(one.keys.current), kidOf(two.keys.current)])
  await refresh()
  t.strictSame(kids(one.keys.current.jwks), kids(two.keys.current.jwks))
  t.equal(one.changes.length, 1, 'its workers get the new key set')
  await t.resolves(jwtVerify(await tokenOf(two.keys.current), createLocalJWKSet(JSON.parse(one.keys.current.jwks))))
  one.keys.close()
  two.keys.close()
})

t.test('a rotated key is in the set of every gateway before an assertion of it is about', async (t) => {
  const clock = new FakeClock()
  const store = createStore()
  const one = await open(store, clock)
  clock.advance(hourMs)
  const two = await open(store, clock)
  await refresh()
  const first = kidOf(one.keys.current)
  clock.advance(23 * hourMs)
  for (let turn = 0; kidOf(one.keys.current) === first && turn < 10; turn++) {
    const known = two.keys.current.jwks
    await refresh()
    const token = await tokenOf(one.keys.current)
    await t.resolves(
      jwtVerify(token, createLocalJWKSet(JSON.parse(known))),
      'what the other served even before its look',
    )
    clock.advance(5_000)
  }
  t.not(kidOf(one.keys.current), first)
  one.keys.close()
  two.keys.close()
})

t.test('a store that is away: the key at hand goes on signing, and rotation is made up for', async (t) => {
  const clock = new FakeClock()
  const store = createStore()
  const { keys, changes, warnings } = await open(store, clock)
  const first = kidOf(keys.current)
  store.failing = true
  clock.advance(25 * hourMs)
  await refresh()
  t.equal(kidOf(keys.current), first)
  t.equal(warnings.length, 1)
  t.strictSame(changes, [])
  store.failing = false
  await refresh()
  t.equal(kidOf(keys.current), first, 'the time before it signs begins when it is published')
  clock.advance(settledAfterMs)
  await refresh()
  t.not(kidOf(keys.current), first)
  keys.close()
})

t.test(
  'a gateway that starts while the store is away signs with its own key, and publishes it when it can',
  async (t) => {
    const store = createStore()
    const other = await open(store, new FakeClock())
    store.failing = true
    const { keys, changes } = await open(store, new FakeClock())
    const own = kidOf(keys.current)
    t.strictSame(kids(keys.current.jwks), [own])
    store.failing = false
    await refresh()
    t.equal(kidOf(keys.current), own, 'the same key')
    t.strictSame(kids(keys.current.jwks), [kidOf(other.keys.current), own])
    t.equal(changes.length, 1)
    keys.close()
    other.keys.close()
  },
)

t.test('a store that was emptied gets the keys back', async (t) => {
  const store = createStore()
  const { keys } = await open(store, new FakeClock())
  const token = await tokenOf(keys.current)
  store.value = undefined
  await refresh()
  t.strictSame(kids(keys.current.jwks), [kidOf(keys.current)])
  t.match(store.value, { value: /kid/ })
  await t.resolves(jwtVerify(token, createLocalJWKSet(JSON.parse(keys.current.jwks))))
  keys.close()
})
