// Goal: the local copy of the directory survives what happens to files: damage, kill -9, other processes, locks that stay,
// newer programs. Method: real files and processes; a fault never throws out of what follows the log, and is always told.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { certificateKey } from '../../../src/x509/certificate-key.ts'
import { issuerA, keyA1 } from '../contract.ts'
import { certificateRecord, contentOf, eventOf, openReplica, userRecord } from './replica-samples.ts'

const position = { version: 9, token: 'i' }
const user01 = { contractId: 'shoji', role: 'general' }

/** A file of several pages, closed again. */
function loadedFile(t: Test): string {
  const { file, replica } = openReplica(t)
  replica.beginRound()
  replica.take([userRecord(1, 'user01')])
  replica.take(
    Array.from({ length: 500 }, (_, index) => certificateRecord(2, certificateKey(issuerA, (index + 1).toString(16)))),
  )
  replica.endRound(position)
  replica.close()
  return file
}

function loadAgain({ replica }: Pick<ReturnType<typeof openReplica>, 'replica'>): void {
  replica.beginRound()
  replica.take([userRecord(1, 'user01')])
  replica.endRound(position)
}

t.test('the file is readable by its owner only', async (t) => {
  const { file } = openReplica(t)
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) t.equal(statSync(file + suffix).mode & 0o777, 0o600, suffix)
  }
  t.ok(existsSync(file))
})

t.test('a sound file is opened as it is', async (t) => {
  const file = loadedFile(t)
  const { replica, faults } = openReplica(t, { file })
  t.strictSame(replica.position(), position)
  t.strictSame(replica.lookUp('user01', keyA1), { user: user01, certificateRegistered: true })
  t.strictSame(faults, [])
  t.notOk(existsSync(`${file}.unusable`))
})

const damages: Readonly<Record<string, (file: string) => void>> = {
  'is no database': (file) =>
    writeFileSync(file, 'this is text, and long enough to be taken for a page header '.repeat(99)),
  'was cut off': (file) => truncateSync(file, 6_000),
  'is of a newer program': (file) => {
    const raw = new DatabaseSync(file)
    raw.exec(`UPDATE store SET value = '99' WHERE name = 'schema_version'`)
    raw.close()
  },
}

for (const [damage, inflict] of Object.entries(damages)) {
  t.test(`a file that ${damage} is put aside and begun anew`, async (t) => {
    const file = loadedFile(t)
    inflict(file)
    const damaged = readFileSync(file)
    writeFileSync(`${file}.unusable`, 'from an earlier time')
    const opened = openReplica(t, { file })
    // Some damage shows only when something is read.
    if (opened.faults.length === 0)
      t.throws(() => opened.replica.lookUp('user01', keyA1), { code: 'store_unavailable' })
    t.strictSame(opened.faults, ['directory_unusable'])
    t.equal(opened.replica.position(), undefined)
    t.ok(readFileSync(`${file}.unusable`).equals(damaged), 'what was there can still be looked at')
    t.throws(() => opened.replica.lookUp('user01', keyA1), { code: 'store_unavailable' }, 'and is no answer')
    loadAgain(opened)
    t.strictSame(opened.replica.position(), position)
    t.match(opened.replica.lookUp('user01', keyA1), { user: user01 })
    t.equal(statSync(file).mode & 0o777, 0o600)
    opened.replica.close()
    t.strictSame(openReplica(t, { file }).replica.position(), position)
    t.strictSame(opened.faults, ['directory_unusable'])
  })
}

t.test('what a killed process had left beside a damaged file is no part of the new one', async (t) => {
  const file = loadedFile(t)
  damages['is no database']?.(file)
  writeFileSync(`${file}-wal`, 'the rest')
  loadAgain(openReplica(t, { file }))
  t.strictSame(openReplica(t, { file }).replica.position(), position)
})

