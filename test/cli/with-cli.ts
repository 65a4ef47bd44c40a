// The command line in this process, against a real admin door on loopback, as an operator of some role.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Test } from 'tap'
import type { CommandInput } from '../../src/cli/command-context.ts'
import { runCommand } from '../../src/cli/run-command.ts'
import { type AdminOptions, operators, serverCa, withAdmin } from '../admin/with-admin.ts'

export const root = join(import.meta.dirname, '../..')

export type RunOptions = {
  readonly env?: Record<string, string>
  /** Standard input. */
  readonly input?: string | CommandInput
  /** As if errors went to a terminal this wide. */
  readonly columns?: number
  readonly folder?: string
  /** Told what is written to standard error as it comes. */
  readonly wrote?: (text: string) => void
}

export async function runHere(args: readonly string[], options: RunOptions = {}) {
  const { env = {}, input, columns, folder = root, wrote } = options
  let out = ''
  let err = ''
  const exitCode = await runCommand(args, {
    env,
    root: folder,
    write: (text) => {
      out += text
    },
    writeError: (text) => {
      err += text
      wrote?.(text)
    },
    ...(input === undefined ? {} : { input: typeof input === 'string' ? Readable.from([Buffer.from(input)]) : input }),
    errorColumns: () => columns,
  })
  return { exitCode, out, err }
}

/** A door, and a folder with the operator's files and these. */
export async function withCli(
  t: Test,
  {
    role = 'security',
    files = {},
    ...options
  }: AdminOptions & { role?: keyof typeof operators; files?: Record<string, string | Buffer> } = {},
) {
  const admin = await withAdmin(t, options)
  // Not t.testdir(): the test may want that for itself, and asking twice empties it.
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { chainPem, keyPem } = operators[role]
  const own = { 'me.pem': chainPem, 'me.key': keyPem, 'ca.pem': serverCa.certificatePem }
  for (const [name, content] of Object.entries({ ...own, ...files })) writeFileSync(join(folder, name), content)
  const access = [
    ...['--admin', `https://127.0.0.1:${admin.port}`, '--cert', join(folder, 'me.pem')],
    ...['--key', join(folder, 'me.key'), '--ca', join(folder, 'ca.pem')],
  ]
  const run = (...args: string[]) => runHere([...access, ...args])
  const runWith = (options: RunOptions, ...args: string[]) => runHere([...access, ...args], options)
  return { ...admin, folder, access, run, runWith }
}
