// Goal: the embedded store keeps the contract of TrustStore, and survives what happens to files: other processes, kill -9,
// replacement, removal, newer schemas. Method: real SQLite files in a temporary folder, real processes, no sleeps.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { EmbeddedStore } from '../../../src/store/embedded/embedded-store.ts'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { issuerA, issuerB, keyA1, keyA2, keyB1, operator, revocationOf, testTrustStore } from '../contract.ts'

function fileOf(t: Test): string {
  return join(t.testdir(), 'sekisho.db')
}

async function open(t: Test, file: string, options: { busyMaxMs?: number } = {}): Promise<EmbeddedStore> {
  const store = await EmbeddedStore.open(file, { clock: systemClock, ...options })
  t.teardown(() => store.close())
  return store
}

t.test('contract', (t) => {
  testTrustStore(t, async (t, { nowMs, ...options }) => {
    const store = await EmbeddedStore.open(fileOf(t), { clock: { ...systemClock, nowMs }, ...options })
    t.teardown(() => store.close())
    return store
  })
  t.end()
})

t.test('the file is readable by its owner only, as it holds shared keys', async (t) => {
  const file = fileOf(t)
  await open(t, file)
  t.equal(statSync(file).mode & 0o777, 0o600)
  for (const suffix of ['-wal', '-shm']) {
    if (existsSync(file + suffix)) t.equal(statSync(file + suffix).mode & 0o777, 0o600, suffix)
  }
})

t.test('what is published stays after closing and opening', async (t) => {
  const file = fileOf(t)
  const first = await open(t, file)
  await first.publish([revocationOf(keyA1)], operator)
  const position = await first.position()
  await first.close()
  await t.rejects(first.publish([revocationOf(keyA2)], operator), { code: 'store_unavailable' })
  const second = await open(t, file)
  t.match(await second.revocation(keyA1), { state: 'revoked' })
  t.strictSame(await second.position(), position)
})

t.test('a store of a newer schema is refused and left alone', async (t) => {
  const file = fileOf(t)
  await (await open(t, file)).close()
  const raw = new DatabaseSync(file)
  raw.exec(`UPDATE store SET value = '99' WHERE name = 'schema_version'`)
  raw.close()
  await t.rejects(open(t, file), { code: 'store_schema_newer', message: /current value is 99/ })
})

t.test('two stores on one file see each other and never give a version twice', async (t) => {
  const file = fileOf(t)
  const [left, right] = [await open(t, file), await open(t, file)]
  const publishMany = (store: EmbeddedStore, digit: string) =>
    Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.publish([revocationOf(certificateKey(issuerA, `${digit}${index.toString(16)}`))], operator),
      ),
    )
  await Promise.all([publishMany(left, '1'), publishMany(right, '2')])
  const { nowMs: _, ...page } = await left.eventsSince({ version: 0, token: '' }, 100)
  t.equal(page.events.length, 40)
  t.equal(new Set(page.events.map(({ version }) => version)).size, 40)
  const { nowMs: __, ...other } = await right.eventsSince({ version: 0, token: '' }, 100)
  t.strictSame(page, other)
})

t.test('while another process holds the file a write waits, without blocking this thread for long', async (t) => {
  const file = fileOf(t)
  const store = await open(t, file)
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')
  let turns = 0
  const counter = setInterval(() => {
    turns++
    // Let go only once this thread has been seen to run in between several times.
    if (turns === 5) other.exec('COMMIT')
  }, 5)
  t.teardown(() => clearInterval(counter))
  const { outcomes } = await store.publish([revocationOf(keyA1)], operator)
  t.match(outcomes, [{ outcome: 'revoked' }])
  t.ok(turns >= 5, 'timers ran while the write waited')
  other.close()
})

t.test('a file that stays locked is a fault, and nothing was written', async (t) => {
  const file = fileOf(t)
  const store = await open(t, file, { busyMaxMs: 120 })
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(store.publish([revocationOf(keyA1)], operator), { code: 'store_unavailable' })
  t.equal(await store.revocation(keyA1), undefined, 'reading goes on')
  other.exec('ROLLBACK')
  other.close()
  t.match(await store.publish([revocationOf(keyA1)], operator), { outcomes: [{ outcome: 'revoked' }] })
})