t.test('damage that shows in the middle of a round spoils that round; the next one is whole', async (t) => {
  const file = loadedFile(t)
  const opened = openReplica(t, { file })
  const { replica, faults } = opened
  replica.beginRound()
  const handle = openSync(file, 'r+')
  // Every page but the first, whose header is read again and again.
  writeSync(handle, Buffer.alloc(statSync(file).size - 4_096, 0xff), 0, undefined, 4_096)
  closeSync(handle)
  for (let index = 0; index < 500; index++)
    replica.take([certificateRecord(3, certificateKey(issuerA, (index + 0x100_000).toString(16)))])
  t.ok(faults.includes('directory_unusable'))
  replica.endRound({ version: 10, token: 'j' })
  t.equal(replica.position(), undefined, 'what was taken before the damage is gone')
  t.strictSame([...replica.missing()], [])
  loadAgain(opened)
  t.strictSame(replica.position(), position)
})

t.test(
  'a file that stays locked: nothing throws, it is told once, and only a round makes it whole again',
  async (t) => {
    const file = loadedFile(t)
    const { replica, faults } = openReplica(t, { file, lockWaitMs: 10 })
    const other = new DatabaseSync(file)
    t.teardown(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    for (const version of [10, 11])
      replica.apply([eventOf(userRecord(version, 'user02'))], { version, token: `t${version}` })
    t.strictSame(faults, ['directory_failed'])
    t.equal(replica.position(), undefined)
    t.match(replica.lookUp('user01', keyA1), { user: user01 }, 'what it has it still tells')
    other.exec('ROLLBACK')
    replica.apply([eventOf(userRecord(12, 'user03'))], { version: 12, token: 't12' })
    t.equal(replica.position(), undefined, 'event 10 is missing')
    t.strictSame(openReplica(t, { file }).replica.position(), position, 'in the file it stays where all was there')
    replica.beginRound()
    replica.take([userRecord(11, 'user02')])
    replica.endRound({ version: 12, token: 't12' })
    t.strictSame(replica.position(), { version: 12, token: 't12' })
    t.match(replica.lookUp('user02', keyA1), { user: user01 })
    t.match(replica.lookUp('user03', keyA1), { user: user01 })
    t.strictSame(faults, ['directory_failed'])
  },
)

t.test('a page that was not written in a round spoils it', async (t) => {
  const file = loadedFile(t)
  const { replica } = openReplica(t, { file, lockWaitMs: 10 })
  const other = new DatabaseSync(file)
  t.teardown(() => other.close())
  replica.beginRound()
  other.exec('BEGIN IMMEDIATE')
  replica.take([userRecord(11, 'user02')])
  other.exec('ROLLBACK')
  t.strictSame([...replica.missing()], [], 'what seems missing may only be unwritten')
  replica.endRound({ version: 12, token: 't12' })
  t.equal(replica.position(), undefined)
})

t.test('a folder that is not there yet is tried again later', async (t) => {
  const folder = join(t.testdir(), 'later')
  const opened = openReplica(t, { file: join(folder, 'directory.db') })
  t.strictSame(opened.faults, ['directory_failed'])
  loadAgain(opened)
  t.equal(opened.replica.position(), undefined)
  t.strictSame(opened.faults, ['directory_failed'], 'told once')
  t.testdir({ later: {} })
  loadAgain(opened)
  t.strictSame(opened.replica.position(), position)
  rmSync(folder, { recursive: true })
})

t.test('kill -9 beside another process: what was applied is there, as far as the position says', async (t) => {
  const { file, replica, faults } = openReplica(t)
  const script = join(import.meta.dirname, 'apply-forever.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let last = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    // This process writes to the same file at the same time, as the one that ends while another takes over.
    replica.apply([eventOf(userRecord(last, `beside${last}`))], { version: last, token: 'beside' })
    if (last === 200) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  t.equal(child.signalCode, 'SIGKILL')
  t.strictSame(faults, [], 'neither kept the other from writing')
  replica.close()
  const again = openReplica(t, { file })
  const { version } = again.replica.position() ?? { version: -1 }
  t.ok(version >= last)
  const loginIds = new Set(contentOf(again.replica).map((record) => record.type === 'user' && record.user.loginId))
  for (let number = 1; number <= last; number++) {
    if (!loginIds.has(`user${number}`)) t.fail(`user${number} is lost`)
    if (!loginIds.has(`beside${number}`)) t.fail(`beside${number} is lost`)
  }
  t.equal(loginIds.has(`user${version + 1}`), false, 'nothing is there that the position does not cover')
  t.strictSame(again.faults, [])
})
