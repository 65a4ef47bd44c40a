import { join } from 'node:path'
import { startNginx } from '../nginx-process.ts'
import { freePort } from '../own-processes.ts'
import type { RunningGateway, Site } from './gateway.ts'

/** nginx, one worker: client certificate required, no resumption, identity headers, keep-alive to the upstream. */
export async function startNginxGateway(site: Site): Promise<RunningGateway> {
  const port = await freePort()
  const folder = join(site.folder, `nginx-${port}`)
  // nginx checks a client chain up to a self-signed root, so it gets the root too.
  const http = `
  access_log ${site.accessLog ? `${join(folder, 'access.log')} combined buffer=64k flush=1s` : 'off'};
  upstream application { server 127.0.0.1:${site.upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} ssl${site.http2 ? ' http2' : ''} backlog=1024;
    server_name localhost;
    ssl_certificate ${site.pki.serverCertificateFile};
    ssl_certificate_key ${site.pki.serverKeyFile};
    ssl_client_certificate ${site.pki.clientIssuersFile};
    ssl_verify_client on;
    ssl_verify_depth 2;
    ${site.crlFile === undefined ? '' : `ssl_crl ${site.crlFile};`}
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ecdh_curve X25519:prime256v1;
    ssl_session_cache off;
    ssl_session_tickets off;
    client_max_body_size 0;
    proxy_buffering ${site.buffering ? 'on' : 'off'};
    proxy_request_buffering ${site.buffering ? 'on' : 'off'};
    location / {
      proxy_pass http://application;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Client-Certificate $ssl_client_escaped_cert;
      proxy_set_header X-Client-Serial $ssl_client_serial;
      proxy_set_header X-Client-Dn $ssl_client_s_dn;
    }
  }`
  const options = {
    folder,
    port,
    cores: site.gatewayCores,
    processes: site.processes,
    connectionsMax: site.connectionsMax,
    what: 'nginx',
  }
  const started = await startNginx(http, options)
  return {
    name: 'nginx',
    port,
    pid: started.pid,
    sessionsResumed: async () => undefined,
    end: () => site.processes.end(started),
  }
}
