// Goal: one gateway per state folder; a second one is told who has it; no stale lock after a crash.
// Method: a child process takes the lock, is asked for, and is killed with SIGKILL.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lockStateFolder } from '../../../src/store/embedded/state-lock.ts'

t.test('makes the folder for its owner only, locks it, and lets go', (t) => {
  const folder = join(t.testdir(), 'deep', 'state')
  const lock = lockStateFolder(folder)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.throws(() => lockStateFolder(folder), {
    code: 'state_folder_locked',
    message: new RegExp(`process ${process.pid} `),
  })
  lock.release()
  lockStateFolder(folder).release()
  t.end()
})

t.test('a second process is told who holds it, and takes over once the holder was killed', async (t) => {
  const folder = t.testdir()
  const module = join(import.meta.dirname, '../../../src/store/embedded/state-lock.ts')
  const script = `const { lockStateFolder } = await import(${JSON.stringify(module)})
    globalThis.held = lockStateFolder(${JSON.stringify(folder)}); process.stdout.write('locked'); setInterval(() => {}, 1e6)`
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  t.throws(() => lockStateFolder(folder), { code: 'state_folder_locked', message: new RegExp(`process ${child.pid} `) })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = lockStateFolder(folder)
  t.pass('nothing stale in the way')
  lock.release()
})
