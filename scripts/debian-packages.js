// The Debian packages that tests need, and how to tell whether they are there. Plain JavaScript for any Node from 20 on.
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * `command`: what the package brings, looked for in PATH and where Debian keeps daemons; or `file`, its path. `tests`: beginnings of the
 * paths of test files that are left out, and counted as failed, without it; the others fail by themselves where they need it.
 */
export const debianPackages = [
  { name: 'openssl', command: 'openssl', tests: [] },
  { name: 'curl', command: 'curl', tests: [] },
  { name: 'nginx', command: 'nginx', tests: ['test/bench/', 'test/integration/relying-'] },
  {
    name: 'haproxy',
    command: 'haproxy',
    tests: [
      'test/bench/',
      'test/data-path/proxy-haproxy.test.ts',
      'test/guides/operations-',
      'test/behavior/real-address-comes-with-the-proxy-header.test.ts',
    ],
  },
  { name: 'apache2-utils', command: 'ab', tests: ['test/bench/'] },
  {
    name: 'systemd',
    command: 'systemd-analyze',
    tests: ['test/guides/runbook', 'test/package/systemd-', 'test/supervise/systemd-'],
  },
  { name: 'nghttp2-client', command: 'nghttp', tests: [] },
  {
    name: 'python3-cryptography',
    file: '/usr/lib/python3/dist-packages/cryptography/__init__.py',
    tests: ['test/guides/verify-assertion'],
  },
  { name: 'default-jdk-headless', command: 'javac', tests: ['test/guides/verify-assertion'] },
  {
    name: 'prometheus',
    command: 'promtool',
    tests: ['test/boards/', 'test/guides/operations-', 'test/integration/prometheus-', 'test/observe/prometheus-'],
  },
  { name: 'prometheus-alertmanager', command: 'amtool', tests: ['test/guides/operations-'] },
  { name: 'logrotate', command: 'logrotate', tests: ['test/guides/operations-'] },
  {
    name: 'redis-server',
    command: 'redis-server',
    tests: [
      'test/bench/',
      'test/boards/',
      'test/chaos/',
      'test/cli/doctor-services',
      'test/control-path/redis-',
      'test/demo/redis-',
      'test/guides/operations-',
      'test/guides/readme-redis',
      'test/guides/runbook',
      'test/guides/security-team',
      'test/integration/prometheus-',
      'test/integration/redis',
      'test/store/redis/',
    ],
  },
  {
    name: 'redis-sentinel',
    command: 'redis-sentinel',
    tests: ['test/chaos/', 'test/guides/operations-', 'test/integration/redis', 'test/store/redis/'],
  },
  { name: 'softhsm2', command: 'softhsm2-util', tests: ['test/signing/token-'] },
  { name: 'opensc', command: 'pkcs11-tool', tests: ['test/signing/token-'] },
  {
    name: 'chromium',
    command: 'chromium',
    tests: [
      'test/boards/',
      'test/integration/browser/',
      'test/integration/certificate-',
      'test/integration/live-',
      'test/integration/portal-',
    ],
  },
  {
    name: 'libnss3-tools',
    command: 'certutil',
    tests: ['test/integration/browser/', 'test/integration/certificate-'],
  },
  {
    name: 'fonts-noto-cjk',
    font: ':lang=ja',
    tests: ['test/integration/browser/', 'test/integration/certificate-'],
  },
]

/** The packages whose command or font is not on this machine. */
export function missingPackages() {
  return debianPackages.filter(({ command, file, font }) => {
    if (file !== undefined) return !existsSync(file)
    return command === undefined ? !hasFont(font) : !findCommand(command)
  })
}

/** What to type to get these packages. */
export function installCommand(packages) {
  return `apt-get install -y --no-install-recommends ${packages.map(({ name }) => name).join(' ')}`
}

/** Path of a program, or undefined. */
export function findCommand(command) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find(isExecutable)
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function hasFont(pattern) {
  try {
    return execFileSync('fc-list', [pattern, 'family'], { stdio: ['ignore', 'pipe', 'ignore'] }).length > 0
  } catch {
    return false
  }
}
