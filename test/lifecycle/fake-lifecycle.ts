// Lifecycle ports over a real store, follower and publisher, with issuing CAs, two of them names only, and people in the directory.
import type { Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { readIssuingCa } from '../../src/x509/issuing-ca.ts'
import { startFakeGateway } from '../control-path/fake-gateway.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { addPeople, issuerA, issuerB } from '../store/contract.ts'
import { FakeVerifier, passwords, portal } from './samples.ts'

/** The one issuing CA here that can sign. */
export const signingCa = createTestCa({ commonName: 'signing' })

export const issuers = [
  { name: 'demo-issuing-ca', issuerId: issuerA },
  { name: 'second-ca', issuerId: issuerB },
  { name: 'signing-ca', issuerId: signingCa.issuerId },
]

const { certificatePem } = signingCa
const issuingCas = [readIssuingCa({ name: 'signing-ca', certificatePem, chainPems: [] }, systemClock.nowMs())]

export async function startFakeLifecycle(t: Test, changes: Partial<LifecyclePorts> = {}) {
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
    issuingCas: () => issuingCas,
    directory: 'embedded',
    audit: (event) => void audited.push(event),
    issuing: () => undefined,
    passwords: () => passwords,
    portal: () => portal,
    revokedUntilMs: async () => undefined,
    revokedByRule: async () => new Set(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    verifier: new FakeVerifier(),
    nowMs: () => 1_000,
    pause: async () => {},
    ...changes,
  }
  return { ...gateway, ports, audited }
}
