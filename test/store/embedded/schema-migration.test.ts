// Goal: files of older programs open, keep all they hold, and are of this program's schema afterwards; files of newer ones are
// left alone. Method: a file made by the SQL of schema version 1, with the log as that program wrote it, or by the first steps of
// the schema; then the real store.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { Database } from '../../../src/store/embedded/database.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { storeSchema } from '../../../src/store/embedded/schema.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { issuerA, keyB1, operator, revocationOf } from '../contract.ts'
import { allEvents, allRecords, allState, futureMs, reservationOf, reserve, subjectsOf } from '../samples.ts'
import { firstStoreSql } from './first-schema.ts'

const sources = join(import.meta.dirname, '../../../src')
const keys = ['1', '2', '3'].map((serial) => certificateKey(issuerA, serial))
const [superseded = keyB1, revoked = keyB1, restored = keyB1] = keys

function firstFile(t: Test): string {
  const file = join(t.testdir(), 'sekisho.db')
  const raw = new DatabaseSync(file)
  raw.exec(`PRAGMA journal_mode = WAL; ${firstStoreSql({ issuerId: issuerA })}`)
  raw.close()
  return file
}

async function open(t: Test, file: string): Promise<EmbeddedStore> {
  const store = await EmbeddedStore.open(file, { clock: systemClock })
  t.teardown(() => store.close())
  return store
}

function schemaVersionOf(file: string): unknown {
  const raw = new DatabaseSync(file, { readOnly: true })
  const row = raw.prepare(`SELECT value FROM store WHERE name = 'schema_version'`).get()
  raw.close()
  return row?.value
}

t.test('a file of version 1 keeps everything and is of version 3 afterwards', async (t) => {
  const file = firstFile(t)
  const store = await open(t, file)
  t.equal(schemaVersionOf(file), '3')
  t.match(await store.revocation(revoked), {
    state: 'revoked',
    version: 7,
    revocation: { loginId: 'user01', reason: 'keyCompromise', comment: 'lost PC', revokedAtMs: 500 },
  })
  t.match(await store.revocation(restored), { state: 'restored', version: 9 })
  t.strictSame(await store.contract('shoji'), { contractId: 'shoji', loginMethod: 'password', certificateLimit: 100 })
  t.match(await store.user('user02'), { state: 'suspended', role: 'master' })
  t.match(await store.certificatesOf('user01', 0), [
    { key: superseded, state: 'superseded', revoked: false },
    { key: revoked, state: 'current', revoked: true },
  ])
  t.strictSame(await store.readMeta('sealingKeys'), { value: 'secret', revision: 4 })
  t.strictSame(
    subjectsOf(await allState(t, store)),
    [
      'password shoji',
      `restored ${restored}`,
      `revoked ${revoked}`,
      `superseded ${superseded}`,
      'suspended user02',
    ].toSorted(),
  )
  t.strictSame(await store.rules(), [])
  const ruled = await store.publishRule(
    { rule: { by: 'loginId', loginId: 'user01', notBeforeMaxMs: 5_000 }, reason: 'unspecified', comment: '' },
    operator,
  )
  t.equal(ruled.version, 12, 'versions go on')
})

t.test('whoever followed the log of version 1 goes on from where they were', async (t) => {
  const store = await open(t, firstFile(t))
  const end = { version: 11, token: 'token11' }
  t.strictSame(await store.position(), end)
  t.ok((await store.eventsSince(end, 9)).continuous)
  t.notOk((await store.eventsSince({ version: 0, token: '' }, 9)).continuous, 'its beginning was gone before')
  t.notOk((await store.eventsSince({ ...end, token: 'other' }, 9)).continuous)
  await store.publish([revocationOf(keyB1)], operator)
  const page = await store.eventsSince({ version: 2, token: 'token2' }, 100)
  t.match(page, { continuous: true, revokedCount: 2, unrecordedCount: 0, end: { version: 12 } })
  const user02 = { loginId: 'user02', contractId: 'shoji', role: 'master', state: 'suspended' }
  const first = { key: superseded, loginId: 'user01', notBeforeMs: 1_000, notAfterMs: 2_000 }
  const second = { key: revoked, loginId: 'user01', notBeforeMs: 1_500, notAfterMs: 2_500 }
  t.strictSame(page.events.slice(0, -1), [
    { version: 3, kind: 'directory', loginId: 'user02', entry: { type: 'user', user: user02 } },
    {
      version: 4,
      kind: 'directory',
      loginId: 'user01',
      entry: { type: 'certificate', certificate: first, used: true, superseded: true },
    },
    {
      version: 5,
      kind: 'directory',
      loginId: 'user01',
      entry: { type: 'certificate', certificate: second, used: true, superseded: false },
    },
    { version: 6, kind: 'superseded', key: superseded },
    { version: 7, kind: 'revoked', keys: [revoked], atMs: 500 },
    { version: 8, kind: 'revoked', keys: [restored], atMs: 500 },
    { version: 9, kind: 'restored', key: restored, actor: 'sato.hanako', atMs: 600 },
    { version: 10, kind: 'suspended', loginId: 'user02', suspended: true },
    { version: 11, kind: 'login_method', contractId: 'shoji', method: 'password' },
  ])
  t.match(page.events.at(-1), { version: 12, kind: 'revoked', keys: [keyB1] })
})

