import type { ConfigInForce } from './assemble-reload.ts'
import { systemClock } from './base/clock.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import type { Follower } from './control-path/follow.ts'
import type { IssuerIdentity } from './lifecycle/ports.ts'
import { nameServerCertificates } from './observe/metric-names.ts'
import type { Metrics } from './observe/metrics-page.ts'
import { issuerIdOf } from './x509/certificate-key.ts'
import { readPemCertificate } from './x509/read-pem-certificate.ts'

const dayMs = 86_400_000

/** Sets the gauges that are computed when they are asked for. */
export function createRefresh(from: {
  inForce: ConfigInForce
  follower: Follower
  control: Metrics['control']
}): () => void {
  const { inForce, follower, control } = from
  const expiries = perConfig(inForce, listExpiries)
  const issuers = perConfig(inForce, identifyIssuers)
  return () => {
    const { revocationsByIssuer, dataAgeMs } = follower.status()
    for (const { name, issuerId } of issuers()) control.revocationEntries(name, revocationsByIssuer.get(issuerId) ?? 0)
    control.revocationDataAge(dataAgeMs / 1_000)
    for (const { kind, name, notAfterMs } of expiries())
      control.certificateDaysLeft(kind, name, Math.floor((notAfterMs - systemClock.nowMs()) / dayMs))
  }
}

/** What follows from the configuration in force, made once for each. */
export function perConfig<T>(inForce: ConfigInForce, make: (config: GatewayConfig) => T): () => T {
  let made: { config: GatewayConfig; value: T } | undefined
  return () => {
    const { config } = inForce
    if (made?.config !== config) made = { config, value: make(config) }
    return made.value
  }
}

/** The issuers as CLI and API name them. */
export function identifyIssuers({ issuers }: GatewayConfig): IssuerIdentity[] {
  return issuers.map(({ name, certificatePem }) => ({
    name,
    issuerId: issuerIdOf(readPemCertificate(certificatePem).publicKeyDer),
  }))
}

/** The certificates whose expiry is watched. */
function listExpiries(config: GatewayConfig) {
  const expiry = (kind: 'server' | 'issuer') => (certificate: { name: string; certificatePem: string }) => {
    const { name, certificatePem } = certificate
    return { kind, name, notAfterMs: readPemCertificate(certificatePem).notAfterMs }
  }
  return [...nameServerCertificates(config).map(expiry('server')), ...config.issuers.map(expiry('issuer'))]
}
