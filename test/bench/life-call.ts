import { createIssuing } from '../../src/assemble-issuing.ts'
import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { issueCertificate } from '../../src/lifecycle/issue.ts'
import type { LifecyclePorts } from '../../src/lifecycle/ports.ts'
import { makeSigningRequest } from './life-orders.ts'
import type { LifeGateway } from './sections/life-ground.ts'

/**
 * How long the lifecycle call itself takes, without doors and pages: in this process, with the gateway's configuration and over its
 * store, one after the other. Rules and mails are left out. Unit: milliseconds.
 */
export async function timeIssueCalls(
  gateway: Pick<LifeGateway, 'configFile' | 'store'>,
  loginIds: readonly string[],
): Promise<number[]> {
  const { config } = loadConfig(gateway.configFile, { env: process.env, clock: systemClock })
  const issuing = createIssuing(config, process.env)
  const ports = {
    store: gateway.store,
    issuers: [],
    issuing: () => issuing,
    audit: () => {},
    revokedUntilMs: async () => undefined,
    revokedByRule: async () => new Set(),
    nowMs: () => systemClock.nowMs(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  } as unknown as LifecyclePorts
  const issueMs: number[] = []
  for (const loginId of loginIds) {
    const request = { loginId, proof: { kind: 'password' }, requestDer: makeSigningRequest() } as const
    const startMs = systemClock.monotonicMs()
    await issueCertificate(request, { requestId: 'bench', clientAddress: '127.0.0.1' }, ports)
    issueMs.push(systemClock.monotonicMs() - startMs)
  }
  return issueMs
}
