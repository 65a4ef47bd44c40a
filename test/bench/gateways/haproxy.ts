import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, waitReady } from '../own-processes.ts'
import { accepts } from '../port-check.ts'
import type { RunningGateway, Site } from './gateway.ts'

/** HAProxy, one thread: client certificate required, no resumption, identity headers, upstream connections always reused. */
export async function startHaproxy(site: Site): Promise<RunningGateway> {
  const port = await freePort()
  const folder = join(site.folder, `haproxy-${port}`)
  const { serverFile, clientIssuersFile } = site.pki
  const crl = site.crlFile === undefined ? '' : ` crl-file ${site.crlFile}`
  const configuration = `
global
  nbthread 1
  maxconn ${site.connectionsMax}
  no strict-limits
  tune.ssl.cachesize 0

defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s

frontend door
  bind 127.0.0.1:${port} backlog 1024 ssl crt ${serverFile} ca-file ${clientIssuersFile} verify required curves X25519:P-256 ssl-min-ver TLSv1.2 no-tls-tickets${site.http2 ? ' alpn h2,http/1.1' : ''}${crl}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Client-Serial %[ssl_c_serial,hex]
  http-request set-header X-Client-Dn %[ssl_c_s_dn]
  http-request set-header Client-Cert :%[ssl_c_der,base64]:
  default_backend application

backend application
  http-reuse always
  server application 127.0.0.1:${site.upstreamPort}
`
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, configuration)
  const started = site.processes.start(['haproxy', site.reloads ? '-W' : '-db', '-f', file], {
    cores: site.gatewayCores,
  })
  await waitReady(started, () => accepts(port), { what: 'HAProxy', timeoutMs: 60_000 })
  return {
    name: 'haproxy',
    port,
    pid: started.pid,
    sessionsResumed: async () => undefined,
    end: () => site.processes.end(started),
  }
}
