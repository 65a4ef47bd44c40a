// A reader of the README: a fresh clone in a folder of its own, terminals in it, and what they would type, shifted to free ports.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { demoPorts } from '../../src/demo/demo-config.ts'
import { eventually } from '../helpers/eventually.ts'
import { findOffset } from '../integration/browser/demo-gateway.ts'
import { root } from '../tidy/source-files.ts'

/** A command of a block, on one line, and the comment above it or behind it. */
export type Command = { readonly text: string; readonly promise: string }

/** The commands of a `sh` block in their order. */
export function commandsOf(block: string): Command[] {
  const found: Command[] = []
  let above = ''
  for (const line of block.replaceAll(/\\\n\s*/g, '').split('\n')) {
    const [, comment] = /^# (.*)$/.exec(line) ?? []
    if (comment !== undefined) above = comment
    const [, text = '', behind] = /^([^#\s].*?)(?:\s{2,}# (.*))?$/.exec(line) ?? []
    if (text !== '') found.push({ text, promise: behind ?? above })
  }
  return found
}

export type Ran = { readonly code: number | null; readonly output: string }

/** A command that goes on until it is ended. */
export type Terminal = {
  /** Both streams so far. */
  output(): string
  /** Resolves when what it has written matches; rejects after `withinMs`, default 20 s. */
  shows(pattern: RegExp, withinMs?: number): Promise<void>
  /** Types a line. */
  type(line: string): void
  readonly ended: Promise<Ran>
  /** Control-C; resolves when it has ended. */
  interrupt(): Promise<Ran>
  /** Sends it SIGTERM, as a service manager would. */
  terminate(): Promise<Ran>
}

const commandTimeoutMs = 30_000
/** Beyond those at which other tests start demos. */
const secondOffsetsFrom = 15_000
/** What curl does not say by itself; a block that works with what curl prints goes without. */
const curlSettings = 'silent\nshow-error\nwrite-out = "\\n%{http_code}\\n"\n'

/** Who the README speaks to, in a clone. Every command is shifted as `createPlace` says. */
export type Reader = {
  readonly clone: string
  /** Added to the README's ports; `second` to those of its second demo. */
  readonly offset: number
  readonly second: number
  /** Starts a command in a terminal of its own. `plainCurl`: curl prints what it prints, without the status at the end. */
  open(command: string, options?: { plainCurl?: boolean }): Terminal
  /** Runs a command to its end; one that goes on is interrupted after 30 s. */
  run(command: string, options?: { plainCurl?: boolean }): Promise<Ran>
  /** Resolves when the demo at this offset says that logins work. */
  ready(offset: number): Promise<void>
  /** Ends what still runs, and removes the clone. */
  remove(): Promise<void>
}

/** Makes the clone. `redisPort`: where the Redis is that the README has on its usual port. */
export async function createReader({ redisPort = 6_379 } = {}): Promise<Reader> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-reader-'))
  const clone = join(folder, 'sekisho')
  for (const name of ['package.json', 'package-lock.json', 'scripts', 'src'])
    cpSync(join(root, name), join(clone, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  const home = layOutHome(folder)
  const terminals = new Set<ChildProcess>()
  const offset = await findOffset()
  const second = await findOffset(secondOffsetsFrom)
  const place = createPlace({ offset, second, redisPort })

  function open(command: string, { plainCurl = false } = {}): Terminal {
    const env = {
      PATH: [join(home, 'bin'), readersPath()].join(delimiter),
      LANG: 'C.UTF-8',
      HOME: home,
      ...(plainCurl ? {} : { CURL_HOME: join(home, 'curl') }),
      SEKISHO_PORT_OFFSET: String(offset),
      npm_config_update_notifier: 'false',
    }
    const child = spawn('bash', ['-c', place(command)], {
      cwd: clone,
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    terminals.add(child)
    return createTerminal(child, () => terminals.delete(child))
  }

  return {
    clone,
    offset,
    second,
    open,
    run: async (command, options) => {
      const terminal = open(command, options)
      const timer = setTimeout(() => terminal.interrupt(), commandTimeoutMs)
      const ran = await terminal.ended
      clearTimeout(timer)
      return ran
    },
    ready: async (at) => {
      const url = `http://127.0.0.1:${demoPorts.ops + at}/readyz`
      const status = () =>
        fetch(url).then(
          (answer) => answer.status,
          () => 0,
        )
      await eventually(status, (found) => found === 200, commandTimeoutMs)
    },
    remove: async () => {
      await Promise.all([...terminals].map(kill))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The README's ports, state folder and Redis are those of somebody who has nothing else running. */
function createPlace({ offset, second, redisPort }: { offset: number; second: number; redisPort: number }) {
  const ports = [demoPorts.certificate, demoPorts.public, demoPorts.admin, demoPorts.ops].join('|')
  return (text: string): string =>
    text
      .replaceAll(new RegExp(`:(${ports})\\b`, 'g'), (_, port) => `:${Number(port) + offset}`)
      .replaceAll('SEKISHO_PORT_OFFSET=200', `SEKISHO_PORT_OFFSET=${second}`)
      .replaceAll(/(?<![\w/.-])data\//g, `data-${offset}/`)
      .replaceAll('127.0.0.1:6379', `127.0.0.1:${redisPort}`)
      .replaceAll('redis-cli ', `redis-cli -p ${redisPort} `)
}

function layOutHome(folder: string): string {
  const home = join(folder, 'home')
  for (const folder of ['bin', 'curl']) mkdirSync(join(home, folder), { recursive: true })
  writeFileSync(join(home, 'curl', '.curlrc'), curlSettings)
  // npx takes a second to find the clone's own program, each time; once is enough for a test.
  const npx = `#!/bin/sh\ntest "$1" = sekisho || exit 127\nshift\nexec node scripts/sekisho.js "$@"\n`
  writeFileSync(join(home, 'bin', 'npx'), npx, { mode: 0o755 })
  // Of an installed package; documents for those who run it leave npx out.
  writeFileSync(join(home, 'bin', 'sekisho'), `#!/bin/sh\nexec node scripts/sekisho.js "$@"\n`, { mode: 0o755 })
  return home
}

/** Without what `npm test` puts first: a reader has the Node of the machine. */
function readersPath(): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.filter((folder) => !folder.endsWith(join('node_modules', '.bin'))).join(delimiter)
}

function createTerminal(child: ChildProcess, forget: () => void): Terminal {
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk))
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk))
  // Also when the test ends in the middle.
  const endAtExit = () => signal(child, 'SIGKILL')
  process.once('exit', endAtExit)
  const ended = once(child, 'close').then(([code]) => {
    process.removeListener('exit', endAtExit)
    forget()
    return { code, output }
  })
  return {
    output: () => output,
    shows: async (pattern, withinMs = 20_000) => {
      await eventually(
        () => output,
        (text) => pattern.test(text),
        withinMs,
      )
    },
    type: (line) => child.stdin?.write(line),
    ended,
    interrupt: async () => {
      signal(child, 'SIGINT')
      return await ended
    },
    terminate: async () => {
      child.kill('SIGTERM')
      return await ended
    },
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  signal(child, 'SIGKILL')
  await closed
}

/** To the command and what it has started: each terminal is a process group of its own. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch {
    // All of it has ended by itself.
  }
}
