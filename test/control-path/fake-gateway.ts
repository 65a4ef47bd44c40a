// A gateway without sockets: real index, real freshness, real store in memory of a file, and data workers that write down what
// they were told, and at what state of the index. Faults are switched on by the test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { LocalKeeping } from '../../src/control-path/applier.ts'
import { TrustArchive } from '../../src/control-path/archive.ts'
import { Follower } from '../../src/control-path/follow.ts'
import type { FollowerOptions } from '../../src/control-path/follower-options.ts'
import { GatewayReports } from '../../src/control-path/gateway-reports.ts'
import type { ControlAuditEvent, ControlLog, DataWorkers } from '../../src/control-path/ports.ts'
import { createPublisher } from '../../src/control-path/publish.ts'
import type { TrustStore } from '../../src/control-path/store-port.ts'
import { TrustMemory } from '../../src/control-path/trust-memory.ts'
import { DirectoryReplicaFile } from '../../src/store/embedded/directory-replica.ts'
import { EmbeddedStore } from '../../src/store/embedded/embedded-store.ts'
import type { CutReason } from '../../src/trust/denial.ts'
import { fingerprintOf } from '../../src/trust/fingerprint.ts'
import { createFreshness, Freshness } from '../../src/trust/freshness.ts'
import type { ConnectionSummary, CutSelector, RecheckScope } from '../../src/trust/live-connections.ts'
import { RevocationIndexWriter } from '../../src/trust/revocation-index-writer.ts'
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

  async cut(selector: CutSelector, reason: CutReason): Promise<number> {
    if (selector.by === 'passwordContract') {
      const { contractId } = selector
      if (this.#index.has(fingerprintOf('password_mode', contractId))) this.cutTooEarly.push(contractId)
      this.told.push(`cut passwords of ${contractId} ${reason}`)
      return 0
    }
    const [kind, subjects] = entriesOf(selector, reason)
    for (const subject of subjects) {
      if (!this.#index.has(fingerprintOf(kind, subject))) this.cutTooEarly.push(subject)
    }
    if (this.failures > 0) {
      this.failures--
      throw new Error('worker does not answer')
    }
    for (const subject of subjects) this.told.push(`cut ${subject} ${reason}`)
    return this.live.filter(({ certificateKey, loginId, contractId }) =>
      [certificateKey, loginId, contractId].some((name) => name !== undefined && subjects.includes(name)),
    ).length
  }

  async recheck(scope: RecheckScope): Promise<number> {
    this.told.push(`recheck ${JSON.stringify(scope)}`)
    return 0
  }

  async connectedKeys(): Promise<readonly CertificateKey[]> {
    return [...new Set(this.live.flatMap(({ certificateKey }) => certificateKey ?? []))]
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

function entriesOf(selector: Exclude<CutSelector, { by: 'passwordContract' }>, reason: CutReason) {
  if (selector.by === 'loginId') return ['suspended', [selector.loginId]] as const
  if (selector.by === 'contract') return ['password_mode', [selector.contractId]] as const
  const keys: readonly string[] = selector.by === 'certificates' ? selector.keys : [selector.key]
  return [reason === 'certificate_superseded' ? 'superseded' : 'revoked', keys] as const
}

export type FakeGateway = Awaited<ReturnType<typeof startFakeGateway>>

export type FakeGatewayOptions = {
  readonly store?: TrustStore
  readonly file?: string
  readonly pollMs?: number
  /** Keeps snapshot, journal and directory below this folder, as over a remote store. */
  readonly keepIn?: string
  readonly follower?: Partial<FollowerOptions>
  readonly maxStalenessSeconds?: number
}

/** Starts a follower over the store given, or over a new one in `file`. */
export async function startFakeGateway(t: Test, options: FakeGatewayOptions = {}) {
  // Not t.testdir(): the test may want that for itself, and asking twice empties it.
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  const file = options.file ?? join(folder, 'sekisho.db')
  const store = options.store ?? (await EmbeddedStore.open(file, { clock: systemClock, busyMaxMs: 200 }))
  const memory = new TrustMemory(new RevocationIndexWriter())
  const { index } = memory
  const freshness = new Freshness(createFreshness(), {
    clock: systemClock,
    maxStalenessSeconds: options.maxStalenessSeconds ?? 300,
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
  const keeping = options.keepIn === undefined ? undefined : keepIn(options.keepIn, log)
  const follower = new Follower({
    store,
    memory,
    freshness,
    workers,
    pollMs: options.pollMs ?? 5,
    ...(keeping === undefined ? {} : { keeping }),
    clock: systemClock,
    log,
    audit: (event) => void audited.push(event),
    applied: () => reports.changed(),
    ...options.follower,
  })
  const reports = new GatewayReports({
    store,
    place: folder,
    process: '1',
    clock: systemClock,
    report: () => ({ ...follower.status(), name: folder, programVersion: 'test', dataAgeMs: null }),
  })
  let ended = false
  const end = async () => {
    if (ended) return
    ended = true
    await reports.stop()
    await follower.stop()
    keeping?.replica?.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
  t.teardown(end)
  follower.ownArchive()
  follower.start()
  const publisher = createPublisher({ store, follower, reports })
  const isRevoked = (key: CertificateKey) => index.has(fingerprintOf('revoked', key))
  const parts = { file, store, memory, index, freshness, workers, lines, audited, follower, reports, publisher }
  return { ...parts, isRevoked, end }
}

function keepIn(folder: string, log: ControlLog): LocalKeeping {
  const archive = new TrustArchive({ folder: join(folder, 'trust'), clock: systemClock, bootId: 'boot', log })
  return { archive, replica: new DirectoryReplicaFile(join(folder, 'directory.db')), snapshotMs: 50 }
}

/** Resolves once the condition holds; fails the test with what it was waiting for after five seconds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 5_000
  while (!condition()) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
