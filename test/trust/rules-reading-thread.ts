import { parentPort, workerData } from 'node:worker_threads'
import { IssuerRules } from '../../src/trust/issuer-rules.ts'
import { issuerId } from './trust-fakes.ts'

/** Reads rules that change all the time: each says the same in all its fields, and one is always there. */
const { rules: shared, state } = workerData as { rules: SharedArrayBuffer; state: SharedArrayBuffer }
const rules = new IssuerRules(shared)
const words = new Int32Array(state)
const found = { halves: 0, missed: 0, looks: 0 }

parentPort?.postMessage('ready')
while (Atomics.load(words, 0) === 0) {
  const seen = rules.of(issuerId)
  found.looks++
  if (!seen.some(({ version }) => version === 0xffff_ffff)) found.missed++
  for (const { notBeforeMin, notBeforeMax, version } of seen) {
    if (version !== 0xffff_ffff && (notBeforeMin !== version || notBeforeMax !== version)) found.halves++
  }
}
parentPort?.postMessage(found)
