import type { ConfigFile } from './config-file.ts'
import type { HealthCheckConfig, UpstreamConfig, UpstreamTargetConfig, UpstreamTlsConfig } from './gateway-config.ts'
import { hostField, isLoopback, normaliseAuthority, normaliseHost } from './host-name.ts'
import { type FieldPath, showPath } from './problem-list.ts'
import { readClientTls } from './read-client-tls.ts'
import type { PemContext } from './read-pems.ts'

type WrittenUpstream = ConfigFile['upstreams'][number]
type UpstreamsContext = PemContext & {
  /** Undefined where the section is wrong: then nothing is warned of that depends on it. */
  readonly identity: ConfigFile['identity'] | undefined
  readonly workers: number
}

/** The gateway's own pages are behind the doors as an upstream of this name. */
const reservedName = 'portal'

/**
 * The upstreams with their addresses taken apart and their certificates read. Notes names and addresses used twice, addresses with
 * more than host and port, https:// without CAs to trust and CAs without https://, keys that do not fit, limits that contradict each
 * other; warns where others could reach an application that cannot tell who asks.
 */
export function readUpstreams(section: ConfigFile['upstreams'], context: UpstreamsContext): UpstreamConfig[] {
  const names = new Map<string, FieldPath>()
  return section.map((written, index) => {
    const path: FieldPath = ['upstreams', index]
    const first = names.get(written.name)
    const expected = 'an upstream name used once'
    if (first !== undefined)
      context.problems.add([...path, 'name'], { expected, reason: `${showPath(first)} has it too` })
    else if (written.name === reservedName) context.problems.add([...path, 'name'], { reason: 'that name is reserved' })
    else names.set(written.name, [...path, 'name'])
    checkNumbers(written, path, context)
    const targets = readTargets(written, path, context)
    const tls = readTls(written, path, context)
    warnOfStrangers({ targets, tls }, path, context)
    return { ...written, targets, tls, healthCheck: readHealthCheck(written.healthCheck, path, context) }
  })
}

function checkNumbers(written: WrittenUpstream, path: FieldPath, context: UpstreamsContext): void {
  const { problems, workers } = context
  const { connectionsMax, idleConnectionsMax, healthCheck } = written
  if (idleConnectionsMax > connectionsMax) {
    const expected = `at most connectionsMax beside it, which is ${connectionsMax}`
    problems.add([...path, 'idleConnectionsMax'], { expected })
  }
  if (healthCheck !== undefined && healthCheck.timeoutMs > healthCheck.intervalMs) {
    const expected = `at most intervalMs beside it, which is ${healthCheck.intervalMs}`
    problems.add([...path, 'healthCheck', 'timeoutMs'], { expected })
  }
  if (connectionsMax >= workers) return
  problems.warn(
    `${showPath([...path, 'connectionsMax'])} is ${connectionsMax} and there are ${workers} workers: each of them has one connection, so that there may be ${workers}`,
  )
}

function readTargets(written: WrittenUpstream, path: FieldPath, context: PemContext): UpstreamTargetConfig[] {
  const { problems } = context
  const taken = new Map<string, FieldPath>()
  const targets: UpstreamTargetConfig[] = []
  for (const [index, { url }] of written.targets.entries()) {
    const at = [...path, 'targets', index, 'url']
    const target = readTarget(url)
    if (target === undefined) {
      problems.add(at, {})
      continue
    }
    const twin = taken.get(target.name)
    if (twin !== undefined)
      problems.add(at, { expected: 'a target named once', reason: `${showPath(twin)} is the same` })
    taken.set(target.name, at)
    const [first] = targets
    if (first !== undefined && first.secure !== target.secure) {
      const reason = `the first target of the upstream is ${first.secure ? 'https' : 'http'}://`
      problems.add(at, { expected: 'a URL with the same scheme as the other targets', reason })
    }
    targets.push(target)
  }
  return targets
}

function readTarget(written: string): UpstreamTargetConfig | undefined {
  const url = URL.parse(written)
  if (url === null || url.pathname !== '/' || url.port === '0') return undefined
  if (url.search + url.hash + url.username + url.password !== '') return undefined
  const host = normaliseHost(url.hostname)
  if (host === undefined) return undefined
  const secure = url.protocol === 'https:'
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  return { name: `${hostField(host)}:${port}`, host, port, secure }
}

function readTls(written: WrittenUpstream, path: FieldPath, context: PemContext): UpstreamTlsConfig | undefined {
  const { tls } = written
  const secureAt = written.targets.findIndex(({ url }) => /^https:/i.test(url))
  if (tls === undefined) {
    if (secureAt < 0) return undefined
    const reason = `${showPath([...path, 'targets', secureAt, 'url'])} is https://, and no CA is trusted that is not named`
    context.problems.add([...path, 'tls'], { expected: 'a group of fields with at least ca', reason })
    return undefined
  }
  if (secureAt < 0) {
    const reason = 'the targets are http://, so that it would protect nothing'
    context.problems.add([...path, 'tls'], { expected: 'a field of upstreams with https:// targets', reason })
  }
  const at = [...path, 'tls']
  const read = readClientTls(tls, at, context)
  return { ...read, caPem: read.caPem ?? '' }
}

function readHealthCheck(
  written: WrittenUpstream['healthCheck'],
  path: FieldPath,
  context: PemContext,
): HealthCheckConfig | undefined {
  if (written === undefined) return undefined
  if (written.host === undefined) return { ...written, host: undefined }
  const alone = normaliseHost(written.host)
  const host = alone === undefined ? normaliseAuthority(written.host)?.authority : hostField(alone)
  if (host === undefined) context.problems.add([...path, 'healthCheck', 'host'], {})
  return { ...written, host }
}

function warnOfStrangers(
  upstream: Pick<UpstreamConfig, 'targets' | 'tls'>,
  path: FieldPath,
  context: UpstreamsContext,
): void {
  if (context.identity === undefined || context.identity.assertion !== undefined) return
  if (upstream.tls?.certificatePem !== undefined) return
  const away = upstream.targets.find(({ host }) => !isLoopback(host))
  if (away === undefined) return
  context.problems.warn(
    `${showPath(path)} leads to another machine, ${away.name}, and neither identity.assertion nor tls.certificate is given: the application cannot tell this gateway from anyone else who reaches it`,
  )
}
