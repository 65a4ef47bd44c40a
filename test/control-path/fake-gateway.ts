// A gateway without sockets: real index, real freshness, real store in memory of a file, and data workers that write down what
// they were told, and at what state of the index. Faults are switched on by the test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { Follower } from '../../src/control-path/follow.ts'
import type { ControlAuditEvent, ControlLog, DataWorkers } from '../../src/control-path/ports.ts'
import { createPublisher } from '../../src/control-path/publish.ts'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import type { DenialReason } from '../../src/trust/denial.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import type { ConnectionSummary, CutSelector } from '../../src/trust/live-connections.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index.ts'
import type { CertificateKey } from '../../src/x509/certificate-key.ts'

export class FakeWorkers implements DataWorkers {
  readonly told: string[] = []
  readonly live: ConnectionSummary[] = []
  readonly #index: RevocationIndexWriter
  /** Cuts asked for while the entry was not in the index yet; must stay empty (invariant 2). */
  readonly cutTooEarly: string[] = []
  failures = 0

  constructor(index: RevocationIndexWriter) {
    this.#index = index
  }

  async cut(selector: CutSelector, reason: DenialReason): Promise<number> {
    const [kind, subject] = entryOf(selector, reason)
    if (!this.#index.has(fingerprintOf(kind, subject))) this.cutTooEarly.push(subject)
    if (this.failures > 0) {
      this.failures--
      throw new Error('worker does not answer')
    }
    this.told.push(`cut ${subject} ${reason}`)
    return this.live.filter(
      ({ certificateKey, loginId, contractId }) =>
        subject === certificateKey || subject === loginId || subject === contractId,
    ).length
  }

  async directoryChanged(loginId: string): Promise<void> {
    this.told.push(`directory ${loginId}`)
  }

  async directoryReplaced(): Promise<void> {
    this.told.push('directory replaced')
  }

  async connections(max: number): Promise<readonly ConnectionSummary[]> {
    return this.live.slice(0, max)
  }

  async connectionsOf(loginId: string): Promise<readonly ConnectionSummary[]> {
    return this.live.filter((connection) => connection.loginId === loginId)
  }
}

function entryOf(selector: CutSelector, reason: DenialReason) {
  if (selector.by === 'loginId') return ['suspended', selector.loginId] as const
  if (selector.by === 'contract') return ['password_mode', selector.contractId] as const
  return [reason === 'certificate_superseded' ? 'superseded' : 'revoked', selector.key] as const
}

export type FakeGateway = Awaited<ReturnType<typeof startFakeGateway>>

/** Starts a follower over the store given, or over a new one in `file`. */
export async function startFakeGateway(t: Test, options: { store?: TrustStore; file?: string; pollMs?: number } = {}) {
  // Not t.testdir(): the test may want that for itself, and asking twice empties it.
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  const file = options.file ?? join(folder, 'sekisho.db')
  const store = options.store ?? (await EmbeddedStore.open(file, { clock: systemClock, busyMaxMs: 200 }))
  const index = new RevocationIndexWriter()
  const freshness = new Freshness(createFreshness(), {
    clock: systemClock,
    maxStalenessSeconds: 300,
    insecureServeWhenStale: false,
  })
  const workers = new FakeWorkers(index)
  const lines: string[] = []
  const log: ControlLog = {
    info: (message) => void lines.push(`info ${message}`),
    warn: (message) => void lines.push(`warn ${message}`),
    error: (message) => void lines.push(`error ${message}`),
  }
  const audited: ControlAuditEvent[] = []
  const follower = new Follower({
    store,
    index,
    freshness,
    workers,
    pollMs: options.pollMs ?? 5,
    log,
    audit: (event) => void audited.push(event),
  })
  t.teardown(async () => {
    await follower.stop()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  follower.start()
  const publisher = createPublisher({ store, follower })
  const isRevoked = (key: CertificateKey) => index.has(fingerprintOf('revoked', key))
  return { file, store, index, freshness, workers, lines, audited, follower, publisher, isRevoked }
}

/** Resolves once the condition holds; fails the test with what it was waiting for after five seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 5_000
  while (!condition()) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
