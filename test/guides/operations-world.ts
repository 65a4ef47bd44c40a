// A machine for the operations guide below one folder: what stands for /, the stand-ins of what only root may do, free ports.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'

export type Ran = { readonly code: number; readonly output: string }

export type OperationsWorld = {
  readonly folder: string
  /** A box of the guide as it is run here. */
  place(script: string): string
  run(script: string): Promise<Ran>
  /** What the service has written to standard output and error. */
  serviceLog(): string
  /** Ends everything that boxes have left running, and removes the folder. */
  remove(): Promise<void>
}

const project = resolve(import.meta.dirname, '../..')
/** Ports of the guide; each becomes a free one. 443 is one port on two addresses, and 1443 the one of the restore. */
const guidePorts = [443, 1443, 2443, 2464, 8081, 9443, 9464, 6379, 6380, 26379, 26380, 26381]

/** Stand-ins; those of systemd make what the unit's files in `config/systemd` say. Nothing here belongs to somebody else. */
const standIns: Readonly<Record<string, string>> = {
  'apt-get': 'exit 0',
  chown: 'exit 0',
  userdel: 'exit 0',
  // Rules are checked where that may be done, in a network of its own, and never put in force.
  nft: `test "$1" = -c && test -s "$3"
    if unshare -n true 2> /dev/null && test -x /usr/sbin/nft; then exec unshare -n /usr/sbin/nft "$@"; fi`,
  'systemd-sysusers': 'test -s "$SEKISHO_ROOT/etc/sysusers.d/sekisho.conf"',
  'systemd-tmpfiles': `while read -r kind folder mode _; do
    if test "$kind" = d; then mkdir -p -m "$mode" "$SEKISHO_ROOT$folder"; fi
  done < "$SEKISHO_ROOT/etc/tmpfiles.d/sekisho.conf"`,
  runuser: 'test "$1 $2 $3" = "-u sekisho --" && shift 3 && exec "$@"',
  setpriv: 'test "$1 $2 $3" = "--reuid=sekisho --regid=sekisho --init-groups" && shift 3 && exec "$@"',
  systemctl: `exec "${process.execPath}" "${join(project, 'scripts', 'systemctl-stand-in.js')}" "$@"`,
}

/** Takes that many free ports, on all addresses. */
async function takePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** What the guide's reader has in their folder: the bundle, here the clone itself, and Node. */
function layOutFiles(home: string): string {
  const version = join(home, 'made', '0.1.0', 'node_modules')
  mkdirSync(join(version, '.bin'), { recursive: true })
  symlinkSync(project, join(version, 'sekisho'))
  symlinkSync('../sekisho/scripts/sekisho.js', join(version, '.bin', 'sekisho'))
  const node = join(home, 'made', 'node-v26.10.0-linux-x64', 'bin')
  mkdirSync(node, { recursive: true })
  symlinkSync(process.execPath, join(node, 'node'))
  return `cd "${home}"
    tar -C made -czf sekisho-0.1.0-bundle.tar.gz 0.1.0
    sha256sum sekisho-0.1.0-bundle.tar.gz > sekisho-0.1.0-bundle.tar.gz.sha256
    tar -C made -czf node-v26.10.0-linux-x64.tar.gz node-v26.10.0-linux-x64`
}

/** A fresh machine; folders that Debian has are there. */
export async function createWorld(): Promise<OperationsWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-guide-'))
  const home = join(folder, 'home')
  const stands = join(folder, 'stand-ins')
  for (const made of [
    home,
    stands,
    ...['usr/local/bin', 'etc/logrotate.d', 'var/lib', 'opt'].map((name) => join(folder, name)),
  ]) {
    mkdirSync(made, { recursive: true })
  }
  for (const [name, script] of Object.entries(standIns)) {
    writeFileSync(join(stands, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(stands, name), 0o755)
  }
  const ports = await takePorts(guidePorts.length)
  const place = (script: string) =>
    guidePorts
      .reduce(
        (text, port, index) => text.replaceAll(new RegExp(`(?<![\\d.])${port}(?!\\d)`, 'g'), `@${index}@`),
        script,
      )
      .replaceAll(/@(\d+)@/g, (_, index) => String(ports[Number(index)]))
      .replaceAll(/192\.0\.2\.(1[01])/g, '127.0.0.$1')
      .replaceAll(/(?<![\w./$}~])\/(etc|opt|var|usr\/local)\b/g, `${folder}/$1`)
      .replaceAll('tar -C / -czf', `tar -C ${folder}/ -czf`)
      .replace('su sekisho sekisho', `su ${userInfo().username} ${userInfo().username}`)
  const path = [stands, join(folder, 'usr/local/bin'), process.env.PATH, '/usr/sbin:/sbin'].join(':')
  const env = { ...process.env, PATH: path, SEKISHO_ROOT: folder, HOME: home, LC_ALL: 'C.UTF-8' }
  const groups: number[] = []
  const run = (script: string) => {
    const placed = place(script)
    refuseElsewhere(placed, folder)
    return runScript(placed, { home, env, groups })
  }
  const made = await runScript(layOutFiles(home), { home, env, groups })
  if (made.code !== 0) throw new Error(made.output)
  return {
    folder,
    place,
    run,
    serviceLog: () => readFileSync(join(folder, 'run/sekisho-stand-in/log'), 'utf8'),
    remove: async () => {
      await run('systemctl stop sekisho || true; kill -KILL $(cat /var/lib/redis-*/pid) || true')
      for (const group of groups) {
        try {
          process.kill(-group, 'SIGKILL')
        } catch {
          // Nothing of that box runs any more.
        }
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Throws for a script that would remove or move something of this machine. */
function refuseElsewhere(script: string, folder: string): void {
  for (const [line] of script.matchAll(/^\s*(?:rm|mv|find) .*$/gm)) {
    const elsewhere = (line.match(/(?<=[\s"'])\/\S*/g) ?? []).find((path) => !path.startsWith(`${folder}/`))
    if (elsewhere !== undefined) throw new Error(`Cannot run "${line}" in a test: ${elsewhere} is not below ${folder}`)
  }
}

/** Runs a script by bash, which ends at the first command that fails. What it leaves in the background goes on. */
async function runScript(
  script: string,
  { home, env, groups }: { home: string; env: NodeJS.ProcessEnv; groups: number[] },
): Promise<Ran> {
  const file = join(home, '.output')
  const command = `exec > "${file}" 2>&1; set -euo pipefail; ${script}`
  const child = spawn('bash', ['-c', command], { cwd: home, env, detached: true, stdio: 'ignore' })
  if (child.pid !== undefined) groups.push(child.pid)
  const [code, signal] = await once(child, 'exit')
  return { code: signal === null ? code : 1, output: readFileSync(file, 'utf8') }
}