t.test('a program of version 1 that ends beside this one may still write', async (t) => {
  const file = firstFile(t)
  const old = new DatabaseSync(file)
  const write = old.prepare('INSERT INTO events (token, body) VALUES (?, ?)')
  const store = await open(t, file)
  const before = await store.position()
  write.run('old', JSON.stringify({ kind: 'revoked', revocation: { key: keyB1, revokedAtMs: 700 } }))
  write.run('older', JSON.stringify({ kind: 'directory', loginId: 'user01' }))
  old.exec(`INSERT INTO certificates (certificate_key, login_id, not_before_ms, not_after_ms, recorded_version)
    VALUES ('${keyB1}', 'user01', 1, 2, 3)`)
  old.close()
  t.match(
    await store.certificatesOf('user01', 2),
    [{ key: keyB1, state: 'current' }, {}, {}],
    'it knows no unused ones',
  )
  const { events } = await store.eventsSince(before, 9)
  t.match(events, [
    { kind: 'revoked', keys: [keyB1], atMs: 700 },
    { kind: 'directory', loginId: 'user01', entry: { type: 'user', user: { loginId: 'user01' } } },
  ])
})

/** A contract with two users and three certificates, one of them superseded, as a program of version 2 had written them. */
function secondFile(t: Test): { file: string; old: Database } {
  const file = join(t.testdir(), 'sekisho.db')
  const old = new Database(file, { schema: { version: 2, steps: storeSchema.steps.slice(0, 2) } })
  t.teardown(() => old.close())
  old.run(
    `INSERT INTO events (version, token, body) VALUES (9, 'token9', '{"kind":"superseded","key":"${superseded}"}')`,
  )
  old.run(`INSERT INTO contracts VALUES ('shoji', 'certificate', 100, NULL)`)
  old.run(
    `INSERT INTO users VALUES ('user01', 'shoji', 'general', 'active', NULL), ('user02', 'shoji', 'master', 'active', 4)`,
  )
  old.run(`INSERT INTO certificates VALUES ('${superseded}', 'user01', 1000, ${futureMs}, 5, 9),
    ('${revoked}', 'user01', 1500, ${futureMs}, 6, NULL), ('${keyB1}', 'user02', 1500, ${futureMs}, 7, NULL)`)
  return { file, old }
}

t.test('a file of version 2: its certificates count as used, and issuing goes on from what it holds', async (t) => {
  const { file } = secondFile(t)
  const store = await open(t, file)
  t.equal(schemaVersionOf(file), '3')
  t.match(await store.certificatesOf('user01', 0), [
    { key: superseded, state: 'superseded', recordedVersion: 5 },
    { key: revoked, state: 'current', recordedVersion: 6 },
  ])
  t.strictSame(await store.lookUp('user01', revoked), {
    user: { contractId: 'shoji', role: 'general' },
    certificateRegistered: true,
  })
  t.strictSame(await store.contract('shoji'), {
    contractId: 'shoji',
    loginMethod: 'certificate',
    certificateLimit: 100,
  })
  t.strictSame(
    (await allRecords(store)).map(({ version, type }) => [type, version]),
    [
      ['certificate', 9],
      ['certificate', 6],
      ['certificate', 7],
      ['contract', 1],
      ['user', 1],
      ['user', 4],
    ],
    'where the version of the last change is not known it is older than anything',
  )
  t.match(await store.useCertificate(revoked), { changed: false, superseded: [], version: 6 })
  const pending = await reserve(t, store, reservationOf('9'))
  t.match(await store.useCertificate(pending), { changed: true, superseded: [revoked] })
  await store.upsertContract({ contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100, name: '商事' })
  t.match(await store.contract('shoji'), { name: '商事' })
  t.match(
    (await allRecords(store)).find(({ type }) => type === 'contract'),
    { version: (await store.position()).version },
  )
})

t.test('a program of version 2 is refused once the file is of version 3, and neither reads nor writes', async (t) => {
  const { file, old } = secondFile(t)
  old.checkSchema()
  await open(t, file)
  t.throws(() => old.checkSchema(), { code: 'store_schema_newer', message: /version 2: current value is 3/ })
})

t.test('two programs that open a file of version 1 at once bring it up once', async (t) => {
  const file = firstFile(t)
  const script = `const { EmbeddedStore } = await import(${JSON.stringify(join(sources, 'store/embedded/embedded-store.ts'))})
    const { systemClock } = await import(${JSON.stringify(join(sources, 'base/clock.ts'))})
    const store = await EmbeddedStore.open(${JSON.stringify(file)}, { clock: systemClock })
    process.stdout.write(String((await store.rules()).length))`
  const children = [1, 2].map(() =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  )
  for (const child of children) t.teardown(() => child.kill('SIGKILL'))
  const ends = await Promise.all(children.map((child) => once(child, 'exit')))
  t.strictSame(
    ends.map(([code]) => code),
    [0, 0],
  )
  t.equal(schemaVersionOf(file), '3')
})

t.test('once a newer program has changed the tables this one neither reads nor writes', async (t) => {
  const file = join(t.testdir(), 'sekisho.db')
  const store = await open(t, file)
  await store.publish([revocationOf(keyB1)], operator)
  const position = await store.position()
  const newer = new DatabaseSync(file)
  newer.exec(`UPDATE store SET value = '4' WHERE name = 'schema_version'`)
  await t.rejects(store.eventsSince(position, 9), { code: 'store_schema_newer', message: /current value is 4/ })
  await t.rejects(store.publish([revocationOf(revoked)], operator), { code: 'store_schema_newer' })
  await t.rejects(allState(t, store), { code: 'store_schema_newer' })
  newer.exec(`UPDATE store SET value = '3' WHERE name = 'schema_version'`)
  newer.close()
  t.strictSame((await allEvents(t, store)).length, 1, 'nothing was written meanwhile')
})
