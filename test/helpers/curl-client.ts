import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAnswer, type Visit, type Visited } from './clients.ts'
import { clientFiles, run } from './openssl-client.ts'

/**
 * Requests of one curl process, each on a connection of its own; curl offers the session of the first one to the
 * second (its session cache lives as long as the process). With `http2` they share one connection where the gateway agrees.
 */
export async function visitWithCurl(
  visit: Visit,
  { folder, times = 1, http2 = false }: { folder: string; times?: number; http2?: boolean },
): Promise<Visited[]> {
  const { port, tlsVersion, serverName = 'localhost', path = '/' } = visit
  const client = clientFiles(visit, folder)
  const once = [
    ...['--silent', '--insecure', http2 ? '--http2' : '--http1.1', '--include', '--verbose', '--max-time', '10'],
    ...['--resolve', `${serverName}:${port}:127.0.0.1`],
    ...['--header', `Accept: ${visit.accept ?? 'application/json'}`],
    ...(http2 ? [] : ['--header', 'Connection: close']),
    ...(visit.host === undefined ? [] : ['--header', `Host: ${visit.host}`]),
    ...(client === undefined ? [] : ['--cert', client.certificate, '--key', client.key]),
    ...(tlsVersion === undefined ? [] : [`--tlsv${tlsVersion}`, '--tls-max', tlsVersion]),
    `https://${serverName}:${port}${path}`,
  ]
  const { stdout, stderr } = await run('curl', repeated(once, times), { env: { OPENSSL_CONF: lenientOpenssl(folder) } })
  // curl tells of each connection in turn; the part that speaks of resuming belongs to it.
  const reports = stderr.toString('utf8').split(/^\* (?:Connected to|Closing connection)/m)
  const resumed = reports.filter((_, at) => at % 2 === 1).map((report) => /SSL re-?using session ID/i.test(report))
  const visited: Visited[] = []
  let rest = stdout
  for (let at = 0; at < times; at++) {
    const parsed = parseAnswer(rest, resumed[at] ?? false)
    visited.push(parsed?.answer ?? { kind: 'failure', detail: reports.join('\n').slice(-2_000) })
    rest = rest.subarray(parsed?.byteLength ?? rest.length)
  }
  return visited
}

function repeated(args: readonly string[], times: number): string[] {
  return Array.from({ length: times }, (_, at) => (at === 0 ? args : ['--next', ...args])).flat()
}

/** An OpenSSL configuration with which curl presents weak keys too: it is the gateway that has to refuse them. */
function lenientOpenssl(folder: string): string {
  const file = join(folder, 'lenient-openssl.cnf')
  if (!existsSync(file)) {
    const lines = [
      'openssl_conf = start',
      '[start]',
      'ssl_conf = ssl',
      '[ssl]',
      'system_default = defaults',
      '[defaults]',
    ]
    writeFileSync(file, [...lines, 'CipherString = DEFAULT@SECLEVEL=0', ''].join('\n'))
  }
  return file
}
