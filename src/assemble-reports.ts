import { X509Certificate } from 'node:crypto'
import { counterLabel } from './admin/counter/counter-door.ts'
import { liveLabel } from './admin/live/live-door.ts'
import { adminRoutes } from './admin/routes.ts'
import type { DataWorkerPool } from './assemble-pool.ts'
import type { ConfigInForce } from './assemble-reload.ts'
import { systemClock } from './base/clock.ts'
import type { CrlListStatus } from './ca-sources/ports.ts'
import type { GatewayConfig } from './config/gateway-config.ts'
import type { Follower } from './control-path/follow.ts'
import type { FollowerStatus } from './control-path/follower-status.ts'
import type { GatewayReports } from './control-path/gateway-reports.ts'
import type { IssuerIdentity } from './lifecycle/ports.ts'
import { nameClientCertificates, nameServerCertificates } from './observe/metric-names.ts'
import type { Metrics } from './observe/metrics-page.ts'
import type { ReadinessCheck } from './observe/ops-listener.ts'
import type { RevocationIndexWriter } from './trust/revocation-index-writer.ts'
import { issuerIdOf } from './x509/certificate-key.ts'
import { type IssuingCa, readIssuingCa } from './x509/issuing-ca.ts'
import { readPemCertificate } from './x509/read-pem-certificate.ts'

const dayMs = 86_400_000

/** Sets the gauges that are computed when they are asked for. */
export function createRefresh(from: {
  inForce: ConfigInForce
  follower: Follower
  pool: Pick<DataWorkerPool, 'untrackedConnections'>
  reports: Pick<GatewayReports, 'seen'>
  index: Pick<RevocationIndexWriter, 'bytes'>
  /** Lists of other CAs, as far as this gateway has heard. */
  crls: () => readonly CrlListStatus[]
  control: Metrics['control']
}): () => void {
  const { inForce, follower, pool, reports, index, crls, control } = from
  const expiries = perConfig(inForce, listExpiries)
  const issuers = perConfig(inForce, identifyIssuers)
  return () => {
    const { revocationsByIssuer, dataAgeMs, state, rules, unrecorded, snapshot } = follower.status()
    control.followerState(state)
    control.rulesInForce(rules)
    control.unrecordedRevocations(unrecorded)
    control.snapshotAge((snapshot?.ageMs ?? Number.NaN) / 1_000)
    control.indexBytes(index.bytes)
    control.connectionsUntracked(pool.untrackedConnections)
    const gateways = reports.seen
    control.gatewaysLive(gateways.filter(({ silent }) => !silent).length)
    control.gatewaysBehind(gateways.filter(({ silent, state: its }) => silent || its !== 'live').length)
    for (const { name, issuerId } of issuers()) control.revocationEntries(name, revocationsByIssuer.get(issuerId) ?? 0)
    control.revocationDataAge(dataAgeMs / 1_000)
    const nowMs = systemClock.nowMs()
    control.crlListsKnown(crls(), nowMs)
    control.publishedCrlsKnown(nowMs)
    for (const { kind, name, notAfterMs } of expiries())
      control.certificateDaysLeft(kind, name, Math.floor((notAfterMs - nowMs) / dayMs))
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

/** The issuing CAs, for checking certificates that operators hand in. */
export function readIssuers({ issuers }: GatewayConfig): IssuingCa[] {
  return issuers.map((issuer) => readIssuingCa(issuer, systemClock.nowMs()))
}

/** The certificates whose expiry is watched. Read as OpenSSL does: our own need not be as strictly written as a user's. */
export function listExpiries(config: GatewayConfig) {
  const expiry = (kind: 'server' | 'client' | 'issuer') => (certificate: { name: string; certificatePem: string }) => {
    const { name, certificatePem } = certificate
    return { kind, name, notAfterMs: new X509Certificate(certificatePem).validToDate.getTime() }
  }
  return [
    ...nameServerCertificates(config).map(expiry('server')),
    ...nameClientCertificates(config).map(expiry('client')),
    ...config.issuers.map(expiry('issuer')),
  ]
}

/** How the store is followed, for `/readyz?verbose`: logins go on with what is known, until `trust_data` says otherwise. */
export function describeFollowing(status: FollowerStatus): ReadinessCheck[] {
  const { state, version, revocations, lastFault, unrecorded, snapshot } = status
  const following = `${state}, version ${version}, ${revocations} revocations`
  const checks: ReadinessCheck[] = [
    {
      name: 'follower',
      ok: state === 'live',
      detail: lastFault === undefined ? following : `${following}: ${lastFault}`,
      fatal: false,
    },
  ]
  if (snapshot !== undefined) {
    const age = snapshot.ageMs === undefined ? 'none yet' : `${Math.round(snapshot.ageMs / 1_000)} s old`
    const ok = snapshot.lastFault === undefined
    checks.push({ name: 'snapshot', ok, detail: ok ? age : `${age}: ${snapshot.lastFault}`, fatal: false })
    const detail = unrecorded === 0 ? 'none' : `${unrecorded} changed past the gateways`
    checks.push({ name: 'unrecorded_revocations', ok: unrecorded === 0, detail, fatal: false })
  }
  return checks
}

/** Names of series that stand in no configuration. */
export function nameBesideConfig(version: string) {
  return {
    adminRoutes: [...new Set([...adminRoutes.map(({ path }) => path), counterLabel, liveLabel])],
    build: { version, node: process.versions.node, openssl: process.versions.openssl ?? '' },
  }
}
