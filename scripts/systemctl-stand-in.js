#!/usr/bin/env node
// Stands in for systemctl where no systemd runs: in the tests of the operations guide, and in a chroot (deploy-into-root.ts). It starts what
// the unit file says, as the user and with the limits and capabilities that stand there, and waits for READY=1 as systemd does.
// It confines nothing else: what ProtectSystem= and the like do is for systemd to show. Of other units it runs those that end by
// themselves (Type=oneshot), where it is for / ; what would go on is left alone, and it says so.
//
//   SEKISHO_ROOT   folder that stands for / ; then user and capabilities of the unit are left out. Default: / itself.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const root = process.env.SEKISHO_ROOT ?? ''
const run = join(root || '/', 'run', 'sekisho-stand-in')
const files = {
  pid: join(run, 'pid'),
  notices: join(run, 'notices'),
  socket: join(run, 'notify'),
  log: join(run, 'log'),
}

/** systemctl and its options; --now, --kill-whom and the like only say what is done here anyway. */
const [verb, ...rest] = process.argv.slice(2).filter((word) => word === '-s' || !word.startsWith('-'))

/** What it is about; nothing named is sekisho itself. */
const units = rest.filter((word, index) => word !== '-s' && rest[index - 1] !== '-s')
const isOurs = units.length === 0 || units.some((unit) => /^sekisho(\.service)?$/.test(unit))

/** Paths below the folder that stands for /. */
function place(text) {
  return root === '' ? text : text.replaceAll(/(?<![\w./$}])\/(etc|opt|var|usr\/local)\//g, `${root}/$1/`)
}

/** Settings of the [Service] section; the later one counts, but Environment= adds up. */
function readUnit() {
  const file = join(root || '/', 'etc/systemd/system/sekisho.service')
  const [, text = ''] = /^\[Service\]$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(readFileSync(file, 'utf8')) ?? []
  const settings = [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, place(value)])
  const environment = settings
    .filter(([name]) => name === 'Environment')
    .map(([, value]) => value.split(/=(.*)/s).slice(0, 2))
  return { ...Object.fromEntries(settings), environment: Object.fromEntries(environment) }
}

/** Open files as the unit wants them; where this machine does not let anybody raise the limit, as many as it does. */
function openFilesOf({ LimitNOFILE }) {
  const wanted = `${LimitNOFILE}:${LimitNOFILE}`
  if (spawnSync('prlimit', [`--nofile=${wanted}`, 'true']).status === 0) return wanted
  process.stderr.write(`Cannot raise the limit of open files to ${LimitNOFILE} here: it stays\n`)
  return ''
}

/** The command with the limits of the unit, and, where it is for /, its user and capabilities. */
function confine(unit) {
  if (root !== '') return unit.ExecStart.split(' ')
  const files = openFilesOf(unit)
  const limits = ['prlimit', ...(files === '' ? [] : [`--nofile=${files}`]), `--core=${unit.LimitCORE}`]
  const capability = unit.AmbientCapabilities.toLowerCase().replace('cap_', '')
  const user = ['setpriv', `--reuid=${unit.User}`, `--regid=${unit.Group}`, '--init-groups', '--no-new-privs']
  const capabilities = [
    `--inh-caps=-all,+${capability}`,
    `--ambient-caps=-all,+${capability}`,
    `--bounding-set=-all,+${capability}`,
  ]
  return [...limits, ...user, ...capabilities, ...unit.ExecStart.split(' ')]
}

/** What the service says to its service manager, a file of lines: Node has no datagram sockets of Unix, Perl has. */
function startListener() {
  const script = `use Socket; socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die; chmod 0666, $ARGV[0];
    $| = 1; print "LISTENING\\n"; while (defined recv($s, my $m, 4096, 0)) { print "$m\\n" }`
  const out = openSync(files.notices, 'w')
  const child = spawn('perl', ['-e', script, files.socket], { detached: true, stdio: ['ignore', out, out] })
  child.unref()
  return child.pid
}

async function until(condition, seconds, what) {
  for (const endMs = Date.now() + seconds * 1_000; Date.now() < endMs; await wait(50)) {
    if (condition()) return
  }
  fail(`${what} took more than ${seconds} s`)
}

