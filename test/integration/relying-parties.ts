// Programs that rely on what the issuing CA publishes, each asked about one certificate in its own way.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { startNginx } from '../bench/nginx-process.ts'
import type { OwnProcesses } from '../bench/own-processes.ts'
import { run } from '../helpers/openssl-client.ts'
import type { TestCertificate } from '../helpers/test-ca.ts'

/** What all of them start from: files in one folder. */
export type Relying = {
  readonly folder: string
  /** PEM of the issuing CA, which is a root here. */
  readonly issuerFile: string
  /** Its CRL, PEM and as it came. */
  readonly crlFile: string
  readonly ocspUrl: string
}

/** Writes a client's files and gives their paths. */
export function filesOf({ folder }: Pick<Relying, 'folder'>, name: string, certificate: TestCertificate) {
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  writeFileSync(files.certificate, certificate.certificatePem)
  writeFileSync(files.key, certificate.keyPem, { mode: 0o600 })
  return files
}

/** `openssl verify -crl_check`: `good`, `revoked`, or what else it says. */
export async function askOpensslVerify(relying: Relying, certificateFile: string): Promise<string> {
  const { issuerFile, crlFile } = relying
  const words = ['verify', '-crl_check', '-CAfile', issuerFile, '-CRLfile', crlFile, certificateFile]
  const { stdout, stderr } = await run('openssl', words)
  const said = `${stdout}${stderr}`
  if (/: OK/.test(said)) return 'good'
  return /error 23 /.test(said) ? 'revoked' : said
}

/** `openssl ocsp`, its signature verified: `good`, `revoked`, `unknown`, or what else it says. */
export async function askOpensslOcsp(relying: Relying, certificateFile: string): Promise<string> {
  const { issuerFile, ocspUrl } = relying
  const words = ['ocsp', '-issuer', issuerFile, '-CAfile', issuerFile, '-cert', certificateFile, '-url', ocspUrl]
  const { stdout, stderr } = await run('openssl', words)
  const said = `${stdout}${stderr}`
  if (!/Response verify OK/.test(said)) return said
  return new RegExp(`^${certificateFile}: (\\w+)$`, 'm').exec(said)?.[1] ?? said
}

/** Starts nginx with two doors for client certificates: one looks at the CRL, the other asks over OCSP. */
export async function startRelyingNginx(
  relying: Relying,
  { server, processes }: { server: TestCertificate; processes: OwnProcesses },
): Promise<{ crlPort: number; ocspPort: number }> {
  const { certificate, key } = filesOf(relying, 'nginx-server', server)
  const [crlPort, ocspPort] = [await freePort(), await freePort()]
  const door = (port: number, rule: string) => `
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_client_certificate ${relying.issuerFile};
    ssl_verify_client on;
    ${rule}
    location / { return 200 "in"; }
  }`
  const http = [
    door(crlPort, `ssl_crl ${relying.crlFile};`),
    door(ocspPort, `ssl_ocsp leaf; ssl_ocsp_responder ${relying.ocspUrl};`),
  ].join('\n')
  const folder = join(relying.folder, `nginx-${crlPort}`)
  const options = { folder, port: crlPort, cores: '0', processes, connectionsMax: 64, what: 'nginx' }
  await startNginx(http, options)
  return { crlPort, ocspPort }
}

/** curl with the certificate: `good` if nginx lets it in, `revoked` if not. */
export async function askNginx(port: number, files: { certificate: string; key: string }): Promise<string> {
  const words = ['--silent', '--insecure', '--max-time', '10', '--cert', files.certificate, '--key', files.key]
  const { stdout } = await run('curl', [...words, '--write-out', '%{http_code}', `https://127.0.0.1:${port}/`])
  const said = stdout.toString()
  return said === 'in200' ? 'good' : said.endsWith('400') ? 'revoked' : said
}

/** curl: status and body of what is published. */
export async function fetchWithCurl(url: string, words: readonly string[] = []): Promise<Buffer> {
  const { stdout } = await run('curl', ['--silent', '--fail', '--insecure', '--max-time', '10', ...words, url])
  return stdout
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
