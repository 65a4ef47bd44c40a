// Goal: what issuing needs (first use, optional fields, public keys) is kept by the copy of the directory, and a copy that an older program
// made stays of use until a round has filled it in. Method: real files, one of them made by the first step of the schema.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Database } from '../../../src/store/embedded/database.ts'
import { replicaSchema } from '../../../src/store/embedded/replica-schema.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { issuerB, keyA1, keyA2, keyB1 } from '../contract.ts'
import { certificateRecord, contentOf, contractRecord, eventOf, openReplica, userRecord } from './replica-samples.ts'

const otherKey = certificateKey(issuerB, '2')
const lostKey = certificateKey(issuerB, '3')
const position = { version: 9, token: 'i' }
const user = { contractId: 'shoji', role: 'general' }

/** A whole copy as a program of version 1 had written it, which is still there. */
function firstFile(t: Test): { file: string; old: Database } {
  const file = join(t.testdir(), 'directory.db')
  const old = new Database(file, { schema: { version: 1, steps: replicaSchema.steps.slice(0, 1) }, durable: false })
  t.teardown(() => old.close())
  old.run(`INSERT INTO contracts VALUES ('shoji', 100, 1, 'certificate', 1, 1)`)
  old.run(`INSERT INTO users VALUES ('user01', 'shoji', 'general', 2, 'active', 2, 1)`)
  old.run(`INSERT INTO certificates VALUES ('${keyA1}', 'user01', 1000, 9000, 3, 0, 0, 1),
    ('${keyA2}', 'user01', 1000, 9000, 4, 0, 0, 1)`)
  old.run(`INSERT INTO store VALUES ('position', '${JSON.stringify(position)}'), ('round', '1')`)
  return { file, old }
}

t.test('R20: the first use is known to the copy, and never taken back', (t) => {
  const { replica } = openReplica(t)
  replica.beginRound()
  replica.take([userRecord(1, 'user01'), certificateRecord(2, keyA1, { used: false, publicKeyHash: 'hash' })])
  replica.endRound(position)
  t.strictSame(replica.lookUp('user01', keyA1), { user, certificateRegistered: true, certificateUnused: true })
  t.strictSame(replica.lookUp('user02', keyA1), { user: undefined, certificateRegistered: false })
  replica.apply([eventOf(certificateRecord(10, keyA1, { publicKeyHash: 'hash' }))], { version: 10, token: 'j' })
  t.strictSame(replica.lookUp('user01', keyA1), { user, certificateRegistered: true })
  replica.apply([eventOf(certificateRecord(2, keyA1, { used: false }))], { version: 10, token: 'j' })
  replica.apply([eventOf(certificateRecord(11, keyA1, { used: false }))], { version: 11, token: 'k' })
  t.strictSame(replica.lookUp('user01', keyA1), { user, certificateRegistered: true })
  t.strictSame(contentOf(replica).at(-1), certificateRecord(11, keyA1, { publicKeyHash: 'hash' }))
  t.end()
})

t.test('what was superseded without ever being used is not waiting for its first use', (t) => {
  const { replica } = openReplica(t)
  replica.beginRound()
  replica.take([userRecord(1, 'user01')])
  // The change comes before its record.
  replica.apply(
    [
      { version: 5, kind: 'superseded', key: keyA1 },
      { version: 5, kind: 'superseded', key: lostKey },
    ],
    { version: 5, token: 'e' },
  )
  replica.take([certificateRecord(2, keyA1, { used: false })])
  replica.endRound(position)
  t.strictSame(replica.lookUp('user01', keyA1), { user, certificateRegistered: true })
  t.strictSame(contentOf(replica).at(-1), certificateRecord(5, keyA1, { used: false, superseded: true }))
  replica.apply(
    [eventOf(certificateRecord(10, keyA2, { used: false })), eventOf(certificateRecord(11, keyB1))],
    position,
  )
  replica.apply([eventOf(certificateRecord(12, otherKey, { loginId: 'user02' }))], position)
  t.strictSame(replica.certificatesOf('user01'), [
    { key: keyA1, notBeforeMs: 1_000, state: 'superseded' },
    { key: keyA2, notBeforeMs: 1_000, state: 'issued' },
    { key: keyB1, notBeforeMs: 1_000, state: 'current' },
  ])
  t.strictSame(replica.certificatesOf(''), [], 'parts of records are none')
  replica.close()
  t.strictSame(replica.certificatesOf('user01'), [], 'empty where it cannot be read')
  t.end()
})

t.test('an event of an older program, which knew no unused certificates, is about a used one', (t) => {
  const { replica } = openReplica(t)
  replica.beginRound()
  replica.endRound({ version: 0, token: '' })
  const certificate = { key: keyB1, loginId: 'user01', notBeforeMs: 1_000, notAfterMs: 9_000 }
  replica.apply(
    [
      eventOf(userRecord(1, 'user01')),
      {
        version: 2,
        kind: 'directory',
        loginId: 'user01',
        entry: { type: 'certificate', certificate, superseded: false },
      },
    ],
    position,
  )
  t.strictSame(replica.lookUp('user01', keyB1), { user, certificateRegistered: true })
  t.end()
})

t.test('a copy of version 1 answers at once, counts as behind, and is filled in by a round', (t) => {
  const { file } = firstFile(t)
  const { replica, faults } = openReplica(t, { file })
  t.equal(replica.position(), undefined, 'the store is asked as long as it can be')
  t.strictSame(replica.lookUp('user01', keyA1), { user, certificateRegistered: true })
  t.strictSame(contentOf(replica), [
    contractRecord(1, 'shoji', 'certificate'),
    userRecord(2, 'user01'),
    certificateRecord(3, keyA1),
    certificateRecord(4, keyA2),
  ])
  const credentials = { login: '$argon2id$login' }
  const now = [
    {
      version: 1,
      type: 'contract',
      contract: { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100, name: '商事' },
    } as const,
    userRecord(2, 'user01', { credentials }),
    certificateRecord(3, keyA1),
    // Issued by a gateway that was upgraded earlier: the older program had taken it for a current one.
    certificateRecord(4, keyA2, { used: false, publicKeyHash: 'hash' }),
  ]
  replica.beginRound()
  replica.take(now)
  t.strictSame([...replica.missing()].flat(), [], 'nothing is written back in its older shape')
  replica.endRound(position)
  t.strictSame(replica.position(), position)
  t.strictSame(contentOf(replica), now)
  t.match(replica.lookUp('user01', keyA2), { certificateUnused: true })
  // Once known, only what is newer counts.
  replica.take([userRecord(2, 'user01'), contractRecord(1, 'shoji', 'certificate')])
  t.strictSame(contentOf(replica), now)
  t.strictSame(faults, [])
  replica.close()
  t.strictSame(openReplica(t, { file }).replica.position(), position)
  t.end()
})

t.test('a program of version 1 that ends beside this one may still write to the copy', (t) => {
  const { file, old } = firstFile(t)
  const { replica, faults } = openReplica(t, { file })
  old.run(`INSERT INTO users (login_id, contract_id, role, version, state, state_version, round)
    VALUES ('user02', 'shoji', 'general', 5, 'active', 5, 0)`)
  t.match(replica.lookUp('user02', keyA1), { user })
  t.strictSame(
    contentOf(replica).find(({ version }) => version === 5),
    userRecord(5, 'user02'),
  )
  t.strictSame(faults, [])
  t.end()
})
