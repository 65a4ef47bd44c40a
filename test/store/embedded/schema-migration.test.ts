// Goal: files of older programs open, keep all they hold, and are of this program's schema afterwards; files of newer ones are
// left alone. Method: a file made by the SQL of schema version 1, with the log as that program wrote it, then the real store.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { issuerA, keyB1, operator, revocationOf } from '../contract.ts'
import { allEvents, allState, subjectsOf } from '../samples.ts'
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

t.test('a file of version 1 keeps everything and is of version 2 afterwards', async (t) => {
  const file = firstFile(t)
  const store = await open(t, file)
  t.equal(schemaVersionOf(file), '2')
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
      entry: { type: 'certificate', certificate: first, superseded: true },
    },
    {
      version: 5,
      kind: 'directory',
      loginId: 'user01',
      entry: { type: 'certificate', certificate: second, superseded: false },
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
  old.close()
  const { events } = await store.eventsSince(before, 9)
  t.match(events, [
    { kind: 'revoked', keys: [keyB1], atMs: 700 },
    { kind: 'directory', loginId: 'user01', entry: { type: 'user', user: { loginId: 'user01' } } },
  ])
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
  t.equal(schemaVersionOf(file), '2')
})

t.test('once a newer program has changed the tables this one neither reads nor writes', async (t) => {
  const file = join(t.testdir(), 'sekisho.db')
  const store = await open(t, file)
  await store.publish([revocationOf(keyB1)], operator)
  const position = await store.position()
  const newer = new DatabaseSync(file)
  newer.exec(`UPDATE store SET value = '3' WHERE name = 'schema_version'`)
  await t.rejects(store.eventsSince(position, 9), { code: 'store_schema_newer', message: /current value is 3/ })
  await t.rejects(store.publish([revocationOf(revoked)], operator), { code: 'store_schema_newer' })
  await t.rejects(allState(t, store), { code: 'store_schema_newer' })
  newer.exec(`UPDATE store SET value = '2' WHERE name = 'schema_version'`)
  newer.close()
  t.strictSame((await allEvents(t, store)).length, 1, 'nothing was written meanwhile')
})
