// Goal: invariants 1 and 2 with several workers, and with every way to revoke: each connection of a revoked certificate is denied or cut,
// never missed, and no other is touched. Method: threads that admit connections in one order while the writer revokes their
// certificates in the other, by entries one by one and in bulk, and by rules; around where they meet it is a race.
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
import type { CertificateKey } from '../../src/x509/certificate-key.ts'
import { fateOf, issuerOf, loginIdOf, type RaceMessage, type RaceReport, raceKeyOf } from './admission-race.ts'

const workers = 3
const count = 10_000
const bulk = 10
const notBeforeMaxMs = Date.UTC(2026, 0, 1)

/** Revokes what has that number, as the control thread does: first the index, then the workers. */
function revoke(number: number, index: RevocationIndexWriter, bulkKeys: CertificateKey[]): RaceMessage | undefined {
  switch (fateOf(number)) {
    case 'entry': {
      const key = raceKeyOf(number)
      index.add(fingerprintOf('revoked', key))
      return { type: 'cut', selector: { by: 'certificate', key } }
    }
    case 'bulk': {
      bulkKeys.push(raceKeyOf(number))
      if (bulkKeys.length < bulk) return undefined
      const keys = bulkKeys.splice(0)
      for (const key of keys) index.add(fingerprintOf('revoked', key))
      return { type: 'cut', selector: { by: 'certificates', keys } }
    }
    case 'login_rule': {
      const loginId = loginIdOf(number)
      index.setRule(`login:${loginId}`, { by: 'loginId', loginId, notBeforeMaxMs, version: number + 1 })
      return { type: 'recheck', scope: { loginId } }
    }
    case 'issuer_rule': {
      const issuerId = issuerOf(number)
      const bounds = { notBeforeMinMs: 0, notBeforeMaxMs, version: number + 1 }
      index.setRule(`issuer:${issuerId}`, { by: 'issuer', issuerId, ...bounds })
      return { type: 'recheck', scope: { issuerId } }
    }
    case 'stays':
      return undefined
  }
}

t.test(
  'invariants 1 and 2: several workers, entries and rules: each is denied or cut, and who stays stays',
  async (t) => {
    const index = new RevocationIndexWriter()
    const threads = Array.from(
      { length: workers },
      () =>
        new Worker(new URL('./admitting-thread.ts', import.meta.url), { workerData: { shared: index.shared, count } }),
    )
    t.teardown(() => Promise.all(threads.map((thread) => thread.terminate())))
    await Promise.all(threads.map((thread) => once(thread, 'message')))
    const reports = Promise.all(threads.map(async (thread) => (await once(thread, 'message'))[0] as RaceReport))
    const tell = (message: RaceMessage) => {
      for (const thread of threads) thread.postMessage(message)
    }
    tell({ type: 'start' })
    const bulkKeys: CertificateKey[] = []
    for (let number = count - 1; number >= 0; number--) {
      const message = revoke(number, index, bulkKeys)
      if (message !== undefined) tell(message)
      if (number % 50 === 0) await nextTurn()
    }
    tell({ type: 'end' })
    const revoked = Array.from({ length: count }, (_, number) => fateOf(number)).filter(
      (fate) => fate !== 'stays',
    ).length
    for (const { denied, cut, missed, wronged, untracked } of await reports) {
      t.strictSame({ missed, wronged, untracked }, { missed: 0, wronged: 0, untracked: 0 })
      t.equal(denied + cut, revoked)
      t.ok(denied > 0 && cut > 0, `both ways occurred: ${denied} denied, ${cut} cut`)
    }
  },
)
