// Goal: a file of contracts or users is applied whole or not at all, and each line that is refused says why and what would be right.
// Method: the real functions over a real embedded store and follower.
import t from 'tap'
import { exportDirectory } from '../../src/lifecycle/export-directory.ts'
import {
  type DirectoryKind,
  type ImportItem,
  type ImportLine,
  type ImportResult,
  importDirectory,
} from '../../src/lifecycle/import-directory.ts'
import { hashPassword, matchesHash } from '../../src/lifecycle/password-hash.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { futureMs, keyA1, operator } from '../store/samples.ts'
import { startFakeLifecycle } from './fake-lifecycle.ts'
import { passwords } from './samples.ts'

type Run = { readonly items: ImportItem[]; readonly result: ImportResult }

async function run(kind: DirectoryKind, rows: readonly object[], ports: LifecyclePorts, dryRun = false): Promise<Run> {
  const lines = rows.map((fields, position): ImportLine => ({ line: position + 2, fields: { ...fields } }))
  const items: ImportItem[] = []
  const work = importDirectory(lines, { kind, dryRun }, { actor: operator, ports })
  for (;;) {
    const { done, value } = await work.next()
    if (done === true) return { items, result: value }
    items.push(value)
  }
}

const taro = { loginId: 'taro', contractId: 'shoji', role: 'general', name: '山田 太郎', email: 'taro@example.jp' }

t.test(
  'a dry run lists what would change and changes nothing; applying it does, and again changes nothing',
  async (t) => {
    const { ports, store, audited } = await startFakeLifecycle(t)
    const rows = [taro, { loginId: 'user01', name: '佐々木' }, { loginId: 'user02' }]
    const told = [
      { line: 2, id: 'taro', outcome: 'added' },
      { line: 3, id: 'user01', outcome: 'changed', changes: [{ field: 'name', from: null, to: '佐々木' }] },
    ]
    const dry = await run('users', rows, ports, true)
    t.match(dry, { items: told, result: { added: 1, changed: 1, unchanged: 1, refused: 0, applied: false } })
    t.equal(dry.items.length, 2)
    t.equal(await store.user('taro'), undefined)
    t.match(await run('users', rows, ports), { items: told, result: { applied: true } })
    t.match(await store.user('taro'), { ...taro, state: 'active' })
    t.match(await store.user('user01'), { name: '佐々木', role: 'general' }, 'what is left out stays')
    t.strictSame(
      audited.map(({ event, target, actor }) => [event, target?.name, actor.name]).toSorted(),
      [
        ['directory_changed', 'taro', 'sato.hanako'],
        ['directory_changed', 'user01', 'sato.hanako'],
      ],
      'R25',
    )
    t.match(await run('users', rows, ports), { items: [], result: { unchanged: 3, added: 0, changed: 0 } })
  },
)

t.test(
  'one refused line keeps all of the file from being applied; each says where and what would be right',
  async (t) => {
    const { ports, store, audited } = await startFakeLifecycle(t)
    const bad: [object, string, RegExp][] = [
      [{ ...taro, loginId: 'a\u0000b' }, 'loginId', /U\+0000/],
      [{ ...taro, loginId: 'ｔａｒｏ' }, 'loginId', /"taro" would be right/],
      [{ ...taro, loginId: 'x'.repeat(65) }, 'loginId', /1 to 64 .*65 characters/],
      [{ ...taro, loginId: 'b', email: 'taro' }, 'email', /taro@example\.jp/],
      [{ ...taro, loginId: 'c', role: 'admin' }, 'role', /master or general.*"admin"/],
      [{ ...taro, loginId: 'd', contractId: 'nowhere' }, 'contractId', /Cannot find the contract/],
      [{ ...taro, loginId: 'e', name: 'a\u202eb' }, 'name', /without control characters/],
      [{ ...taro, loginId: 'f', phone: '03' }, 'phone', /the fields are loginId/],
      [{ ...taro, loginId: 'g', loginPasswordHash: 'secret-text' }, 'loginPasswordHash', /argon2id/],
      [{ ...taro, loginId: 'h', loginPassword: 'p', loginPasswordHash: 'q' }, 'loginPassword', /together/],
      [{ loginId: 'i', role: 'general' }, 'contractId', /without contractId/],
      [taro, 'loginId', /earlier line/],
    ]
    const { items, result } = await run('users', [taro, ...bad.map(([row]) => row)], ports)
    t.match(result, { added: 1, refused: bad.length, applied: false })
    t.match(items[0], { line: 2, outcome: 'added' })
    for (const [position, [row, field, problem]] of bad.entries()) {
      t.match(items[position + 1], { line: position + 3, outcome: 'refused', field, problem }, JSON.stringify(row))
    }
    t.notMatch(JSON.stringify(items), /secret-text/, 'what should have been a password is never shown')
    t.equal(await store.user('taro'), undefined)
    t.equal(audited.length, 0)
  },
)

