import type { Test } from 'tap'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { type CertificateKey, certificateKey } from '../../src/x509/certificate-key.ts'
import {
  addPeople,
  allEvents,
  allRecords,
  type ContractSetting,
  dayMs,
  futureMs,
  issuerA,
  issuerB,
  keyA1,
  keyA2,
  keyB1,
  nowMs,
  operator,
  reservationOf,
  reserve,
  revocationOf,
  statesOf,
  subjectsOf,
} from './samples.ts'

/** The first use of certificates, when they were seen, and when they end. */
export function testUse(t: Test, setting: ContractSetting): void {
  testFirstUse(t, setting)
  testUseBesideOthers(t, setting)
  testSightings(t, setting)
  testExpiring(t, setting)
}

function testFirstUse(t: Test, { open }: ContractSetting): void {
  t.test('R20: the first use makes a certificate current and supersedes those before it, once', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 9_000, notAfterMs: futureMs })
    await store.upsertCertificate({ key: keyB1, loginId: 'user02', notBeforeMs: 0, notAfterMs: futureMs })
    const reserved = reservationOf('2')
    await reserve(t, store, reserved)
    t.match(await statesOf(store), [
      [keyA1, 'current'],
      [keyA2, 'issued'],
    ])
    const before = await store.position()
    const use = await store.useCertificate(keyA2)
    t.strictSame(use, { changed: true, superseded: [keyA1], version: (await store.position()).version })
    t.match(await statesOf(store), [
      [keyA1, 'superseded'],
      [keyA2, 'current'],
    ])
    const events = await allEvents(t, store, { from: before })
    t.strictSame(subjectsOf(events), [`certificate ${keyA2}`, `superseded ${keyA1}`])
    t.match(
      events.find(({ kind }) => kind === 'directory'),
      { loginId: 'user01', entry: { type: 'certificate', certificate: reserved, used: true, superseded: false } },
    )
    t.strictSame(await store.lookUp('user01', keyA2), {
      user: { contractId: 'shoji', role: 'general' },
      certificateRegistered: true,
    })
    t.match(await store.certificatesOf('user02', 0), [{ key: keyB1, state: 'current' }], 'others keep theirs')
    t.match(
      (await allRecords(store)).filter(({ type }) => type === 'certificate'),
      [
        { certificate: { key: keyA1 }, used: true, superseded: true },
        { certificate: { key: keyA2 }, used: true, superseded: false },
        { certificate: { key: keyB1 }, used: true, superseded: false },
      ],
    )
    const position = await store.position()
    t.match(await store.useCertificate(keyA2), { changed: false, superseded: [] })
    t.strictSame(await store.position(), position)
    t.equal((await store.certificateOfPublicKey('public-key-2'))?.recordedVersion, before.version, 'the order stays')
  })

  t.test('what is not recorded cannot be used', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await t.rejects(store.useCertificate(keyA1), { code: 'admin_not_found' })
  })
}

function testUseBesideOthers(t: Test, { open }: ContractSetting): void {
  t.test('R20: a use that comes late does not supersede what was recorded after it', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const pending = await reserve(t, store, reservationOf('1'))
    const newer = await reserve(t, store, reservationOf('2'))
    t.match(await store.useCertificate(pending), { changed: true, superseded: [] })
    t.strictSame(await statesOf(store), [
      [pending, 'current'],
      [newer, 'issued'],
    ])
    t.match(await store.useCertificate(newer), { changed: true, superseded: [pending] })
  })

  t.test('R20: a use of what was replaced meanwhile changes nothing, and the current one stays', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
    const replaced = await reserve(t, store, reservationOf('2'))
    await reserve(t, store, reservationOf('3'), [replaced])
    const position = await store.position()
    t.match(await store.useCertificate(replaced), { changed: false, superseded: [] })
    t.strictSame(await store.position(), position)
    t.match(await statesOf(store), [
      [keyA1, 'current'],
      [replaced, 'superseded'],
      [certificateKey(issuerA, '3'), 'issued'],
    ])
  })

  t.test('R20: of several that tell the first use at once one supersedes', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
    await store.upsertCertificate({ key: keyB1, loginId: 'user01', notBeforeMs: 0, notAfterMs: 20 })
    await store.supersede(keyB1)
    await reserve(t, store, reservationOf('2'))
    const before = await store.position()
    const uses = await Promise.all([1, 2, 3].map(() => store.useCertificate(keyA2)))
    t.strictSame(uses.map(({ changed }) => changed).toSorted(), [false, false, true])
    t.strictSame(
      uses.flatMap(({ superseded }) => superseded),
      [keyA1],
    )
    t.strictSame(subjectsOf(await allEvents(t, store, { from: before })), [
      `certificate ${keyA2}`,
      `superseded ${keyA1}`,
    ])
  })

  t.test('a certificate recorded from elsewhere counts as used: using it supersedes nobody', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
    t.match(await store.useCertificate(keyA2), { changed: false, superseded: [] })
    t.match(await store.certificatesOf('user01', 0), [{ state: 'current' }, { state: 'current' }])
  })
}

