// Goal: once `append` has returned, no kill -9 undoes it, wherever it strikes. Method: a process that appends and saves all the time says
// each version on a pipe and is killed at random; what it has said must be found by whoever loads, and by its successor.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { archiveFolder, keyOf, loadNow } from './archive-played-memory.ts'

const kills = 24
const program = join(import.meta.dirname, 'archive-kill-process.ts')

/** The last version it has said before it was killed, so many milliseconds after its first. */
async function runAndKill(folder: string, lifeMs: number): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, program, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  const complaints = text(child.stderr)
  const closed = once(child, 'close')
  await Promise.race([once(child.stdout, 'data'), closed])
  await wait(lifeMs)
  child.kill('SIGKILL')
  const [, signal] = await closed
  t.equal(signal, 'SIGKILL', await complaints)
  t.equal(await complaints, '')
  // The last line may have been cut off.
  return Number(Buffer.concat(said).toString().split('\n').at(-2) ?? 0)
}

t.test('what a killed process had appended is found, however often it is killed', async (t) => {
  const folder = archiveFolder(t)
  let last = 0
  for (let round = 1; round <= kills; round++) {
    const said = await runAndKill(folder, Math.random() * 60)
    t.ok(said > last, `round ${round}: ${last} to ${said}`)
    last = said
    const { memory, loaded, faults } = await loadNow(folder)
    t.same(faults, [], 'no damage, a torn tail at most')
    const missing: number[] = []
    for (let version = 1; version <= said; version++) {
      for (let n = 0; n < (version % 8 === 0 ? 400 : 1); n++) {
        if (!memory.fingerprints.has(keyOf(version * 1_000 + n))) missing.push(version)
      }
    }
    t.same(missing, [])
    t.ok((loaded?.highestVersion ?? 0) - said <= 1, 'at most one more than could be said')
    t.ok((loaded?.position.version ?? 0) <= said, 'the position is one that was heard')
  }
})
