// Removes what the demo made: its state folders (data/, data-<offset>/) and its certificates (certs/demo/).
// Plain JavaScript for any Node from 20 on.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const states = readdirSync(root).filter((name) => /^data(-\d+)?$/.test(name))

/** Process id of the demo that holds this state folder, or undefined. */
function findHolder(state) {
  try {
    const pid = readFileSync(join(root, state, 'lock.pid'), 'utf8').trim()
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('src/main.ts') ? pid : undefined
  } catch {
    return undefined
  }
}

for (const state of states) {
  const holder = findHolder(state)
  if (holder === undefined) continue
  console.error(`Cannot remove ${state}/ as a demo is using it: process ${holder}. Stop it first.`)
  process.exit(1)
}
for (const place of [...states, join('certs', 'demo')]) {
  if (!existsSync(join(root, place))) continue
  rmSync(join(root, place), { recursive: true })
  console.log(`removed ${place}/`)
}
if (process.env.SEKISHO_REDIS_URL) console.log('what the demo wrote to Redis is left as it is')
