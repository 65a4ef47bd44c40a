#!/usr/bin/env node
// Launcher of the command line: runs on any Node from 20 on, finds one that Sekisho is made for, and hands over to it. In a clone that
// is first of all the pinned one; of the package, an operator's own Node counts first.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isSuitable, suitableVersions } from './suitable-node.js'

/**
 * This file by the path it was started with, so that a folder in it that is a symbolic link may be pointed to another version; only
 * npm's link to the file itself (`.bin/sekisho`) is followed.
 */
function findOwnFile() {
  const own = fileURLToPath(import.meta.url)
  try {
    let file = resolve(process.argv[1])
    while (lstatSync(file).isSymbolicLink()) file = resolve(dirname(file), readlinkSync(file))
    return realpathSync(file) === own ? file : own
  } catch {
    return own
  }
}

const root = dirname(dirname(findOwnFile()))
const isClone = existsSync(join(root, 'src', 'main.ts'))
const entry = isClone ? join(root, 'src', 'cli', 'sekisho.ts') : join(root, 'dist', 'cli', 'sekisho.js')

/** The Node of `npm ci` in the clone, or of the package's optional dependency. */
function findPinned() {
  if (isClone) return join(root, 'node_modules', '.bin', 'node')
  try {
    const name = `node-${process.platform}-${process.arch}`
    return join(dirname(createRequire(entry).resolve(`${name}/package.json`)), 'bin', 'node')
  } catch {
    return undefined
  }
}

/** Returns a Node to run with, and where others were found that do not suit. */
function findNode() {
  const refused = [`${process.execPath} is ${process.versions.node}`]
  const pinned = findPinned()
  if (isClone && existsSync(pinned)) return { node: pinned, refused }
  if (isSuitable(process.versions.node)) return { node: process.execPath, refused }
  const inPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'))
  for (const file of new Set([...inPath, pinned])) {
    if (file === undefined || !existsSync(file) || realpathSync(file) === realpathSync(process.execPath)) continue
    const { status, stdout, error } = spawnSync(file, ['--version'], { encoding: 'utf8' })
    const version = stdout?.trim().replace(/^v/, '') ?? ''
    if (status === 0 && isSuitable(version)) return { node: file, refused }
    refused.push(
      status === 0 ? `${file} is ${version}` : `${file} does not run: ${error?.message ?? `exit code ${status}`}`,
    )
  }
  return { node: undefined, refused }
}

function stop(...lines) {
  for (const line of lines) console.error(line)
  process.exit(1)
}

// Node closes other people's file descriptors when it becomes another program.
if (process.env.LISTEN_PID === String(process.pid) && Number(process.env.LISTEN_FDS) > 0) {
  stop(
    "Cannot hand over the service manager's sockets (LISTEN_FDS) to another program.",
    `Have it start Node itself: node --disable-warning=ExperimentalWarning ${join(root, isClone ? 'src/main.ts' : 'dist/main.js')} serve --config FILE`,
  )
}

const { node, refused } = findNode()
if (node === undefined) {
  stop(
    `Cannot run sekisho: it needs Node ${suitableVersions}, and of those it found none fits:`,
    ...refused.map((line) => `  ${line}`),
    isClone
      ? `Run \`npm ci\` in ${root}, which brings the right one along.`
      : 'Put a suitable Node first in PATH; or install without --omit=optional, which brings one along on Linux (x64, arm64).',
  )
}

const args = ['--disable-warning=ExperimentalWarning', entry, ...process.argv.slice(2)]

if (typeof process.execve === 'function' && process.platform !== 'win32') {
  // Becomes the other program: signals and exit code need no forwarding.
  process.execve(node, [node, ...args], process.env)
} else {
  const child = spawn(node, args, { stdio: 'inherit' })
  const forward = (signal) => child.kill(signal)
  process.on('SIGTERM', forward)
  process.on('SIGHUP', forward)
  process.on('SIGUSR2', forward)
  // Control-C reaches every process of the terminal by itself; a second one would mean "at once".
  process.on('SIGINT', process.stdin.isTTY ? () => {} : forward)
  child.on('error', (error) => stop(`Cannot run ${node}: ${error.message}`))
  child.on('exit', (code, signal) => {
    for (const name of ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT']) process.removeAllListeners(name)
    if (signal === null) process.exit(code ?? 1)
    process.kill(process.pid, signal)
  })
}
