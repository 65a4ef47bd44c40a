import type { Test } from 'tap'
import {
  addPeople,
  allEvents,
  allRecords,
  allState,
  type ContractSetting,
  futureMs,
  keyA1,
  keyA2,
  keyB1,
  nowMs,
  operator,
  reservationOf,
  reserve,
  revisionOf,
  revocationOf,
  statesOf,
  subjectsOf,
} from './samples.ts'

/** What issuing needs of the store. */
export function testIssuance(t: Test, setting: ContractSetting): void {
  testHoldings(t, setting)
  testReserving(t, setting)
  testGuard(t, setting)
  testSigned(t, setting)
}

function testHoldings(t: Test, { open }: ContractSetting): void {
  t.test('R3: what a contract holds is told whole: its users, and what has not expired', async (t) => {
    const store = await open(t, { nowMs })
    t.equal(await store.contractHoldings('shoji', 0), undefined)
    await addPeople(store)
    await store.upsertContract({ contractId: 'yubin', loginMethod: 'certificate', certificateLimit: 1 })
    await store.upsertUser({ loginId: 'other', contractId: 'yubin', role: 'general' })
    await store.upsertCertificate({ key: keyB1, loginId: 'other', notBeforeMs: 0, notAfterMs: futureMs })
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 9, notAfterMs: 20 })
    await store.upsertCertificate({ key: keyA2, loginId: 'user01', notBeforeMs: 5, notAfterMs: futureMs })
    const pending = await reserve(t, store, reservationOf('3'))
    await store.publish([revocationOf(keyA2)], operator)
    const holdings = await store.contractHoldings('shoji', 20)
    t.strictSame(holdings?.contract, { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 })
    t.match(holdings?.users, [
      {
        user: { loginId: 'user01', role: 'general', state: 'active' },
        certificates: [
          { key: keyA1, state: 'current', revoked: false, notBeforeMs: 9, notAfterMs: 20 },
          { key: keyA2, state: 'current', revoked: true },
          { key: pending, state: 'issued', revoked: false, publicKeyHash: 'public-key-3' },
        ],
      },
      { user: { loginId: 'user02', role: 'master' }, certificates: [] },
    ])
    const later = await store.contractHoldings('shoji', 21)
    t.strictSame(
      later?.users.map(({ certificates }) => certificates.map(({ key }) => key)),
      [[keyA2, pending], []],
    )
  })

  t.test('the revision rises with each reservation, record, restore and move into the contract only', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertContract({ contractId: 'yubin', loginMethod: 'certificate', certificateLimit: 1 })
    await store.upsertUser({ loginId: 'mover', contractId: 'yubin', role: 'general' })
    let last = await revisionOf(store)
    const rises = async (what: string, change: () => Promise<unknown>) => {
      await change()
      const revision = await revisionOf(store)
      t.ok(revision > last, what)
      last = revision
    }
    const record = { key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs }
    await rises('a record', () => store.upsertCertificate(record))
    await rises('a reservation', () => reserve(t, store, reservationOf('2')))
    await store.publish([revocationOf(keyA2)], operator)
    await rises('a restore', () => store.restore(keyA2, operator))
    await rises('a move', () => store.upsertUser({ loginId: 'mover', contractId: 'shoji', role: 'general' }))
    await store.upsertCertificate(record)
    await addPeople(store)
    await store.keepSigned(keyA2, Buffer.from('der'))
    await store.noteSightings([{ key: keyA1, atMs: 1 }])
    await store.upsertUser({ loginId: 'other', contractId: 'yubin', role: 'general' })
    await store.upsertCertificate({ ...record, key: keyB1, loginId: 'other' })
    t.equal(await revisionOf(store), last, 'what holds nothing new does not count')
  })
}

