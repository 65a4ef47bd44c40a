import { createPrivateKey, generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from './command-context.ts'

/** Kinds of keys that can be asked for. */
export const enrollKeyTypes = ['P-256', 'P-384', 'RSA-2048'] as const
export type EnrollKeyType = (typeof enrollKeyTypes)[number]

/** Renewals of one login ID in one folder. */
const numberMax = 999

/** The files of one certificate in the folder of its user. */
export class EnrollFiles {
  readonly #stem: string

  private constructor(stem: string) {
    this.#stem = stem
  }

  /**
   * Those of a login ID. With `renews` they are others than those of that certificate, and than those that are complete: a run whose
   * answer was lost goes on with its own key. Makes the folder (mode 0700).
   */
  static in(folder: string, loginId: string, renews?: X509Certificate): EnrollFiles {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const base = join(folder, fileNameOf(loginId))
    if (renews === undefined) return new EnrollFiles(base)
    for (let number = 1; number <= numberMax; number++) {
      const files = new EnrollFiles(number === 1 ? base : `${base}-${number}`)
      if (existsSync(files.certificate)) continue
      if (!existsSync(files.key) || !renews.checkPrivateKey(readKey(files.key))) return files
    }
    throw new CommandError(`Cannot write to ${folder} as it is full of certificates of ${loginId}.`)
  }

  get key(): string {
    return `${this.#stem}.key`
  }
  get request(): string {
    return `${this.#stem}.csr`
  }
  get certificate(): string {
    return `${this.#stem}.pem`
  }
  get chain(): string {
    return `${this.#stem}-chain.pem`
  }
  get pkcs12(): string {
    return `${this.#stem}.p12`
  }

  /** The key that is there, or a new one, written (mode 0600) before anything is asked for with it. */
  ensureKey(keyType: EnrollKeyType): { readonly privateKey: KeyObject; readonly made: boolean } {
    if (existsSync(this.key)) return { privateKey: readKey(this.key), made: false }
    const privateKey = makeKey(keyType)
    writeWhole(this.key, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600)
    return { privateKey, made: true }
  }
}

/** Writes the file whole or not at all. */
export function writeWhole(file: string, content: string | Uint8Array, mode = 0o644): void {
  const part = `${file}.part`
  try {
    // One that a killed run has left might be readable for others.
    rmSync(part, { force: true })
    writeFileSync(part, content, { mode, flag: 'wx' })
    renameSync(part, file)
  } catch (cause) {
    throw new CommandError(`Cannot write ${file}: ${(cause as Error).message}`, { cause })
  }
}

/** Reads a private key that is not encrypted. Throws CommandError. */
export function readKey(file: string): KeyObject {
  try {
    return createPrivateKey(readFileSync(file))
  } catch (cause) {
    throw new CommandError(`Cannot read ${file} as a private key (PEM, not encrypted).`, { cause })
  }
}

/** A login ID as the name of a file: what means something in a path or to a shell is written as `%` and two hex digits. */
export function fileNameOf(loginId: string): string {
  return loginId.replace(/[^A-Za-z0-9._-]|^[.-]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  })
}

function makeKey(keyType: EnrollKeyType): KeyObject {
  if (keyType === 'RSA-2048') return generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
  return generateKeyPairSync('ec', { namedCurve: keyType }).privateKey
}
