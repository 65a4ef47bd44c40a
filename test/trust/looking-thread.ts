import { parentPort, workerData } from 'node:worker_threads'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { RevocationIndex, type SharedIndex } from '../../src/trust/revocation-index.ts'

/** Looks at an index that is being filled with `key 0`, `key 1`, …, one generation each, until it holds 20,000. */
const index = new RevocationIndex(workerData as SharedIndex)
const total = 20_000
let missed = 0
let invented = 0
parentPort?.postMessage('ready')
for (let looks = 0; ; looks++) {
  const { generation } = index
  // What had been counted before the look must be found, whatever grows meanwhile.
  for (const at of [generation - 1, generation >> 1, 0]) {
    if (at >= 0 && at < generation && !index.has(fingerprintOf('revoked', `key ${at}`))) missed++
  }
  if (index.has(fingerprintOf('revoked', `stranger ${looks}`))) invented++
  if (generation >= total) break
}
parentPort?.postMessage({ missed, invented })
