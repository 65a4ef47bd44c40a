import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConfigInForce } from './assemble-reload.ts'
import { identifyIssuers, perConfig, readIssuers } from './assemble-reports.ts'
import { systemClock } from './base/clock.ts'
import type { LifecyclePorts } from './lifecycle/ports.ts'
import type { AuditEvent } from './observe/audit-event.ts'

export type LifecycleParts = Pick<LifecyclePorts, 'store' | 'publisher'> & {
  readonly inForce: ConfigInForce
  readonly pool: DataWorkerPool
  /** Here, and in processes that are draining. */
  readonly connectionsOf: LifecyclePorts['workers']['connectionsOf']
  readonly audit: (event: AuditEvent) => void
}

/** Everything the life of a certificate reaches out for. */
export function createLifecyclePorts(parts: LifecycleParts): LifecyclePorts {
  const { inForce, pool, store, publisher, connectionsOf, audit } = parts
  const issuers = perConfig(inForce, identifyIssuers)
  return {
    store,
    publisher,
    workers: { connectionsOf, connectedKeys: () => pool.connectedKeys() },
    get issuers() {
      return issuers()
    },
    issuingCas: perConfig(inForce, readIssuers),
    directory: inForce.config.directory,
    audit,
    nowMs: () => systemClock.nowMs(),
  }
}
