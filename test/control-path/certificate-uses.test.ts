// Goal: R20: before the first answer on a new certificate the older ones are out of use here, whatever the store does, and the store is told.
// Method: the real CertificateUses over a store that is played; what it waits for is let go by the test. One subtest uses a real store.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { CertificateUses, type CertificateUsesOptions } from '../../src/control-path/certificate-uses.ts'
import type { RecordedCertificate } from '../../src/control-path/directory-port.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { eventually } from '../helpers/eventually.ts'
import { addPeople, dayMs, futureMs, issuerA, keyA1, keyA2, keyB1, reservationOf, reserve } from '../store/samples.ts'
import { startFakeGateway } from './fake-gateway.ts'

// Its timers keep no process running.
const running = setInterval(() => {}, 1_000)
t.teardown(() => clearInterval(running))

const away = () => new GatewayError('store_unavailable', 'Cannot reach the store')
const use = {
  loginId: 'user01',
  certificateKey: keyA2,
  isRecorded: true,
  notBeforeMs: 2_000,
  notAfterMs: futureMs,
  publicKeyHash: 'hash-2',
}
const seen = { ...use, isRecorded: false }

function recorded(key: typeof keyA1, changes: Partial<RecordedCertificate> = {}): RecordedCertificate {
  const span = { notBeforeMs: 1_000, notAfterMs: futureMs }
  return { key, loginId: 'user01', ...span, state: 'current', revoked: false, recordedVersion: 1, ...changes }
}

/** Everything `CertificateUses` reaches out for, with what was done in its order. */
function start(changes: Partial<CertificateUsesOptions> = {}) {
  const done: string[] = []
  const audited: string[] = []
  const errors: string[] = []
  const world = {
    done,
    audited,
    errors,
    superseded: [keyA1] as readonly (typeof keyA1)[],
    fault: undefined as Error | undefined,
    gate: Promise.resolve() as Promise<void>,
    upsert: 'recorded' as 'recorded' | 'known' | 'belongs_to_another',
    certificates: [recorded(keyA1), recorded(keyA2, { notBeforeMs: 2_000 })] as readonly RecordedCertificate[],
  }
  const enter = async (what: string) => {
    done.push(what)
    await world.gate
    if (world.fault !== undefined) throw world.fault
  }
  const uses = new CertificateUses({
    store: {
      useCertificate: async (key) => {
        await enter(`use ${key.slice(-1)}`)
        return { changed: true, superseded: world.superseded, version: 1 }
      },
      upsertCertificate: async ({ key, publicKeyHash }) => {
        await enter(`record ${key.slice(-1)} ${publicKeyHash}`)
        return world.upsert
      },
      certificatesOf: async () => world.certificates,
      supersede: async (key) => {
        await enter(`supersede ${key.slice(-1)}`)
        return { changed: true, version: 1 }
      },
    },
    follower: {
      caughtUp: async () => void done.push('in force'),
      supersedeBeside: async (keys) => void done.push(`beside ${keys.map((key) => key.slice(-1))}`),
    },
    knownHere: () => [
      { key: keyA1, notBeforeMs: 1_000, state: 'current' },
      { key: keyA2, notBeforeMs: 2_000, state: 'issued' },
    ],
    supersedesSeen: () => true,
    audit: ({ event, target }) => void audited.push(`${event} ${target?.name.slice(-1)}`),
    log: { info: () => {}, warn: () => {}, error: (message) => void errors.push(message) },
    nowMs: () => 5_000,
    patienceMs: 60_000,
    retryMs: 5,
    ...changes,
  })
  t.teardown(() => uses.close())
  return Object.assign(world, { uses })
}

t.test('R20: the store is told, and the promise resolves once that is in force here; it is on record', async (t) => {
  const { uses, done, audited } = start()
  await uses.note(use)
  t.strictSame(done, ['use 2', 'in force'])
  t.strictSame(audited, ['certificate_superseded 1'])
  t.equal(uses.waiting, 0)
})

t.test('several connections at once are one call; a later one is another', async (t) => {
  const { uses, done } = start()
  await Promise.all([uses.note(use), uses.note(use), uses.note(use)])
  t.strictSame(done, ['use 2', 'in force'])
  await uses.note(use)
  t.equal(done.length, 4)
})

t.test('R20: with the store away the older one is out of use here at once, and the store is told later', async (t) => {
  const world = start()
  const { uses, done, audited, errors } = world
  world.fault = away()
  await uses.note(use)
  t.strictSame(done, ['use 2', 'beside 1'])
  t.equal(uses.waiting, 1)
  await eventually(
    () => done.filter((what) => what === 'use 2').length,
    (count) => count >= 3,
  )
  t.equal(uses.waiting, 1)
  world.fault = undefined
  await eventually(
    () => uses.waiting,
    (waiting) => waiting === 0,
  )
  t.strictSame(audited, ['certificate_superseded 1'], 'on record once')
  t.strictSame(errors, [])
})

