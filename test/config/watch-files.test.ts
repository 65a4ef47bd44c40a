// Goal: a changed configuration is noticed however it is written (in place, by rename, through links turned over), and nothing else is.
// Method: real files in a folder of the test; each act is awaited by what the watcher tells, and a last act proves that silence was one.
import fs, { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FileWatcher } from '../../src/config/watch-files.ts'
import { eventually } from '../helpers/eventually.ts'

function setUp(t: Test, options: { quietMs?: number } = {}) {
  const folder = t.testdir({ 'gateway.yaml': 'a: 1\n', 'server.pem': 'one', 'other.log': '' })
  const seen = { changes: 0, unwatched: [] as string[], refusals: 0 }
  const watcher = new FileWatcher({
    changed: () => {
      seen.changes += 1
      return seen.changes > seen.refusals
    },
    unwatched: (path, reason) => void seen.unwatched.push(`${path}: ${reason}`),
    quietMs: options.quietMs ?? 20,
  })
  t.teardown(() => watcher.close())
  const path = (...names: string[]) => join(folder, ...names)
  const changes = (count: number) =>
    eventually(
      () => seen.changes,
      (changed) => changed === count,
    )
  return { watcher, seen, path, changes }
}

t.test('a file written in place, and one replaced by a rename', async (t) => {
  const { watcher, seen, path, changes } = setUp(t)
  watcher.watch([path('gateway.yaml'), path('server.pem')])
  writeFileSync(path('server.pem'), 'two')
  await changes(1)
  writeFileSync(path('.gateway.yaml.new'), 'a: 2\n')
  renameSync(path('.gateway.yaml.new'), path('gateway.yaml'))
  await changes(2)
  writeFileSync(path('gateway.yaml'), 'a: 3\n')
  await changes(3)
  t.strictSame(seen.unwatched, [])
})

t.test('what cannot be dealt with yet is told again until it can', async (t) => {
  const { watcher, seen, path, changes } = setUp(t)
  seen.refusals = 3
  watcher.watch([path('gateway.yaml')])
  writeFileSync(path('gateway.yaml'), 'a: 2\n')
  await changes(4)
  writeFileSync(path('gateway.yaml'), 'a: 3\n')
  await changes(5)
  t.equal(seen.changes, 5)
})

t.test('other files of the folder, and files no longer watched, are ignored', async (t) => {
  const { watcher, seen, path, changes } = setUp(t)
  watcher.watch([path('gateway.yaml'), path('server.pem')])
  watcher.watch([path('gateway.yaml')])
  for (const name of ['other.log', 'server.pem', 'new.pem']) writeFileSync(path(name), 'x')
  writeFileSync(path('gateway.yaml'), 'a: 2\n')
  await changes(1)
  writeFileSync(path('other.log'), 'y')
  writeFileSync(path('gateway.yaml'), 'a: 3\n')
  await changes(2)
  t.equal(seen.changes, 2)
})

t.test('a link turned to another folder, as Kubernetes mounts secrets', async (t) => {
  const { watcher, path, changes } = setUp(t)
  for (const version of ['..v1', '..v2', '..v3']) {
    mkdirSync(path(version))
    writeFileSync(path(version, 'tls.crt'), version)
  }
  symlinkSync('..v1', path('..data'))
  symlinkSync(join('..data', 'tls.crt'), path('tls.crt'))
  watcher.watch([path('tls.crt')])
  for (const [version, count] of [
    ['..v2', 1],
    ['..v3', 2],
  ] as const) {
    symlinkSync(version, path('..data_tmp'))
    renameSync(path('..data_tmp'), path('..data'))
    await changes(count)
  }
  writeFileSync(path('..v3', 'tls.crt'), 'in place')
  await changes(3)
  t.pass('the folder behind the link is watched too')
})

