#!/usr/bin/env node
// Launcher of the command line: runs on any Node from 20 on, finds the Node that Sekisho is made for, and hands over to it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pinned = join(root, 'node_modules', '.bin', 'node')

/** Whether this Node's version is in `>=24.17 <25 || >=26.3.1`. */
function isSuitable([major = 0, minor = 0, patch = 0]) {
  if (major === 24) return minor >= 17
  if (major === 26) return minor > 3 || (minor === 3 && patch >= 1)
  return major > 26
}

function findNode() {
  if (existsSync(pinned)) return pinned
  return isSuitable(process.versions.node.split('.').map(Number)) ? process.execPath : undefined
}

const node = findNode()
if (node === undefined) {
  console.error(`Cannot run sekisho with Node ${process.versions.node}: it takes Node 24.17 or 26.3.1 and above.`)
  console.error(`Run \`npm ci\` in ${root}, which brings the right one along.`)
  process.exit(1)
}

const args = ['--disable-warning=ExperimentalWarning', join(root, 'src', 'cli', 'sekisho.ts'), ...process.argv.slice(2)]

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
  child.on('error', (error) => {
    console.error(`Cannot run ${node}: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    for (const name of ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGINT']) process.removeAllListeners(name)
    if (signal === null) process.exit(code ?? 1)
    process.kill(process.pid, signal)
  })
}
