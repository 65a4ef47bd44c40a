// The programs of config/guides/verify-assertion/ as processes, and assertions that a test signs itself.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { root } from '../tidy/source-files.ts'

export const audience = 'internet-banking'
export const programFolder = join(root, 'config/guides/verify-assertion')

export type Program = { readonly name: 'Node' | 'Python' | 'Java'; readonly command: string; readonly args: string[] }

/** What runs each program; `folder` takes the compiled Java. */
export async function verifyPrograms(folder: string): Promise<Program[]> {
  await compileJava(folder, join(programFolder, 'VerifyAssertion.java'))
  return [
    { name: 'Node', command: process.execPath, args: [join(programFolder, 'verify-assertion.js')] },
    { name: 'Python', command: '/usr/bin/python3', args: [join(programFolder, 'verify_assertion.py')] },
    { name: 'Java', command: 'java', args: ['-XX:TieredStopAtLevel=1', '-cp', folder, 'VerifyAssertion'] },
  ]
}

/** Compiles without a warning, or throws what the compiler said. */
export async function compileJava(folder: string, ...files: string[]): Promise<void> {
  const args = ['-Xlint:all', '-Werror', '-cp', folder, '-d', folder, ...files]
  const { code, err } = await runProgram('javac', args)
  if (code !== 0) throw new Error(err)
}

export type Ended = { readonly code: number | null; readonly out: string; readonly err: string }

export function startProgram(
  command: string,
  args: readonly string[],
): ChildProcessByStdio<Writable, Readable, Readable> {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  // A program may end before it has read all.
  child.stdin.on('error', () => {})
  return child
}

export async function runProgram(command: string, args: readonly string[], input = ''): Promise<Ended> {
  const child = startProgram(command, args)
  const texts = { out: '', err: '' }
  child.stdout.on('data', (chunk) => (texts.out += chunk))
  child.stderr.on('data', (chunk) => (texts.err += chunk))
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  return { code, ...texts }
}

export const encodePart = (value: object | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

export const es256 = (key: KeyObject) => (signed: string) =>
  sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })

/** A JWT of any head and claims, given as objects or as the JSON itself. */
export function makeToken(
  header: object | string,
  claims: object | string,
  signer: (signed: string) => Buffer,
): string {
  const signed = `${encodePart(header)}.${encodePart(claims)}`
  return `${signed}.${signer(signed).toString('base64url')}`
}

/** A key of the test's own, to vouch for what the gateway never would. */
export function createOwnKey(kid: string, namedCurve = 'P-256') {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  return { kid, privateKey, publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } }
}

/** What the gateway would say of user01, issued now. */
export function currentClaims() {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return {
    ...{ iss: 'sekisho', aud: audience, iat: nowSeconds, exp: nowSeconds + 60 },
    ...{ jti: 'one', sub: 'user01', login_method: 'certificate' },
  }
}