function testReserving(t: Test, { open }: ContractSetting): void {
  t.test('R2: a reserved certificate is registered and issued, and was not used', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const before = await store.position()
    const reserved = reservationOf('1')
    await reserve(t, store, reserved)
    const { version } = await store.position()
    t.strictSame(await store.certificatesOf('user01', 0), [
      { ...reserved, state: 'issued', revoked: false, recordedVersion: version },
    ])
    const user = { contractId: 'shoji', role: 'general' }
    t.strictSame(await store.lookUp('user01', keyA1), { user, certificateRegistered: true, certificateUnused: true })
    t.strictSame(await store.lookUp('user02', keyA1), {
      user: { ...user, role: 'master' },
      certificateRegistered: false,
    })
    t.strictSame(await allEvents(t, store, { from: before }), [
      {
        version,
        kind: 'directory',
        loginId: 'user01',
        entry: { type: 'certificate', certificate: reserved, used: false, superseded: false },
      },
    ])
    t.match(
      (await allRecords(store)).filter(({ type }) => type === 'certificate'),
      [{ version, certificate: reserved, used: false, superseded: false }],
    )
    t.equal(await store.upsertCertificate(reserved), 'known', 'recording it by hand changes nothing')
    t.equal(await store.upsertCertificate({ ...reserved, loginId: 'user02' }), 'belongs_to_another')
    t.match(await store.certificatesOf('user01', 0), [{ state: 'issued' }])
  })

  t.test('R20: a reservation supersedes the pending ones that it replaces, and nothing else', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
    const replaced = await reserve(t, store, reservationOf('2'))
    const before = await store.position()
    const pending = await reserve(t, store, reservationOf('3'), [replaced])
    t.strictSame(await statesOf(store), [
      [keyA1, 'current'],
      [replaced, 'superseded'],
      [pending, 'issued'],
    ])
    t.strictSame(subjectsOf(await allEvents(t, store, { from: before })), [
      `certificate ${pending}`,
      `superseded ${replaced}`,
    ])
    t.strictSame(subjectsOf(await allState(t, store)), [`superseded ${replaced}`])
    t.notMatch(
      await store.lookUp('user01', replaced),
      { certificateUnused: true },
      'its first use means nothing any more',
    )
    t.match(await store.lookUp('user01', replaced), { certificateRegistered: true })
    t.match(await store.lookUp('user01', pending), { certificateUnused: true })
    const position = await store.position()
    const after = await reserve(t, store, reservationOf('4'), [replaced, pending])
    t.strictSame(
      subjectsOf(await allEvents(t, store, { from: position })),
      [`certificate ${after}`, `superseded ${pending}`],
      'superseded once',
    )
  })

  t.test(
    'R20: a restore is refused once a newer one was issued, though never used; the newest may come back',
    async (t) => {
      const store = await open(t, { nowMs })
      await addPeople(store)
      const older = await reserve(t, store, reservationOf('f'))
      // Within the same second, so only the order of recording tells which is newer.
      const newer = await reserve(t, store, reservationOf('a'))
      await store.publish([revocationOf(older), revocationOf(newer)], operator)
      t.match(await store.restoreObstacle(older), /user01 has a newer certificate, serial a/)
      await t.rejects(store.restore(older, operator), { code: 'restore_refused' })
      t.match(await store.restore(newer, operator), { outcome: 'restored' })
      t.match(await store.lookUp('user01', newer), { certificateUnused: true })
    },
  )
}

