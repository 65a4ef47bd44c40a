import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ConfigInForce } from './assemble-reload.ts'
import type { WorkerStart } from './assemble-worker.ts'
import { systemClock } from './base/clock.ts'
import { MetricSheet } from './base/metric-sheet.ts'
import { moduleUrl } from './base/module-url.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import { AssertionKeys } from './control-path/assertion-keys.ts'
import type { TargetHealth } from './control-path/health-checker.ts'
import type { TrustStore } from './control-path/store-port.ts'
import { updateMeta } from './control-path/update-meta.ts'
import { type WorkerPlace, WorkerPool } from './control-path/worker-pool.ts'
import type { RefusalRecord, UnknownOutcome } from './data-path/ports.ts'
import { clearSlot, createSharedCounts } from './data-path/shared-counts.ts'
import { type AuditEvent, describeRefusal, describeUnknownOutcome, gatewayActor } from './observe/audit-event.ts'
import type { Log } from './observe/log.ts'
import type { Metrics } from './observe/metrics-page.ts'
import type { SocketSource } from './supervise/socket-source.ts'
import type { CertificateSighting, CertificateUse } from './trust/directory-answer.ts'
import type { SharedFreshness } from './trust/freshness.ts'
import type { SharedIndex } from './trust/revocation-index.ts'
import type { DoorSocket } from './trust/worker-messages.ts'

/** The data workers of one gateway. */
export type DataWorkerPool = WorkerPool<RefusalRecord, UnknownOutcome>

export type PoolParts = {
  readonly inForce: ConfigInForce
  readonly log: Log
  /** Keys that all gateways share. */
  readonly store: Pick<TrustStore, 'readMeta' | 'writeMeta'>
  /** Positive knowledge for `admit()`. */
  readonly lookUp: TrustStore['lookUp']
  readonly metrics: Metrics
  readonly audit: { record(event: AuditEvent): void }
  readonly index: SharedIndex
  readonly freshness: SharedFreshness
  readonly sockets: SocketSource
  /** Told of first uses and sightings of certificates, and of refused requests. */
  readonly life: {
    noteUse(use: CertificateUse): Promise<void>
    noteSightings(sightings: readonly CertificateSighting[]): void
    noteRefusal(refusal: RefusalRecord): void
  }
  /** What the active checks say now. */
  readonly targetHealth: () => readonly TargetHealth[]
  /** Workers that end now were meant to. */
  readonly isEnding: () => boolean
}

/** The pool, not started yet, with the secrets and keys its workers share; `close` ends what renews them. */
export async function createPool(parts: PoolParts): Promise<{ pool: DataWorkerPool; close: () => void }> {
  const { log, store } = parts
  const { config } = parts.inForce
  const startOf = createWorkerStart(parts, await sealingSecretOf(config, store))
  let keys: AssertionKeys | undefined
  const pool: DataWorkerPool = new WorkerPool({
    module: moduleUrl('./assemble-worker', import.meta.url),
    count: config.workers,
    sockets: () => takeDoorSockets(config, parts.sockets),
    startOf,
    answer: parts.lookUp,
    noteUse: (use) => parts.life.noteUse(use),
    noteSightings: (sightings) => parts.life.noteSightings(sightings),
    audit: (notes, dropped) => {
      for (const note of notes) {
        parts.audit.record(note.kind === 'refused' ? describeRefusal(note.record) : describeUnknownOutcome(note.record))
        if (note.kind === 'refused') parts.life.noteRefusal(note.record)
      }
      if (dropped === 0) return
      parts.audit.record({ event: 'audit_records_dropped', actor: gatewayActor, detail: { records: dropped } })
    },
    workerEnded: (id, why) => noteWorkerEnd(parts, id, why),
    firstCalls: () => [
      ...(keys === undefined ? [] : [{ type: 'assertion_keys', ...keys.current } as const]),
      ...parts.targetHealth().map((health) => ({ type: 'target_health', ...health }) as const),
    ],
  })
  const { assertion } = config.identity
  if (assertion !== undefined) {
    keys = await AssertionKeys.open({
      store,
      clock: systemClock,
      log,
      ...assertion,
      changed: (current) => void pool.call({ type: 'assertion_keys', ...current }),
    })
  }
  return { pool, close: () => keys?.close() }
}

function createWorkerStart(parts: PoolParts, sealingSecret: Buffer | undefined): (place: WorkerPlace) => WorkerStart {
  const { inForce, metrics } = parts
  const { config } = inForce
  const ticketSecret = randomBytes(32)
  const { certificate, public: publicDoor } = config.doors
  const doorNames = [...certificate.map(({ name }) => name), ...(publicDoor === undefined ? [] : [publicDoor.name])]
  const counts = createSharedCounts(config.workers, doorNames)
  return ({ slot, id, sockets }) => {
    clearSlot(counts, slot)
    const { layout } = metrics
    const sheet = MetricSheet.create(layout)
    metrics.addWorker(id, sheet)
    return {
      config: inForce.config,
      index: parts.index,
      freshness: parts.freshness,
      metricLayout: layout,
      metricBuffer: sheet.buffer,
      sealingSecret,
      ticketSecret,
      checkedAtMs: inForce.checkedAtMs,
      accessLogFile: accessLogPath(config),
      slot,
      counts,
      sockets,
    }
  }
}

/** A duplicate for one worker of each socket that clients come through. */
async function takeDoorSockets({ doors }: GatewayConfig, source: SocketSource): Promise<readonly DoorSocket[]> {
  const all = [...doors.certificate, ...(doors.public === undefined ? [] : [doors.public])]
  const wanted = all.flatMap(({ name, listen }) => listen.map((address, position) => ({ name, address, position })))
  return Promise.all(
    wanted.map(async ({ name, address, position }) => {
      const { handle, port } = await source.take(address, { door: name, position })
      return { door: name, host: address.host, port, fd: handle.fd }
    }),
  )
}

function noteWorkerEnd({ metrics, log, audit, isEnding }: PoolParts, id: string, why: string): void {
  metrics.removeWorker(id)
  if (isEnding()) return
  metrics.control.workerRestarted()
  log.error('a data worker ended', { worker: id, why })
  const target = { kind: 'worker', name: id } as const
  audit.record({ event: 'worker_ended', actor: gatewayActor, target, detail: { why } })
}

async function sealingSecretOf(config: GatewayConfig, store: PoolParts['store']): Promise<Buffer | undefined> {
  const { sealCookies, sealingKey } = config.identity
  if (sealCookies.length === 0) return undefined
  if (sealingKey !== undefined) return Buffer.from(sealingKey, 'base64')
  const value = await updateMeta(store, 'sealingKeys', (current) => current ?? randomBytes(32).toString('base64'))
  return Buffer.from(value, 'base64')
}

function accessLogPath({ accessLog, stateFolder }: GatewayConfig): string | undefined {
  if (accessLog.file === undefined || accessLog.file === '-' || accessLog.file.startsWith('/')) return accessLog.file
  return join(stateFolder, accessLog.file)
}
