import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'
import { DoorCounts, type SharedCounts } from '../../src/data-path/shared-counts.ts'
import { UpgradeCounts } from '../../src/data-path/upgrade-counts.ts'

/** A data worker reduced to counting: takes as much as it gets of everything there is a limit on, and says how much that was. */
export type CountingTask = {
  readonly counts: SharedCounts
  readonly slot: number
  readonly attempts: number
  readonly handshakesPerSecondMax: number
  readonly upgradesMax: number
}

/** What one thread got. `nowMs`: what its clock said on the way. */
export type Counted = { readonly handshakes: number; readonly upgrades: number; readonly nowMs: number }

function countAll({ counts, slot, attempts, handshakesPerSecondMax, upgradesMax }: CountingTask): Counted {
  const door = new DoorCounts(counts, { door: 'door', slot })
  const upgrades = new UpgradeCounts(counts.upgrades, slot)
  const got = { handshakes: 0, upgrades: 0 }
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (door.takeHandshake({ nowMs: 1_000, perSecondMax: handshakesPerSecondMax, keep: 1 })) got.handshakes++
    if (upgrades.enter('user01', upgradesMax)) got.upgrades++
    door.addConnections(1)
    door.addStrangers(1)
    if (attempt % 2 === 0) door.addStrangers(-1)
  }
  return { ...got, nowMs: systemClock.monotonicMs() }
}

parentPort?.on('message', (message: 'go' | 'end') => {
  if (message === 'go') parentPort?.postMessage(countAll(workerData as CountingTask))
  else parentPort?.close()
})
parentPort?.postMessage('ready')