t.test('R3: a contract gets no second master; its master may be replaced by another in one file', async (t) => {
  const { ports, store } = await startFakeLifecycle(t)
  const second = await run('users', [{ ...taro, role: 'master' }], ports)
  t.match(second.items, [{ line: 2, outcome: 'refused', field: 'role', problem: /its master is user02/ }])
  await store.upsertContract({ contractId: 'acme', loginMethod: 'certificate', certificateLimit: 100 })
  const two = ['a', 'b'].map((loginId) => ({ loginId, contractId: 'acme', role: 'master' }))
  t.match((await run('users', two, ports)).items, [
    { outcome: 'added' },
    { outcome: 'refused', problem: /master is a/ },
  ])
  const replaced = await run(
    'users',
    [
      { ...taro, role: 'master' },
      { loginId: 'user02', role: 'general' },
    ],
    ports,
  )
  t.match(replaced.result, { applied: true, added: 1, changed: 1 })
  t.match([await store.user('taro'), await store.user('user02')], [{ role: 'master' }, { role: 'general' }])
})

t.test('R3: who holds a certificate is not moved past the limit of another contract', async (t) => {
  const { ports, store } = await startFakeLifecycle(t)
  await store.upsertContract({ contractId: 'acme', loginMethod: 'certificate', certificateLimit: 1 })
  await store.upsertCertificate({ key: keyA1, loginId: 'user01', notBeforeMs: 0, notAfterMs: futureMs })
  const rows = [{ loginId: 'user01', contractId: 'acme' }]
  t.match((await run('users', rows, ports)).items, [{ outcome: 'refused', problem: /revoke it first/ }])
  await store.publish([{ key: keyA1, loginId: undefined, reason: 'unspecified', comment: '' }], operator)
  t.match((await run('users', rows, ports)).result, { applied: true, changed: 1 })
})

t.test('R23: an import never switches a login method; limits and notice days it does', async (t) => {
  const { ports, store } = await startFakeLifecycle(t)
  t.match((await run('contracts', [{ contractId: 'shoji', loginMethod: 'password' }], ports)).items, [
    { outcome: 'refused', field: 'loginMethod', problem: /application form/ },
  ])
  const row = { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: '50', noticeDays: '10 30' }
  t.match((await run('contracts', [row], ports)).result, { applied: true, changed: 1 })
  t.match(await store.contract('shoji'), { certificateLimit: 50, noticeDays: [30, 10] })
  for (const certificateLimit of ['0', '10001', '1.5', 'many']) {
    t.match((await run('contracts', [{ contractId: 'shoji', certificateLimit }], ports)).items, [
      { outcome: 'refused', field: 'certificateLimit' },
    ])
  }
})

t.test('passwords come as hashes or are hashed, only where this gateway checks them, and never go out', async (t) => {
  const cheap = { ...passwords, hashMemoryKib: 64, hashPasses: 1 }
  const { ports, store, audited } = await startFakeLifecycle(t, { passwords: () => cheap })
  const hash = await hashPassword('another', { memoryKib: 64, passes: 1 })
  const rows = [{ ...taro, loginPassword: 'sekisho-demo', confirmationPasswordHash: hash }]
  const done = await run('users', rows, ports)
  t.match(done.result, { applied: true })
  const user = await store.user('taro')
  t.ok(await matchesHash('sekisho-demo', user?.credentials?.login ?? ''))
  t.equal(user?.credentials?.confirmation, hash)
  const exported: unknown[] = []
  for await (const record of exportDirectory('users', store)) exported.push(record)
  t.notMatch(JSON.stringify([done, audited, exported]), /argon2id|sekisho-demo/)
  const elsewhere: LifecyclePorts = {
    ...ports,
    passwords: () => ({
      ...passwords,
      verifier: { kind: 'http', url: 'http://127.0.0.1/', timeoutMs: 1, requestsAtOnceMax: 1 } as never,
    }),
  }
  t.match((await run('users', rows, elsewhere)).items, [{ outcome: 'refused', problem: /banking application/ }])
})

t.test('what is exported is imported elsewhere as it was, suspended users too', async (t) => {
  const from = await startFakeLifecycle(t)
  await from.store.upsertContract({
    ...{ contractId: 'acme', loginMethod: 'password', certificateLimit: 7 },
    ...{ name: 'A, "B"', noticeDays: [40, 1] },
  })
  await run('users', [{ ...taro, contractId: 'acme', language: 'ja', state: 'suspended' }], from.ports)
  const to = await startFakeLifecycle(t)
  for (const kind of ['contracts', 'users'] as const) {
    const records: object[] = []
    for await (const record of exportDirectory(kind, from.store)) records.push(record)
    t.match((await run(kind, records, to.ports)).result, { applied: true, refused: 0 })
    t.match((await run(kind, records, to.ports)).result, { added: 0, changed: 0 }, 'nothing is left to do')
  }
  t.strictSame(await to.store.contract('acme'), await from.store.contract('acme'))
  t.strictSame(await to.store.user('taro'), await from.store.user('taro'))
  t.match(await to.store.user('taro'), { state: 'suspended', language: 'ja' })
})
