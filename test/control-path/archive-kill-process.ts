import { writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { TrustArchive } from '../../src/control-path/archive.ts'
import { at, PlayedMemory, revokedEvent } from './archive-played-memory.ts'

/**
 * A gateway that is made to be killed: it loads what is in the folder, goes on with the next version, and says each version as soon
 * as its event has been appended; snapshots are made all the while. Every eighth event is a large one.
 */
const [folder = ''] = process.argv.slice(2)
const log = { info: () => {}, warn: () => {}, error: () => {} }
const archive = new TrustArchive({
  folder,
  clock: systemClock,
  bootId: 'boot-1',
  log,
  fault: (...fault) => writeSync(2, fault.join(' ')),
})
const memory = new PlayedMemory()
let version = (await archive.load(memory))?.highestVersion ?? 0
archive.begin(at(version))

const saveAgain = () => archive.save(memory, () => at(version)).then(() => setImmediate(saveAgain))
setImmediate(saveAgain)
for (;;) {
  version++
  const event = revokedEvent(
    version,
    ...Array.from({ length: version % 8 === 0 ? 400 : 1 }, (_, n) => version * 1_000 + n),
  )
  archive.append([event], at(version))
  writeSync(1, `${version}\n`)
  memory.apply(event)
  if (version % 16 === 0) archive.heard(at(version))
  await nextTurn()
}
