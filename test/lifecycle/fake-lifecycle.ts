// Lifecycle ports over a real store, follower and publisher, with one issuing CA name and people in the directory.
import type { Test } from 'tap'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { startFakeGateway } from '../control-path/fake-gateway.ts'
import { addPeople, issuerA, issuerB } from '../store/contract.ts'

export const issuers = [
  { name: 'demo-issuing-ca', issuerId: issuerA },
  { name: 'second-ca', issuerId: issuerB },
]

export async function startFakeLifecycle(t: Test, changes: Partial<Pick<LifecyclePorts, 'directory' | 'nowMs'>> = {}) {
  const gateway = await startFakeGateway(t)
  await addPeople(gateway.store)
  await gateway.follower.ready()
  await gateway.follower.caughtUp()
  gateway.workers.told.length = 0
  const audited: ControlAuditEvent[] = []
  const ports: LifecyclePorts = {
    store: gateway.store,
    publisher: gateway.publisher,
    workers: gateway.workers,
    issuers,
    directory: 'embedded',
    audit: (event) => void audited.push(event),
    nowMs: () => 1_000,
    ...changes,
  }
  return { ...gateway, ports, audited }
}
