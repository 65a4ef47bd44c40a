import type { X509Certificate } from 'node:crypto'
import type { UpstreamConfig, UpstreamTargetConfig } from '../../config/gateway-config.ts'
import { createUpstreamTls, upstreamTlsOptions } from '../../x509/upstream-tls.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf } from './finding.ts'
import { reachTcp, reachTls } from './reach.ts'

const dayMs = 86_400_000

/** Every target of every upstream: name, connection, and its certificate by the pinned CA. No request is sent. */
export function upstreamChecks({ config, nowMs }: Pick<Examined, 'config' | 'nowMs'>): readonly Check[] {
  return config.upstreams.flatMap((upstream) =>
    upstream.targets.map((target) => {
      const subject = `${upstream.name} ${target.name}`
      const run = async (signal: AbortSignal) => [await targetFinding(subject, { upstream, target, nowMs }, signal)]
      return { group: 'Upstreams', subject, run } as const
    }),
  )
}

type Tried = { readonly upstream: UpstreamConfig; readonly target: UpstreamTargetConfig; readonly nowMs: number }

async function targetFinding(
  subject: string,
  { upstream, target, nowMs }: Tried,
  signal: AbortSignal,
): Promise<Finding> {
  const { host, port } = target
  let socket: Awaited<ReturnType<typeof reachTcp>>
  try {
    socket = await reachTcp({ host, port }, signal)
  } catch (error) {
    const fix = `Start the application there, or open the way to it (nc -vz ${host} ${port}); or correct targets in upstreams`
    return bad(subject, `no connection: ${reasonOf(error)}`, fix)
  }
  try {
    if (upstream.tls === undefined) return ok(subject, 'it takes connections (without TLS)')
    const secure = await reachTls(socket, upstreamTlsOptions(createUpstreamTls(upstream.tls), host))
    const shown: X509Certificate | undefined = secure.getPeerX509Certificate()
    const days = shown === undefined ? 0 : Math.floor((shown.validToDate.getTime() - nowMs) / dayMs)
    return ok(subject, `${secure.getProtocol()}, its certificate is good for ${days} more days`)
  } catch (error) {
    const fix = `Compare with: openssl s_client -connect ${host}:${port} -showcerts; then mend its certificate, or ca and serverName`
    return bad(subject, `TLS fails: ${reasonOf(error)}`, fix)
  } finally {
    socket.destroy()
  }
}
