import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { admit } from '../../src/trust/admit.ts'
import { RevocationIndex } from '../../src/trust/revocation-index.ts'
import { candidateOf, createTrust, type FakeConnection, keyOf } from './trust-fakes.ts'

/**
 * A data worker reduced to trust: admits one connection after the other, cuts what it is told to cut, and at the end says
 * what became of each.
 */
const { shared, count } = workerData as { shared: SharedArrayBuffer; count: number }
const { state, live } = createTrust({ index: new RevocationIndex(shared) })
const connections: FakeConnection[] = []
let denied = 0

function report(): void {
  const permitted = connections.filter(({ cutFor }) => cutFor === undefined).length
  const cut = connections.length - permitted
  parentPort?.postMessage({ denied, cut, alive: permitted })
}

async function admitAll(): Promise<void> {
  for (let at = 0; at < count; at++) {
    const candidate = candidateOf((at + 1).toString(16), at)
    const verdict = admit(candidate, state)
    if (verdict.kind === 'permit') connections.push(candidate.connection)
    else denied++
    if (at % 25 === 0) await nextTurn()
  }
}

let admitting: Promise<void> | undefined
parentPort?.on('message', (message: number | 'start' | 'end') => {
  if (message === 'start') admitting = admitAll()
  else if (message === 'end') admitting?.then(report)
  else live.cut({ by: 'certificate', key: keyOf((message + 1).toString(16)) }, 'certificate_revoked')
})
parentPort?.postMessage('ready')
