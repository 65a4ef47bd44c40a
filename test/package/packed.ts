import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The project's root folder. */
export const root = resolve(import.meta.dirname, '../..')

/** Put before a command: tap has every Node that is started below it load modules of its own, which neither npm nor tsc bears. */
export const plainly = ['/usr/bin/env', '-u', 'NODE_OPTIONS'] as const

/** What a clone has that packing looks at. */
const sources = ['src', 'config', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
const documents = ['README.md', 'CHANGELOG.md', 'LICENSE']

/** A folder for these tests: outside the project, whose node_modules would be found from inside it. */
export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'sekisho-package-'))
}

/** Copies the clone into a folder, with the installed packages of this one. */
export function copyClone(folder: string): string {
  mkdirSync(folder, { recursive: true })
  for (const name of [...sources, ...documents]) cpSync(join(root, name), join(folder, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Runs `npm pack` in a clone; returns the package's file. */
export async function pack(clone: string): Promise<string> {
  await runNpm(clone, ['pack', '--silent', '--pack-destination', clone])
  const name = readdirSync(clone).find((file) => file.endsWith('.tgz'))
  if (name === undefined) throw new Error(`Cannot find what npm pack made in ${clone}`)
  return join(clone, name)
}

/** Installs a package as an operator does, without the Node that comes along; returns the folder of `node_modules`. */
export async function install(packageFile: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const options = ['--omit=dev', '--omit=optional', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  await runNpm(folder, ['install', '--prefix', folder, ...options, packageFile])
  return join(folder, 'node_modules')
}

async function runNpm(cwd: string, args: readonly string[]): Promise<void> {
  const [program, ...before] = plainly
  await run(program, [...before, 'npm', ...args], { cwd })
}

/** Paths in a package, without the folder that npm puts around them. */
export async function listPackage(packageFile: string): Promise<string[]> {
  const { stdout } = await run('tar', ['-tzf', packageFile], { maxBuffer: 16 * 1_024 * 1_024 })
  const lines = stdout.split('\n').filter(Boolean)
  return lines.map((line) => line.replace(/^package\//, ''))
}
