import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The certificates of one run, all with P-256 keys: root, issuing CA below it, one server and one client certificate. */
export type Pki = {
  /** PEM file of the root; the server certificate is signed by it. */
  readonly rootFile: string
  /** PEM file of the CA that issued the client certificate. */
  readonly issuingFile: string
  /** Issuing CA and root in one file: what nginx, HAProxy and Node need in order to build the client's chain. */
  readonly clientIssuersFile: string
  readonly serverCertificateFile: string
  readonly serverKeyFile: string
  /** Certificate and key in one file, as HAProxy takes it. */
  readonly serverFile: string
  /** Certificate and key in one file, as ab takes it. */
  readonly clientFile: string
}

const days = '30'

/** Makes the certificates in `folder` with the openssl program. */
export async function createPki(folder: string): Promise<Pki> {
  const file = (name: string) => join(folder, name)
  // A configuration of our own: Debian's adds CA:TRUE to whatever `req -x509` makes.
  await writeFile(file('request.cnf'), '[req]\ndistinguished_name = name\n[name]\n')
  const make = async (name: string, extensions: readonly string[], issuer?: string) => {
    await run('openssl', [
      ...['req', '-config', file('request.cnf'), '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-nodes', '-days', days, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)],
      ...['-subj', `/C=JP/O=Sekisho Benchmark/CN=${name}`],
      ...extensions.flatMap((extension) => ['-addext', extension]),
      ...(issuer === undefined ? [] : ['-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`)]),
    ])
  }
  const authority = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  const leaf = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature']
  await make('bench-root', authority)
  await make('bench-issuing', authority, 'bench-root')
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  await make('bench-server', [...leaf, 'extendedKeyUsage=serverAuth', names], 'bench-root')
  await make('bench-client', [...leaf, 'extendedKeyUsage=clientAuth'], 'bench-issuing')
  const concatenate = async (target: string, parts: readonly string[]) => {
    const texts = await Promise.all(parts.map((part) => readFile(file(part), 'utf8')))
    await writeFile(file(target), texts.join(''), { mode: 0o600 })
    return file(target)
  }
  return {
    rootFile: file('bench-root.pem'),
    issuingFile: file('bench-issuing.pem'),
    clientIssuersFile: await concatenate('client-issuers.pem', ['bench-issuing.pem', 'bench-root.pem']),
    serverCertificateFile: file('bench-server.pem'),
    serverKeyFile: file('bench-server.key'),
    serverFile: await concatenate('server-all.pem', ['bench-server.pem', 'bench-server.key']),
    clientFile: await concatenate('client-all.pem', ['bench-client.pem', 'bench-client.key']),
  }
}