function testGuard(t: Test, { open }: ContractSetting): void {
  t.test(
    'R3 R8: of several that decided from the same holdings one reserves; the others must decide again',
    async (t) => {
      const store = await open(t, { nowMs })
      await addPeople(store)
      const revision = await revisionOf(store)
      const guard = { contractId: 'shoji', revision, replaces: [] }
      const outcomes = await Promise.all(
        ['1', '2', '3'].map((serial) =>
          store.reserveCertificate(reservationOf(serial, serial === '3' ? { loginId: 'user02' } : {}), guard),
        ),
      )
      t.strictSame(outcomes.toSorted(), ['moved', 'moved', 'reserved'])
      const position = await store.position()
      t.equal(await store.reserveCertificate(reservationOf('1'), guard), 'moved', 'also who repeats what was taken')
      const ahead = { ...guard, revision: (await revisionOf(store)) + 1 }
      t.equal(await store.reserveCertificate(reservationOf('4'), ahead), 'moved', 'and who decided from a lost store')
      t.strictSame(await store.position(), position, 'nothing was written')
      t.equal((await allRecords(store)).filter(({ type }) => type === 'certificate').length, 1)
    },
  )

  t.test('whoever is not in the contract (any more) has moved, as has a contract that is not there', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await store.upsertContract({ contractId: 'yubin', loginMethod: 'certificate', certificateLimit: 1 })
    const revision = await revisionOf(store)
    await store.upsertUser({ loginId: 'user01', contractId: 'yubin', role: 'general' })
    t.equal(await revisionOf(store), revision, 'who leaves takes no place')
    const guard = { contractId: 'shoji', revision, replaces: [] }
    const position = await store.position()
    t.equal(await store.reserveCertificate(reservationOf('1'), guard), 'moved')
    t.equal(await store.reserveCertificate(reservationOf('1', { loginId: 'nobody' }), guard), 'moved')
    t.equal(
      await store.reserveCertificate(reservationOf('1'), { ...guard, contractId: 'nowhere', revision: 0 }),
      'moved',
    )
    t.strictSame(await store.position(), position)
    t.equal(await store.reserveCertificate(reservationOf('1', { loginId: 'user02' }), guard), 'reserved')
  })

  t.test('a public key is certified once, whoever asks and whatever became of its certificate', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const first = await reserve(t, store, reservationOf('1'))
    await store.upsertCertificate({ ...reservationOf('2'), notAfterMs: 20 })
    await store.publish([revocationOf(first)], operator)
    await store.supersede(keyA2)
    const position = await store.position()
    for (const publicKeyHash of ['public-key-1', 'public-key-2']) {
      const again = reservationOf('5', { loginId: 'user02', publicKeyHash })
      const guard = { contractId: 'shoji', revision: await revisionOf(store), replaces: [] }
      t.equal(await store.reserveCertificate({ ...again, publicKeyHash }, guard), 'key_reused')
      t.equal(await store.reserveCertificate({ ...again, publicKeyHash }, { ...guard, revision: 0 }), 'moved')
    }
    t.strictSame(await store.position(), position)
    t.match(await store.certificateOfPublicKey('public-key-1'), { key: first, loginId: 'user01', revoked: true })
    t.match(await store.certificateOfPublicKey('public-key-2'), { key: keyA2, state: 'superseded', revoked: false })
    t.equal(await store.certificateOfPublicKey('public-key-3'), undefined)
    t.match(await store.recordedCertificate(first), { key: first, loginId: 'user01', revoked: true })
    t.match(await store.recordedCertificate(keyA2), { key: keyA2, state: 'superseded', revoked: false })
    t.equal(await store.recordedCertificate(keyB1), undefined)
  })

  t.test('a record from elsewhere whose public key another certificate has is kept without it', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const publicKeyHash = 'public-key-1'
    await store.upsertCertificate(reservationOf('1'))
    t.equal(await store.upsertCertificate(reservationOf('2', { publicKeyHash })), 'recorded')
    t.match(await store.certificateOfPublicKey(publicKeyHash), { key: keyA1 })
    const certificates = await store.certificatesOf('user01', 0)
    t.strictSame(certificates.find(({ key }) => key === keyA2)?.publicKeyHash, undefined)
    t.strictSame(certificates.find(({ key }) => key === keyA1)?.publicKeyHash, publicKeyHash)
  })

  t.test('a serial number that is taken is no place for another certificate', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    await reserve(t, store, reservationOf('1'))
    const guard = { contractId: 'shoji', revision: await revisionOf(store), replaces: [] }
    const publicKeyHash = 'another'
    const other = { ...reservationOf('1', { loginId: 'user02' }), publicKeyHash }
    t.equal(await store.reserveCertificate(other, guard), 'moved')
    t.match(await store.certificatesOf('user01', 0), [{ key: keyA1, publicKeyHash: 'public-key-1' }])
  })

  t.test('R20: whoever would replace a pending one that was used meanwhile must decide again', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const pending = await reserve(t, store, reservationOf('1'))
    const guard = { contractId: 'shoji', revision: await revisionOf(store), replaces: [pending] }
    await store.useCertificate(pending)
    const position = await store.position()
    t.equal(await store.reserveCertificate(reservationOf('2'), guard), 'moved')
    t.strictSame(await store.position(), position)
    t.match(await store.certificatesOf('user01', 0), [{ key: pending, state: 'current' }])
  })
}

function testSigned(t: Test, { open }: ContractSetting): void {
  t.test('R8: what was signed first is kept, octet by octet', async (t) => {
    const store = await open(t, { nowMs })
    await addPeople(store)
    const key = await reserve(t, store, reservationOf('1'))
    t.equal(await store.signedCertificate(key), undefined)
    const der = Uint8Array.from({ length: 700 }, (_, index) => index % 256)
    await store.keepSigned(key, der)
    await store.keepSigned(key, Uint8Array.of(1, 2, 3))
    const kept = await store.signedCertificate(key)
    t.ok(kept !== undefined && Buffer.from(kept).equals(der))
    t.equal(await store.signedCertificate(keyA2), undefined)
    await t.rejects(store.keepSigned(keyB1, der), { code: 'admin_not_found' })
  })
}
