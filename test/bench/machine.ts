import { execFile, execFileSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** How to install what the benchmark needs: Debian's packages. */
export const installCommand = 'apt-get install -y nginx haproxy apache2-utils'

/** Folders of servers that Debian leaves out of an ordinary user's PATH. */
const serverFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Lets programs of `/usr/sbin` be found by name, as for root. */
export function addServerFolders(): void {
  const folders = (process.env.PATH ?? '').split(delimiter)
  process.env.PATH = [...folders, ...serverFolders.filter((folder) => !folders.includes(folder))].join(delimiter)
}

/** The commands that install what cannot be found in `folders`; empty when everything is there. */
export function findInstallCommands(folders: readonly string[], needed = { redis: false }): readonly string[] {
  const found = (program: string) => folders.some((folder) => isProgram(join(folder, program)))
  const commands: string[] = []
  if (!['nginx', 'haproxy', 'ab'].every(found)) commands.push(installCommand)
  if (!found('openssl')) commands.push('apt-get install -y openssl')
  if (needed.redis && !['redis-server', 'redis-cli'].every(found)) commands.push('apt-get install -y redis-server')
  return commands
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The gateway's core, and the others for load, upstream and this program; the same core when there is only one. */
export type Cores = { readonly gateway: string; readonly load: string }

/** Both together, for what shares every CPU. */
export function allCores({ gateway, load }: Cores): string {
  return gateway === load ? gateway : `${gateway},${load}`
}

/** The first CPU this process may use is the gateway's; all others are the load's. */
export function chooseCores(): Cores {
  const status = readFileSync('/proc/self/status', 'utf8')
  const list = /Cpus_allowed_list:\s*(\S+)/.exec(status)?.[1] ?? '0'
  const all = list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  const [gateway = 0, ...load] = all
  return { gateway: String(gateway), load: load.length === 0 ? String(gateway) : load.join(',') }
}

/** Keeps this program, with all its threads, off the gateway's core. */
export function moveToLoadCores(cores: Cores): void {
  execFileSync('taskset', ['-a', '-c', '-p', cores.load, String(process.pid)], { stdio: 'ignore' })
}

/** What a reader needs in order to compare with another machine, one line each. */
export async function describeMachine(cores: Cores): Promise<readonly string[]> {
  const [cpu] = cpus()
  const [nginx, haproxy, ab, openssl] = await Promise.all([
    firstLine('nginx', '-v'),
    firstLine('haproxy', '-v'),
    firstLine('ab', '-V'),
    firstLine('openssl', 'version'),
  ])
  const httpProxy = createRequire(import.meta.url)('http-proxy/package.json') as { version: string }
  return [
    `CPU: ${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Kernel: Linux ${release()}; gateway on CPU ${cores.gateway}, load and upstream on CPU ${cores.load}`,
    `Node ${process.versions.node} (OpenSSL ${process.versions.openssl}), http-proxy ${httpProxy.version}`,
    `${nginx}; ${haproxy}`,
    `${ab}; ${openssl}`,
  ]
}

async function firstLine(program: string, flag: string): Promise<string> {
  const { stdout, stderr } = await run(program, [flag])
  return (stdout || stderr).split('\n')[0]?.trim() ?? program
}
