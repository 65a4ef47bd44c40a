import { setTimeout as wait } from 'node:timers/promises'
import { createIssuing } from './assemble-issuing.ts'
import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConfigInForce } from './assemble-reload.ts'
import { identifyIssuers, perConfig, readIssuers } from './assemble-reports.ts'
import { systemClock } from './base/clock.ts'
import type { Follower } from './control-path/follow.ts'
import { type CertificateKey, type LifecyclePorts, type RuledCertificate, ruleIdOf } from './lifecycle/ports.ts'
import { createPasswordVerifier } from './lifecycle/verifier-in-force.ts'
import type { AuditEvent } from './observe/audit-event.ts'
import { fingerprintOf } from './trust/fingerprint.ts'
import { parseCertificateKey } from './x509/certificate-key.ts'

export type LifecycleParts = Pick<LifecyclePorts, 'store' | 'publisher' | 'log'> & {
  readonly inForce: ConfigInForce
  readonly pool: DataWorkerPool
  readonly follower: Follower
  /** Here, and in processes that are draining. */
  readonly connectionsOf: LifecyclePorts['workers']['connectionsOf']
  readonly audit: (event: AuditEvent) => void
  readonly noticeAct: NonNullable<LifecyclePorts['noticeAct']>
  /** Of the process, for what a token's libraries need. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Everything the life of a certificate reaches out for. Throws GatewayError `config_invalid` for an issuing CA that cannot be used. */
export function createLifecyclePorts(parts: LifecycleParts): LifecyclePorts {
  const { inForce, pool, store, publisher, connectionsOf, audit, log, noticeAct } = parts
  const issuers = perConfig(inForce, identifyIssuers)
  const issuing = perConfig(inForce, (config) => createIssuing(config, parts.env))
  issuing()
  const passwords = () => inForce.config.passwords
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
    issuing,
    passwords,
    portal: () => inForce.config.portal,
    revokedUntilMs: (loginId, issuerId) => revokedUntilMs(parts.follower, { loginId, issuerId }),
    revokedByRule: (certificates) => revokedByRule(parts.follower, certificates),
    log,
    verifier: createPasswordVerifier({ passwords, log, store }),
    noticeAct,
    nowMs: () => systemClock.nowMs(),
    pause: (durationMs) => wait(durationMs),
  }
}

/** See `LifecyclePorts.revokedByRule`: as the doors judge, once the store has been heard. */
export async function revokedByRule(
  follower: Follower,
  certificates: readonly RuledCertificate[],
): Promise<ReadonlySet<CertificateKey>> {
  if (certificates.length === 0) return new Set()
  await follower.caughtUp()
  const { index } = follower.memory
  const revoked = certificates.filter(({ key, loginId, notBeforeMs }) => {
    const { issuerId } = parseCertificateKey(key)
    const rule = index.coveringRule({ issuerId, loginEntry: fingerprintOf('login_rule', loginId), notBeforeMs })
    return rule > 0 && index.exemption(fingerprintOf('revoked', key)) <= rule
  })
  return new Set(revoked.map(({ key }) => key))
}

/** See `LifecyclePorts.revokedUntilMs`: from the rules in force, once the store has been heard. */
export async function revokedUntilMs(
  follower: Follower,
  { loginId, issuerId }: { loginId: string; issuerId: string },
): Promise<number | undefined> {
  await follower.caughtUp()
  const nowMs = systemClock.nowMs()
  const { rules } = follower.memory
  let boundMs = rules.get(ruleIdOf({ by: 'loginId', loginId, notBeforeMaxMs: undefined }))?.value?.notBeforeMaxMs
  for (const { value: rule } of rules.values()) {
    if (rule?.by !== 'issuer' || rule.issuerId !== issuerId || rule.notBeforeMinMs > nowMs) continue
    boundMs = Math.max(boundMs ?? 0, rule.notBeforeMaxMs)
  }
  return boundMs
}
