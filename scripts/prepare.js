// Makes a fresh clone ready before `npm start`, `npm test` and the scripts beside them: packages, the pinned Node, for tests Debian packages as well.
// Plain JavaScript for any Node from 20 on, because it runs before anything is installed.
//
//   node scripts/prepare.js start | test
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findCommand, installCommand, missingPackages } from './debian-packages.js'
import { isSuitable, suitableVersions } from './suitable-node.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pinned = join(root, 'node_modules', '.bin', 'node')
const lock = join(root, '.install-lock')

const waitMs = 500
const waitMsMax = 300_000

/** npm 10 leaves the link out: it takes it away again with the package of the other architecture, which has one of the same name. */
function linkPinnedNode() {
  const program = join('node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned) || process.platform !== 'linux' || !existsSync(join(root, program))) return
  rmSync(pinned, { force: true })
  mkdirSync(dirname(pinned), { recursive: true })
  symlinkSync(join('..', '..', program), pinned)
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {}
}

/** Whether what is installed differs from the lock file. Optional packages are for some machines only: but for Node, they may lack. */
function isInstallDue() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'))
  for (const [place, { version, optional }] of Object.entries(wanted)) {
    if (place === '') continue
    const here = installed[place]
    if (here === undefined ? optional !== true : here.version !== version) return true
  }
  return !existsSync(pinned) && !isSuitable(process.versions.node)
}

function install() {
  console.error('Installing packages (npm ci) …')
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  // The registry is whichever npm is configured for; no package of the lock file has an install script.
  const options = [
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  const [command, ...before] = npm
  const { status, error } = spawnSync(command, [...before, 'ci', ...options], { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) stop(`Cannot install the packages: npm ci ended with ${error?.message ?? `exit code ${status}`}`)
}

/** One install at a time, also when two commands start at once in a fresh clone. */
async function installOnce() {
  linkPinnedNode()
  if (!isInstallDue()) return
  for (let waitedMs = 0; !takeLock(); waitedMs += waitMs) {
    if (waitedMs >= waitMsMax)
      stop(`Cannot install the packages: another install has held ${lock} for ${waitMsMax / 1_000} s`)
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
  try {
    if (isInstallDue()) install()
    linkPinnedNode()
  } finally {
    rmSync(lock, { force: true })
  }
}

function takeLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    process.once('exit', () => rmSync(lock, { force: true }))
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  if (!isAlive(Number(existsSync(lock) ? readFileSync(lock, 'utf8') : 0))) rmSync(lock, { force: true })
  return false
}

function isAlive(pid) {
  // An empty file: its owner is about to write its number.
  if (pid === 0) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** npm puts node_modules/.bin first in PATH, so the pinned Node is what runs if it is there. */
function checkNode() {
  if (!existsSync(pinned)) {
    if (isSuitable(process.versions.node)) return
    stop(
      `Cannot run Sekisho with Node ${process.versions.node}: it takes ${suitableVersions}.\n` +
        `The pinned Node comes with the packages for Linux on x64 and arm64 only; this is ${process.platform} ${process.arch}.\n` +
        'Install a suitable Node and start again.',
    )
  }
  const { status, stdout, error } = spawnSync(pinned, ['--version'], { encoding: 'utf8' })
  if (status === 0 && isSuitable(stdout.trim())) return
  stop(
    `Cannot run the pinned Node at ${pinned}: ${error?.message ?? `exit code ${status}`}. It needs a glibc as in Debian 12.\n` +
      `Elsewhere, install Node ${suitableVersions} and run: npm ci --omit=optional`,
  )
}

/** Installs what tests need where that is allowed. What is still missing at the end is told by run-tests.js, which fails for it. */
function installDebianPackages() {
  const missing = missingPackages()
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name).join(' ')
  if (findCommand('apt-get') === undefined) return
  const isRoot = process.getuid?.() === 0
  if (!isRoot && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    console.error(`Tests need Debian packages and this user may not install them: ${names}`)
    return
  }
  console.error(`Installing Debian packages: ${names} …`)
  const command = ['sh', '-c', `${withoutServices}\napt-get update -qq && ${installCommand(missing)} -qq`]
  const [program, ...args] = isRoot ? command : ['sudo', '-n', ...command]
  spawnSync(program, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

/** Debian starts a daemon when it is installed, unless policy-rc.d says no (Debian policy 9.3.3). One that is there already stays. */
const withoutServices = `
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi`

function stop(message) {
  console.error(message)
  process.exit(1)
}

const [purpose] = process.argv.slice(2)
if (purpose !== 'start' && purpose !== 'test') stop('Usage: node scripts/prepare.js start | test')
await installOnce()
checkNode()
if (purpose === 'test') installDebianPackages()
