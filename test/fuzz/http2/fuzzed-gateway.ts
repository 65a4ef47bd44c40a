import { createSecureContext } from 'node:tls'
import { eventually } from '../../helpers/eventually.ts'
import { withGateway } from '../../helpers/with-gateway.ts'
import type { FuzzedGateway } from './fuzz-http2.ts'
import { StrictUpstream } from './strict-upstream.ts'

const loginId = 'fuzz-user'
/** How long whatever belongs to ended connections may take to go. Unit: milliseconds. */
const settleWithinMs = 10_000

/** The real gateway in this process, in front of an application that takes note of what it is sent. */
export type Fuzzed = FuzzedGateway & {
  readonly upstream: StrictUpstream
  /** What is still open although every client has gone; empty when nothing has leaked. */
  leaks(): Promise<readonly string[]>
  stop(): Promise<void>
}

/** Boots both. Limits that count a client's bad manners over a minute are out of the way: one address plays all clients. */
export async function startFuzzed(): Promise<Fuzzed> {
  const upstream = await StrictUpstream.start(loginId)
  const gateway = await withGateway({
    upstreamPort: upstream.port,
    config: {
      upstream: { idleTimeoutMs: 500 },
      logLevel: 'error',
      limits: { handshakeFailuresPerAddressPerMinuteMax: 1_000_000, handshakesPerSecondMax: 1_000_000 },
    },
  })
  const { certificatePem, keyPem } = gateway.issuingCa.issueClient({ commonName: loginId })
  const sum = async (name: string, labels = {}) => (await gateway.metric(name, labels)) ?? 0
  const problems = async () => {
    const found = upstream.problems.splice(0)
    const open = () => sum('sekisho_connections_open', { door: 'certificate' })
    await eventually(open, (count) => count === 0, settleWithinMs).catch((error: Error) => {
      found.push(`client connections stay open: ${error.message}`)
    })
    const restarts = await sum('sekisho_worker_restarts_total')
    if (restarts > 0) found.push(`${restarts} workers ended and were started again`)
    const internal = await sum('sekisho_faults_total', { code: 'internal' })
    if (internal > 0) found.push(`${internal} internal faults: ${gateway.logLines.slice(-3).join('')}`)
    return found
  }
  const leaks = async () => {
    const counts = async () => [
      await sum('sekisho_connections_open', { door: 'certificate' }),
      await sum('sekisho_upstream_connections', { state: 'in_use' }),
      await sum('sekisho_upstream_connections', { state: 'idle' }),
      upstream.connections,
    ]
    try {
      await eventually(counts, (all) => all.every((count) => count === 0), settleWithinMs)
      return []
    } catch (error) {
      return [`still open, of clients, to the application in use and idle, and as it sees them: ${String(error)}`]
    }
  }
  return {
    port: gateway.ports.certificate,
    secureContext: createSecureContext({ cert: certificatePem, key: keyPem, minVersion: 'TLSv1.3' }),
    upstream,
    problems,
    leaks,
    stop: async () => {
      await gateway.stop()
      await upstream.stop()
    },
  }
}