t.test('R20: a store that is slow keeps nobody waiting beyond the patience, and may still answer', async (t) => {
  const world = start({ patienceMs: 5 })
  const { promise, resolve } = Promise.withResolvers<void>()
  world.gate = promise
  await world.uses.note(use)
  t.strictSame(world.done, ['use 2', 'beside 1'])
  resolve()
  await eventually(
    () => world.audited.length,
    (count) => count === 1,
  )
  t.equal(world.uses.waiting, 0)
})

t.test('what cannot be put out of use here is logged, and keeps nobody out', async (t) => {
  const world = start({
    follower: { caughtUp: async () => {}, supersedeBeside: () => Promise.reject(new Error('worker gone')) },
  })
  world.fault = away()
  await world.uses.note(use)
  t.strictSame(world.errors, ['older certificates could not be superseded here'])
})

t.test('a read-only store is told nothing more, and is no error; anything else is one', async (t) => {
  const world = start()
  world.fault = new GatewayError('store_read_only', 'Cannot write')
  await world.uses.note(use)
  t.equal(world.uses.waiting, 0)
  t.strictSame(world.done, ['use 2', 'beside 1'])
  t.strictSame(world.errors, [])
  world.fault = new GatewayError('admin_not_found', 'Cannot find it')
  await world.uses.note(use)
  t.equal(world.uses.waiting, 0)
  t.strictSame(world.errors, ['the first use of a certificate could not be recorded'])
})

t.test('once closed the store is asked no more', async (t) => {
  const world = start({ retryMs: 1 })
  world.fault = away()
  await world.uses.note(use)
  world.uses.close()
  const asked = world.done.length
  const other = start({ retryMs: 1 })
  other.fault = away()
  await other.uses.note(use)
  await eventually(
    () => other.done.length,
    (count) => count >= 6,
  )
  t.equal(world.done.length, asked, 'while another one asks again and again')
  other.uses.close()
})

t.test('R12: one made elsewhere is recorded when it is seen, and those that began before it superseded', async (t) => {
  const { uses, done, audited } = start()
  await uses.note(seen)
  t.strictSame(done, ['record 2 hash-2', 'supersede 1', 'in force'])
  t.strictSame(audited, ['certificate_superseded 1'])
})

t.test('R2: an older one that is seen later is the one superseded', async (t) => {
  const { uses, done } = start()
  await uses.note({ ...seen, certificateKey: keyA1, notBeforeMs: 1_000 })
  t.strictSame(done, ['record 1 hash-2', 'supersede 1', 'in force'])
})

t.test('of revoked, superseded and unused ones none counts', async (t) => {
  const world = start()
  world.certificates = [
    recorded(keyA2, { notBeforeMs: 2_000 }),
    recorded(keyA1, { state: 'superseded' }),
    recorded(keyB1, { state: 'issued', notBeforeMs: 9_000 }),
    recorded(keyB1, { revoked: true, notBeforeMs: 9_000 }),
  ]
  await world.uses.note(seen)
  t.strictSame(world.done, ['record 2 hash-2', 'in force'])
})

t.test('supersedeSeen off: recorded, and both stay, also while the store is away', async (t) => {
  const world = start({ supersedesSeen: () => false })
  await world.uses.note(seen)
  t.strictSame(world.done, ['record 2 hash-2', 'in force'])
  world.fault = away()
  world.done.length = 0
  await world.uses.note(seen)
  t.strictSame(world.done, ['record 2 hash-2'])
  t.equal(world.uses.waiting, 1)
  world.done.length = 0
  await world.uses.note(use)
  t.match(world.done, ['use 2', 'beside 1'], 'what was issued here supersedes all the same')
})

t.test('R2: one that is recorded for another login ID supersedes nothing', async (t) => {
  const world = start()
  world.upsert = 'belongs_to_another'
  await world.uses.note(seen)
  t.strictSame(world.done, ['record 2 hash-2', 'in force'])
  t.strictSame(world.audited, [])
})

t.test('R20: over a real store the older one is in the index before the promise resolves', async (t) => {
  const { store, follower, index } = await startFakeGateway(t)
  await addPeople(store)
  const old = await reserve(t, store, reservationOf('a1'))
  await store.useCertificate(old)
  const newer = await reserve(t, store, reservationOf('a2', { notBeforeMs: 2_000 }))
  await follower.caughtUp()
  const { uses } = start({ store, follower, nowMs: () => dayMs })
  await uses.note({ ...use, certificateKey: newer })
  t.ok(index.has(fingerprintOf('superseded', old)))
  t.notOk(index.has(fingerprintOf('superseded', newer)))
  t.ok(newer.startsWith(issuerA))
})