t.test('a removed file is a fault and is not made afresh; a replaced one is opened', async (t) => {
  const file = fileOf(t)
  const store = await open(t, file)
  await store.publish([revocationOf(keyA1)], operator)
  const aside = `${file}.other`
  const other = await EmbeddedStore.open(aside, { clock: systemClock })
  await other.publish([revocationOf(keyB1)], operator)
  await other.close()
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
  await t.rejects(store.revocation(keyA1), { code: 'store_unavailable', message: /has been removed/ })
  await t.rejects(store.publish([revocationOf(keyA2)], operator), { code: 'store_unavailable' })
  t.notOk(existsSync(file), 'no empty store in its place')
  renameSync(aside, file)
  t.match(await store.revocation(keyB1), { state: 'revoked' })
  t.equal(await store.revocation(keyA1), undefined)
  t.match(await store.publish([revocationOf(keyA2)], operator), { outcomes: [{ outcome: 'revoked' }] })
})

t.test('a file that is no database is a fault', async (t) => {
  const folder = t.testdir({ 'sekisho.db': 'this is text, and long enough to be taken for a page header '.repeat(20) })
  await t.rejects(open(t, join(folder, 'sekisho.db')), { code: 'store_unavailable' })
})

t.test('the state is read to its end while others write', async (t) => {
  const store = await open(t, fileOf(t))
  const serials = Array.from({ length: 1_200 }, (_, index) => (index + 1).toString(16))
  await store.publish(
    serials.map((serial) => revocationOf(certificateKey(issuerA, serial))),
    operator,
  )
  const { version: end } = await store.position()
  const seen = new Set<string>()
  let pages = 0
  for await (const page of store.state()) {
    pages++
    for (const event of page) {
      if (event.kind !== 'revoked') continue
      for (const key of event.keys) seen.add(key)
      if (event.version > end) t.fail('what came meanwhile is left to the log')
    }
    await store.publish([revocationOf(certificateKey(issuerB, pages.toString(16)))], operator)
  }
  t.ok(pages > 1)
  t.strictSame(
    serials.filter((serial) => !seen.has(certificateKey(issuerA, serial))),
    [],
  )
  t.equal(seen.size, serials.length)
})

t.test('gateways that share the file see each other’s reports, also those of a clock that was set back', async (t) => {
  const file = fileOf(t)
  const report = { name: 'a', programVersion: '0.1.0', state: 'live', dataAgeMs: 0 } as const
  const position = { version: 3, token: 'x' }
  const [left, right] = [await open(t, file), await open(t, file)]
  await left.reportGateway({ gatewayId: 'left', position, ...report })
  await right.reportGateway({ gatewayId: 'right', position, ...report })
  t.match((await left.gateways()).gateways, [{ gatewayId: 'left' }, { gatewayId: 'right' }])
  await left.withdrawGateway('right')
  t.match((await right.gateways()).gateways, [{ gatewayId: 'left' }])
  const back = await EmbeddedStore.open(file, { clock: { ...systemClock, nowMs: () => 1_000_000 } })
  t.teardown(() => back.close())
  t.strictSame((await back.gateways()).gateways, [], 'a report from the future is of nobody known')
  await back.reportGateway({ gatewayId: 'back', position, ...report })
  t.match((await back.gateways()).gateways, [{ gatewayId: 'back' }])
})

t.test('rows taken away behind our back change the count', async (t) => {
  const file = fileOf(t)
  const store = await open(t, file)
  await store.publish([revocationOf(keyA1), revocationOf(keyA2)], operator)
  const raw = new DatabaseSync(file)
  raw.exec('DELETE FROM revocations')
  raw.close()
  t.equal((await store.eventsSince(await store.position(), 1)).revokedCount, 0)
})

t.test(
  'kill -9 in the middle of publishing, beside another process, loses nothing that was acknowledged',
  async (t) => {
    const file = fileOf(t)
    const beside = await open(t, file)
    const script = join(import.meta.dirname, 'publish-forever.ts')
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const acknowledged: string[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line)
      // This process writes to the same file at the same time.
      await beside.publish([revocationOf(certificateKey(issuerB, line))], operator)
      if (acknowledged.length === 60) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    t.equal(child.signalCode, 'SIGKILL')
    const store = await open(t, file)
    for (const serial of acknowledged) {
      const record = await store.revocation(certificateKey(issuerA, serial))
      if (record?.state !== 'revoked') t.fail(`acknowledged ${serial} is lost`)
    }
    const { events, revokedCount } = await store.eventsSince({ version: 0, token: '' }, 1_000_000)
    t.ok(events.length >= 2 * acknowledged.length)
    t.equal(revokedCount, events.length, 'log and table agree')
    const fresh = certificateKey(issuerA, 'ffffffff')
    t.match(
      await store.publish([revocationOf(fresh)], operator),
      { outcomes: [{ outcome: 'revoked' }] },
      'and it goes on',
    )
  },
)