function fail(message) {
  process.stderr.write(`${message}\n${existsSync(files.log) ? readFileSync(files.log, 'utf8') : ''}`)
  process.exit(1)
}

function pids() {
  return existsSync(files.pid) ? readFileSync(files.pid, 'utf8').split(' ').map(Number) : []
}

function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const notices = () => (existsSync(files.notices) ? readFileSync(files.notices, 'utf8') : '')

async function start() {
  const unit = readUnit()
  if (isRunning(pids()[0] ?? 0)) return
  mkdirSync(run, { recursive: true })
  chmodSync(run, 0o755)
  rmSync(files.socket, { force: true })
  const state = join(root || '/', 'var/lib', unit.StateDirectory)
  mkdirSync(state, { recursive: true, mode: Number.parseInt(unit.StateDirectoryMode, 8) })
  if (root === '') spawnSync('chown', ['-R', `${unit.User}:${unit.Group}`, state])
  const listener = startListener()
  await until(() => notices().includes('LISTENING'), 10, 'Listening for the service')
  const [command, ...args] = confine(unit)
  const env = { ...unit.environment, NOTIFY_SOCKET: files.socket, USER: unit.User, LANG: 'C.UTF-8' }
  process.umask(Number.parseInt(unit.UMask, 8))
  const log = openSync(files.log, 'a', 0o644)
  const service = spawn(command, args, { detached: true, cwd: '/', env, stdio: ['ignore', log, log] })
  writeFileSync(files.pid, `${service.pid} ${listener}`)
  service.once('exit', (code) => {
    process.kill(listener)
    fail(`sekisho ended with ${code} before it was ready`)
  })
  await until(() => /^READY=1$/m.test(notices()), Number(unit.TimeoutStartSec), 'The start')
  process.exit(0)
}

async function stop() {
  const [pid, listener] = pids()
  if (pid === undefined || !isRunning(pid)) return
  process.kill(pid, 'SIGTERM')
  await until(() => !isRunning(pid), Number(readUnit().TimeoutStopSec), 'The end')
  process.kill(listener)
}

/** Signals, and waits for what the service says of it. */
async function signal(name) {
  const [pid] = pids()
  if (pid === undefined || !isRunning(pid)) fail('sekisho is not running')
  const before = notices().length
  process.kill(pid, name)
  await until(() => /RELOADING=1[\s\S]*READY=1/.test(notices().slice(before)), 60, name)
}

/** Units of other programs. */
function startOthers() {
  for (const unit of units) {
    const file = ['/etc', '/lib', '/usr/lib']
      .map((folder) => `${folder}/systemd/system/${unit}.service`)
      .find(existsSync)
    const text = root === '' && file !== undefined ? readFileSync(file, 'utf8') : ''
    const [, command] = /^Type=oneshot$/m.test(text) ? (/^ExecStart=(.*)$/m.exec(text) ?? []) : []
    if (command === undefined) process.stdout.write(`Not started here: ${unit}\n`)
    else if (spawnSync('sh', ['-c', command], { stdio: 'inherit' }).status !== 0) fail(`${unit}: ${command} failed`)
  }
}

const verbs = {
  'daemon-reload': () => existsSync(join(root || '/', 'etc/systemd/system/sekisho.service')) && void readUnit(),
  enable: start,
  disable: stop,
  start,
  stop,
  restart: async () => {
    await stop()
    await start()
  },
  reload: () => signal('SIGHUP'),
  kill: () => signal(`SIG${rest[rest.indexOf('-s') + 1]}`),
  status: () =>
    process.stdout.write(
      `${
        notices()
          .match(/^STATUS=.*$/gm)
          ?.at(-1) ?? 'STATUS=inactive'
      }\n`,
    ),
  'is-active': () => process.exit(isRunning(pids()[0] ?? 0) ? 0 : 3),
}

const others = { enable: startOthers, start: startOthers, restart: startOthers }
const act = (isOurs ? verbs : others)[verb] ?? (() => fail(`Cannot stand in for systemctl ${verb} ${units.join(' ')}`))
await act()
