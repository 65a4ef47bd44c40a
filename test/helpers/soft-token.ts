import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TokenSignerOptions } from '../../src/signing/token-signer.ts'
import { type KeyKind, makeKeys } from './test-ca.ts'

/** SoftHSM2 where Debian's packages put it. */
const softHsm = '/usr/lib/softhsm/libsofthsm2.so'
const pin = '271828'
const tokenLabel = 'sekisho-test'

/** A PKCS #11 token in software, in a folder of its own. */
export type SoftToken = {
  readonly options: TokenSignerOptions
  /** Puts a new key on it and gives the public key, DER of SubjectPublicKeyInfo. `id` is hex. */
  addKey(kind: KeyKind, key: { readonly label: string; readonly id: string }): Uint8Array
  /** Pulls the token out, or puts it back. */
  remove(): void
  insert(): void
}

/** A token called `sekisho-test` whose files lie in `folder`. */
export function createSoftToken(folder: string): SoftToken {
  const tokens = join(folder, 'tokens')
  const away = join(folder, 'away')
  const conf = join(folder, 'softhsm2.conf')
  mkdirSync(tokens)
  writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  const environment = { ...process.env, SOFTHSM2_CONF: conf }
  const run = (program: string, ...options: string[]) =>
    execFileSync(program, options, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const soPin = randomBytes(4).toString('hex')
  run('softhsm2-util', '--init-token', '--free', '--label', tokenLabel, '--so-pin', soPin, '--pin', pin)
  return {
    options: {
      module: softHsm,
      tokenLabel,
      keyLabel: 'issuing',
      pin,
      tool: 'pkcs11-tool',
      signaturesAtOnce: 2,
      timeoutMs: 20_000,
      environment,
    },
    addKey(kind, { label, id }) {
      const { privateKey, publicKey } = makeKeys(kind)
      const file = join(folder, `key-${id}.pem`)
      writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
      run('softhsm2-util', '--import', file, '--token', tokenLabel, '--label', label, '--id', id, '--pin', pin)
      return publicKey.export({ type: 'spki', format: 'der' })
    },
    remove() {
      renameSync(tokens, away)
      mkdirSync(tokens)
    },
    insert() {
      renameSync(away, tokens)
    },
  }
}
