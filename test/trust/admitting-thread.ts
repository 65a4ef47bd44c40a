import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { admit, judgeBeyondTime } from '../../src/trust/admit.ts'
import { RevocationIndex, type SharedIndex } from '../../src/trust/revocation-index.ts'
import { fateOf, issuerOf, loginIdOf, type RaceMessage, type RaceReport, serialOf } from './admission-race.ts'
import { candidateOf, createTrust, type FakeConnection } from './trust-fakes.ts'

/**
 * A data worker reduced to trust: admits one connection after the other, cuts and judges anew as it is told, and at the end
 * says what became of them.
 */
const { shared, count } = workerData as { shared: SharedIndex; count: number }
const { state, live } = createTrust({ index: new RevocationIndex(shared) })
const connections = new Map<number, FakeConnection>()
const deniedNumbers: number[] = []

function report(): RaceReport {
  let [cut, missed, wronged] = [0, 0, deniedNumbers.filter((number) => fateOf(number) === 'stays').length]
  for (const [number, { cutFor }] of connections) {
    const isRevoked = fateOf(number) !== 'stays'
    if (cutFor !== undefined) cut++
    if (isRevoked && cutFor === undefined) missed++
    if (!isRevoked && cutFor !== undefined) wronged++
  }
  return { denied: deniedNumbers.length, cut, missed, wronged, untracked: live.untracked() }
}

async function admitAll(): Promise<void> {
  for (let number = 0; number < count; number++) {
    const named = { loginId: loginIdOf(number), issuer: issuerOf(number) }
    const { connection, ...candidate } = candidateOf(serialOf(number), number, named)
    const verdict = admit({ connection, ...candidate }, state)
    if (verdict.kind === 'permit') {
      connections.set(number, connection)
      live.notePermitted(connection)
      connection.judge = () => judgeBeyondTime(verdict, state)?.reason
    } else deniedNumbers.push(number)
    if (number % 25 === 0) await nextTurn()
  }
}

let admitting: Promise<void> | undefined
parentPort?.on('message', (message: RaceMessage) => {
  switch (message.type) {
    case 'start':
      admitting = admitAll()
      return
    case 'end':
      admitting?.then(() => parentPort?.postMessage(report()))
      return
    case 'cut':
      live.cut(message.selector, 'certificate_revoked')
      return
    case 'recheck':
      live.recheck(message.scope)
  }
})
parentPort?.postMessage('ready')