t.test('a file that is missing and appears, with the folders above it; one that vanishes', async (t) => {
  const { watcher, seen, path, changes } = setUp(t)
  watcher.watch([path('certs', 'new', 'server.pem')])
  mkdirSync(path('certs', 'new'), { recursive: true })
  writeFileSync(path('certs', 'new', 'server.pem'), 'one')
  await changes(1)
  rmSync(path('certs'), { recursive: true })
  await changes(2)
  mkdirSync(path('certs', 'new'), { recursive: true })
  writeFileSync(path('certs', 'new', 'server.pem'), 'two')
  await changes(3)
  t.strictSame(seen.unwatched, [])
})

t.test('a folder replaced by another one', async (t) => {
  const { watcher, path, changes } = setUp(t)
  for (const name of ['certs', 'next']) {
    mkdirSync(path(name))
    writeFileSync(path(name, 'server.pem'), name)
  }
  watcher.watch([path('certs', 'server.pem')])
  writeFileSync(path('certs', 'server.pem'), 'in place')
  await changes(1)
  renameSync(path('certs'), path('old'))
  renameSync(path('next'), path('certs'))
  await changes(2)
  writeFileSync(path('certs', 'server.pem'), 'in place')
  await changes(3)
  t.pass('the folder that took its place is watched')
})

t.test('files written together are told of once', async (t) => {
  const { watcher, seen, path, changes } = setUp(t, { quietMs: 150 })
  watcher.watch([path('gateway.yaml'), path('server.pem')])
  for (let write = 0; write < 20; write += 1) {
    writeFileSync(path('gateway.yaml'), `a: ${write}\n`)
    writeFileSync(path('server.pem'), `${write}`)
    await new Promise(setImmediate)
  }
  await changes(1)
  writeFileSync(path('gateway.yaml'), 'a: the last\n')
  await changes(2)
  t.equal(seen.changes, 2)
})

t.test('what changed between two calls is not missed', async (t) => {
  const { watcher, path, changes } = setUp(t)
  watcher.watch([path('gateway.yaml')])
  writeFileSync(path('gateway.yaml'), 'a: 2\n')
  watcher.watch([path('gateway.yaml'), path('server.pem')])
  await changes(1)
  t.pass('told')
})

t.test('a folder that cannot be watched is told of once, and watched when it can be', async (t) => {
  const { watcher, seen, path, changes } = setUp(t)
  const real = fs.watch
  const restore = () => {
    fs.watch = real
    syncBuiltinESMExports()
  }
  t.teardown(restore)
  fs.watch = (() => {
    throw new Error('ENOSPC: too many watches')
  }) as unknown as typeof fs.watch
  syncBuiltinESMExports()
  watcher.watch([path('gateway.yaml')])
  watcher.watch([path('gateway.yaml')])
  t.strictSame(seen.unwatched, [`${path()}: ENOSPC: too many watches`])
  restore()
  watcher.watch([path('gateway.yaml')])
  writeFileSync(path('gateway.yaml'), 'a: 2\n')
  await changes(1)
})

/** Resolves once a later watcher of longer patience has seen a change: by then the first one would have told of its own. */
async function seeAnotherChange(t: Test, path: (name: string) => string, names: readonly string[]) {
  let told = false
  const changed = () => {
    told = true
    return true
  }
  const other = new FileWatcher({ changed, unwatched: () => {}, quietMs: 60 })
  t.teardown(() => other.close())
  other.watch([path('server.pem')])
  for (const name of [...names, 'server.pem']) writeFileSync(path(name), 'x')
  await eventually(
    () => told,
    (now) => now,
  )
}

t.test('a watcher is silent as long as its files stay as they are', async (t) => {
  const { watcher, seen, path } = setUp(t)
  watcher.watch([path('gateway.yaml')])
  await seeAnotherChange(t, path, ['other.log'])
  t.equal(seen.changes, 0)
})

t.test('a closed watcher is silent', async (t) => {
  const { watcher, seen, path } = setUp(t)
  watcher.watch([path('gateway.yaml')])
  watcher.close()
  watcher.watch([path('gateway.yaml')])
  await seeAnotherChange(t, path, ['gateway.yaml'])
  t.equal(seen.changes, 0)
})