function testSightings(t: Test, { open }: ContractSetting): void {
  t.test(
    'the earliest and the latest sighting of each certificate stay, in whatever order they are told',
    async (t) => {
      const store = await open(t, { nowMs })
      await addPeople(store)
      const position = await store.position()
      await store.noteSightings([])
      t.strictSame(await store.sightings([]), [])
      await reserve(t, store, reservationOf('1'))
      await reserve(t, store, reservationOf('2', { loginId: 'user02' }))
      const reserved = await store.position()
      await store.noteSightings([
        { key: keyA1, atMs: 2_000 },
        { key: keyB1, atMs: 5 },
        { key: keyA1, atMs: 1_500 },
      ])
      await store.noteSightings([{ key: keyA1, atMs: 9_000 }])
      await store.noteSightings([{ key: keyA1, atMs: 4_000 }])
      t.strictSame(await store.sightings([keyA2, keyA1, keyB1]), [
        undefined,
        { firstMs: 1_500, lastMs: 9_000 },
        undefined,
      ])
      await store.upsertCertificate({ key: keyB1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
      t.strictSame(await store.sightings([keyB1]), [undefined], 'what was not recorded was passed over')
      t.ok(
        (await store.position()).version === reserved.version + 1 && reserved.version > position.version,
        'outside the log',
      )
    },
  )
}

function testExpiring(t: Test, { open }: ContractSetting): void {
  const all = async (store: TrustStore, fromMs: number, toMs: number) => {
    const found: string[] = []
    for await (const page of store.expiringCertificates(fromMs, toMs))
      found.push(...page.map(({ user, certificate }) => `${certificate.key} ${user.loginId} ${certificate.state}`))
    return found.toSorted()
  }

  t.test('R10: certificates that end in a span are told with their users, both ends included', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertUser({ loginId: 'user02', contractId: 'shoji', role: 'master', email: 'm@shoji.example' })
    const endsAt = (serial: string, notAfterMs: number, changes = {}) =>
      store.upsertCertificate(reservationOf(serial, { notAfterMs, ...changes }))
    await endsAt('1', futureMs - 1)
    await endsAt('2', futureMs, { loginId: 'user02' })
    await endsAt('3', futureMs + dayMs)
    await endsAt('4', futureMs + dayMs + 1)
    await endsAt('5', futureMs + 5)
    await endsAt('6', futureMs + 5)
    await endsAt('7', futureMs + 5)
    const keyOf = (serial: string) => reservationOf(serial).key
    await store.publish([revocationOf(keyOf('5')), revocationOf(keyOf('7'))], operator)
    await store.supersede(keyOf('6'))
    await store.restore(keyOf('7'), operator)
    const issued = await reserve(t, store, reservationOf('8', { notAfterMs: futureMs + 7 }))
    t.strictSame(await all(store, futureMs, futureMs + dayMs), [
      `${keyOf('2')} user02 current`,
      `${keyOf('3')} user01 current`,
      `${keyOf('7')} user01 current`,
      `${issued} user01 issued`,
    ])
    for await (const page of store.expiringCertificates(futureMs, futureMs)) {
      t.match(page, [{ user: { email: 'm@shoji.example', role: 'master' }, certificate: { notAfterMs: futureMs } }])
    }
    t.strictSame(await all(store, futureMs + dayMs + 2, futureMs * 2), [])
    t.strictSame(await all(store, futureMs + 1, futureMs), [])
  })

  t.test('R10: hundreds that end at the same moment are told, each once', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const serials = Array.from({ length: 700 }, (_, index) => (index + 0x1000).toString(16))
    await Promise.all(serials.map((serial) => store.upsertCertificate(reservationOf(serial))))
    const ofAnother = `${issuerB}:9` as CertificateKey
    await store.upsertCertificate(reservationOf('9', { key: ofAnother, notAfterMs: futureMs + 1 }))
    t.strictSame(
      await all(store, futureMs, futureMs + 1),
      [...serials.map((serial) => reservationOf(serial).key), ofAnother]
        .map((key) => `${key} user01 current`)
        .toSorted(),
    )
  })
}
