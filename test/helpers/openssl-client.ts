import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAnswer, requestText, type Visit, type Visited } from './clients.ts'

/** File names of a certificate and its key; made once for each certificate and folder. */
const written = new WeakMap<object, { certificate: string; key: string }>()
let files = 0

/** Puts what a command-line client needs into files. */
export function clientFiles(visit: Visit, folder: string): { certificate: string; key: string } | undefined {
  const { certificate, chainPem } = visit
  if (certificate === undefined) return undefined
  const known = written.get(certificate)
  if (known !== undefined) return known
  const name = join(folder, `client-${++files}`)
  writeFileSync(`${name}.pem`, chainPem ?? certificate.certificatePem)
  writeFileSync(`${name}.key`, certificate.keyPem, { mode: 0o600 })
  const made = { certificate: `${name}.pem`, key: `${name}.key` }
  written.set(certificate, made)
  return made
}

export type OpensslOptions = {
  /** Where files may be put. */
  readonly folder: string
  /** Saves the session here. */
  readonly sessionOut?: string
  /** Offers the session saved here. */
  readonly sessionIn?: string
  /** More arguments of `openssl s_client`. */
  readonly more?: readonly string[]
}

/** One request through `openssl s_client`. */
export async function visitWithOpenssl(visit: Visit, options: OpensslOptions): Promise<Visited> {
  const { tlsVersion, serverName = 'localhost' } = visit
  const client = clientFiles(visit, options.folder)
  const sessionIn = options.sessionIn !== undefined && existsSync(options.sessionIn) ? options.sessionIn : undefined
  const args = [
    's_client',
    ...['-connect', `127.0.0.1:${visit.port}`, '-ign_eof', '-cipher', 'DEFAULT@SECLEVEL=0'],
    ...(serverName === '' ? ['-noservername'] : ['-servername', serverName]),
    ...(client === undefined ? [] : ['-cert', client.certificate, '-key', client.key]),
    // What follows the certificate in its file is sent with it.
    ...(client === undefined || visit.chainPem === undefined ? [] : ['-cert_chain', client.certificate]),
    ...(tlsVersion === undefined ? [] : [`-tls${tlsVersion.replace('.', '_')}`]),
    ...(options.sessionOut === undefined ? [] : ['-sess_out', options.sessionOut]),
    ...(sessionIn === undefined ? [] : ['-sess_in', sessionIn]),
    ...(options.more ?? []),
  ]
  const { stdout, stderr } = await run('openssl', args, { input: requestText(visit) })
  const start = stdout.indexOf('HTTP/1.1 ')
  // In its report of the handshake s_client says `New, TLSv1.3, Cipher is …` or `Reused, …`.
  const resumed = /^Reused, /m.test(stdout.toString('latin1', 0, Math.max(start, 0)))
  const parsed = start < 0 ? undefined : parseAnswer(stdout.subarray(start), resumed)
  return parsed?.answer ?? { kind: 'failure', detail: stderr.toString('utf8').slice(0, 2_000) }
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<{ stdout: Buffer; stderr: Buffer; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk) => stdout.push(chunk))
    child.stderr.on('data', (chunk) => stderr.push(chunk))
    child.stdin.on('error', () => {})
    child.once('error', reject)
    child.once('close', (code) => resolve({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), code }))
    child.stdin.end(input)
  })
}
