// What the configuration tests share: a small correct configuration as plain data, the certificates it names (made by
// the openssl command in a temporary folder), and files that exist only in memory.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { FileAccess } from '../../src/config/file-access.ts'
import { type LoadedConfig, parseConfig } from '../../src/config/load-config.ts'

export type Pems = { readonly certificate: string; readonly key: string }

type CertificateRequest = {
  commonName: string
  /** Lines of an extension section, for example `basicConstraints=critical,CA:TRUE`. */
  extensions: readonly string[]
  /** Signs it; left out: self-signed. */
  issuer?: Pems
  /** Takes this key instead of a new P-256 one. */
  key?: string
  rsaBits?: number
  /** Length of the validity. Default 365. */
  days?: number
}

export const caExtensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']

export function serverExtensions(...names: readonly string[]): string[] {
  return ['basicConstraints=CA:FALSE', 'extendedKeyUsage=serverAuth', `subjectAltName=${names.join(',')}`]
}

/** Makes one certificate valid from now on. */
export function makeCertificate(request: CertificateRequest): Pems {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-config-'))
  try {
    const days = String(request.days ?? 365)
    const file = (name: string) => join(folder, name)
    const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] })
    const kind =
      request.rsaBits === undefined ? ['EC', 'ec_paramgen_curve:P-256'] : ['RSA', `rsa_keygen_bits:${request.rsaBits}`]
    if (request.key === undefined)
      openssl('genpkey', '-algorithm', kind[0] ?? '', '-pkeyopt', kind[1] ?? '', '-out', file('key'))
    else writeFileSync(file('key'), request.key)
    writeFileSync(file('cnf'), `[req]\ndistinguished_name=dn\n[dn]\n[ext]\n${request.extensions.join('\n')}\n`)
    const subject = ['-config', file('cnf'), '-subj', `/CN=${request.commonName}`, '-key', file('key')]
    if (request.issuer === undefined) {
      openssl('req', '-new', '-x509', ...subject, '-extensions', 'ext', '-days', days, '-out', file('certificate'))
    } else {
      writeFileSync(file('ca'), request.issuer.certificate)
      writeFileSync(file('ca-key'), request.issuer.key)
      openssl('req', '-new', ...subject, '-out', file('request'))
      const signing = ['-CA', file('ca'), '-CAkey', file('ca-key'), '-extfile', file('cnf'), '-extensions', 'ext']
      openssl('x509', '-req', '-in', file('request'), ...signing, '-days', days, '-out', file('certificate'))
    }
    return { certificate: readFileSync(file('certificate'), 'utf8'), key: readFileSync(file('key'), 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The same key as PKCS#8, encrypted with a password. */
export function encryptKey(key: string): string {
  const words = ['pkcs8', '-topk8', '-passout', 'pass:secret', '-v2', 'aes256']
  return execFileSync('openssl', words, { input: key, stdio: ['pipe', 'pipe', 'ignore'] }).toString()
}

export const dayMs = 86_400_000

/** A clock that stands still, that many days from now. */
export function clockInDays(days: number): Clock {
  const nowMs = Date.parse(new Date().toISOString()) + days * dayMs
  return { nowMs: () => nowMs, monotonicMs: () => 0 }
}

/** Files in memory; what is not among them does not exist. */
export class MemoryFiles implements FileAccess {
  readonly contents = new Map<string, { content: string; mode: number }>()

  put(path: string, content: string, mode = 0o600): this {
    this.contents.set(path, { content, mode })
    return this
  }

  readFile(path: string): Buffer {
    return Buffer.from(this.#find(path).content)
  }

  fileMode(path: string): number {
    return this.#find(path).mode
  }

  #find(path: string): { content: string; mode: number } {
    const found = this.contents.get(path)
    if (found === undefined) throw Object.assign(new Error(`ENOENT ${path}`), { code: 'ENOENT' })
    return found
  }
}

let shared: Record<'root' | 'userCa' | 'operatorsCa' | 'server', Pems> | undefined

/** Certificates made once a process: a root, an issuing CA below it, an operators' CA and a server for localhost. */
export function samplePems(): NonNullable<typeof shared> {
  if (shared !== undefined) return shared
  const root = makeCertificate({ commonName: 'root', extensions: caExtensions })
  const userCa = makeCertificate({ commonName: 'user-ca', extensions: caExtensions, issuer: root })
  const operatorsCa = makeCertificate({ commonName: 'operators-ca', extensions: caExtensions })
  const extensions = serverExtensions('DNS:localhost', 'DNS:*.bank.example', 'IP:127.0.0.1', 'IP:::1')
  shared = { root, userCa, operatorsCa, server: makeCertificate({ commonName: 'localhost', extensions, issuer: root }) }
  return shared
}

export function sampleFiles(): MemoryFiles {
  const { root, userCa, operatorsCa, server } = samplePems()
  return new MemoryFiles()
    .put('/etc/gateway/root.pem', root.certificate)
    .put('/etc/gateway/user-ca.pem', userCa.certificate)
    .put('/etc/gateway/operators-ca.pem', operatorsCa.certificate)
    .put('/etc/gateway/server.pem', server.certificate)
    .put('/etc/gateway/server.key', server.key)
}

const serverCertificates = () => [{ certificate: 'server.pem', key: 'server.key' }]
const both = (word: string) => ({ ja: word, en: word })

/** A correct configuration as it would be written, all doors on; a fresh copy to change. */
export function sampleConfig() {
  return {
    institution: { name: both('bank'), selfReference: both('we'), contact: both('desk'), hours: both('9 to 5') },
    issuers: [{ name: 'user-ca', certificate: 'user-ca.pem', chain: ['root.pem'] }],
    doors: {
      certificate: [
        {
          name: 'certificate',
          listen: [{ host: '127.0.0.1', port: 8443 }],
          hostNames: ['localhost'],
          serverCertificates: serverCertificates(),
          issuers: ['user-ca'],
        },
      ],
      public: { listen: [{ port: 8442 }], hostNames: ['localhost'], serverCertificates: serverCertificates() },
      admin: {
        listen: [{ port: 9443 }],
        serverCertificates: serverCertificates(),
        operatorIssuers: [{ certificate: 'operators-ca.pem' }],
      },
      ops: { listen: [{ port: 9464 }] },
    },
    upstreams: [{ name: 'app', targets: [{ url: 'http://127.0.0.1:8081' }] }],
  }
}

export type ParseChanges = {
  /** Assignments by path, for example `{'limits.headBytesMax': 5}`; undefined deletes. */
  set?: Readonly<Record<string, unknown>>
  files?: MemoryFiles
  env?: Record<string, string>
  clock?: Clock
}

/** Parses the sample configuration with some fields changed. */
export function parseSample(changes: ParseChanges = {}): LoadedConfig {
  const written: Record<string, unknown> = sampleConfig()
  for (const [path, value] of Object.entries(changes.set ?? {})) assign(written, path.split('.'), value)
  return parseConfig(JSON.stringify(written), {
    env: changes.env ?? {},
    clock: changes.clock ?? clockInDays(1),
    files: changes.files ?? sampleFiles(),
    folder: '/etc/gateway',
  })
}

/** The lines of the refusal; fails when the configuration is accepted or something else is thrown. */
export function problemsOf(act: () => unknown): string[] {
  try {
    act()
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'config_invalid') throw error
    return error.message.split('\n').slice(1)
  }
  throw new Error('The configuration was accepted')
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = '', ...rest] = path
  if (rest.length > 0) {
    target[first] ??= {}
    assign(target[first] as Record<string, unknown>, rest, value)
  } else if (value === undefined) delete target[first]
  else target[first] = value
}
