// Goal: the design's dependency direction holds, so that each folder can be read, tested and changed by itself.
// Method: read the imports of every file in src and compare them with the tables below.
import t from 'tap'
import { folderOf, type Import, importsOf, readFiles, type SourceFile, withoutComments } from './source-files.ts'

const sources = readFiles('src', ['.ts'])

/** Files that put the program together, and so may import everything. */
const assemblies = new Set([
  ...sources
    .map(({ path }) => path)
    .filter((path) => /^src\/(?:assemble(?:-[a-z]+)?|main|run-gateway)\.ts$/.test(path)),
  'src/demo/start-demo.ts',
])

const configTypes = 'type src/config/gateway-config.ts'

/**
 * What each folder may import beside itself: a folder, a single file, or with `type ` in front only types of it. The line
 * through the middle is base <- x509 <- trust <- (data-path | control-path).
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  x509: ['src/base/', configTypes],
  trust: ['src/base/', 'src/x509/', configTypes],
  'data-path': ['src/base/', 'src/x509/', 'src/trust/', configTypes],
  'control-path': ['src/base/', 'src/x509/', 'src/trust/', configTypes],
  'ca-sources': [
    'src/base/',
    'src/x509/',
    'src/trust/',
    'src/control-path/ports.ts',
    'src/control-path/update-meta.ts',
    'type src/control-path/',
    configTypes,
  ],
  publication: [
    'src/base/',
    'src/x509/',
    'src/trust/',
    'src/signing/',
    'src/control-path/ports.ts',
    'src/control-path/update-meta.ts',
    'type src/control-path/',
    configTypes,
  ],
  lifecycle: ['src/base/', 'src/x509/', configTypes],
  signing: ['src/base/', 'src/x509/', configTypes],
  store: [
    'src/base/',
    'src/x509/',
    'type src/trust/',
    'type src/control-path/ports.ts',
    'type src/control-path/directory-port.ts',
    'type src/control-path/directory-replica.ts',
    'type src/control-path/issuance-port.ts',
    'type src/control-path/outbox-port.ts',
    'src/control-path/shared-notes-port.ts',
    'src/control-path/store-port.ts',
    configTypes,
  ],
  admin: [
    'src/base/',
    'src/x509/',
    'src/trust/',
    'src/lifecycle/',
    'src/control-path/ports.ts',
    'type src/control-path/',
    'type src/ca-sources/',
    // The counter pages look like the users' pages, and tell operators in the same words what a user was told.
    'src/portal/fault-words.ts',
    'src/portal/html.ts',
    'src/portal/page-day.ts',
    'src/portal/pages.ts',
    'src/portal/portal-style.ts',
    'src/portal/portal-words.ts',
    'src/portal/serial-text.ts',
    'src/portal/texts-en.ts',
    'src/portal/texts-ja.ts',
    'type src/portal/portal-texts.ts',
    configTypes,
  ],
  portal: [
    'src/base/',
    'src/x509/',
    'src/trust/denial.ts',
    'src/lifecycle/',
    'type src/data-path/ports.ts',
    configTypes,
  ],
  mail: [
    'src/base/',
    'src/lifecycle/',
    'src/portal/escape-html.ts',
    'type src/control-path/outbox-port.ts',
    configTypes,
  ],
  observe: [
    'src/base/',
    'src/trust/denial.ts',
    'type src/data-path/ports.ts',
    'type src/data-path/trace-ports.ts',
    'type src/ca-sources/',
    'type src/publication/',
    configTypes,
  ],
  config: ['src/base/', 'src/x509/'],
  cli: [
    'package.json',
    'src/base/',
    'src/x509/',
    'src/config/load-config.ts',
    'src/config/summarise-config.ts',
    'src/observe/verify-audit.ts',
    'src/control-path/ports.ts',
    // The doctor looks as a gateway does, so what it says of a list, a responder, a server or the demo is what the gateway would say.
    'src/ca-sources/crl-fetch.ts',
    'src/ca-sources/crl-files.ts',
    'src/ca-sources/ocsp-responder.ts',
    'src/config/file-access.ts',
    'src/demo/demo-config.ts',
    'src/demo/demo-files.ts',
    // What a user was told, in the words that the user was told.
    'src/portal/fault-words.ts',
    'src/portal/pages.ts',
    'src/portal/portal-words.ts',
    'src/portal/texts-en.ts',
    'type src/portal/portal-texts.ts',
    'src/portal/texts-ja.ts',
    'src/trust/denial.ts',
    // Without a gateway to ask, a certificate is judged by the judge itself.
    'src/trust/freshness.ts',
    'src/trust/inspect.ts',
    'src/trust/live-connections.ts',
    'src/trust/revocation-index-writer.ts',
    'type src/data-path/ports.ts',
    'type src/observe/audit-event.ts',
    'src/store/redis/examine-server.ts',
    configTypes,
    'type src/admin/',
    'type src/lifecycle/',
    'type src/trust/',
  ],
  demo: ['src/base/', 'src/x509/', configTypes],
  supervise: ['src/base/', 'type src/observe/', configTypes],
}

/** The one file through which a folder reaches out, and where to. */
const gates: Readonly<Record<string, readonly string[]>> = {
  'src/lifecycle/ports.ts': ['src/control-path/'],
}

/** Packages and builtins that are known in a few places only, so that they can be replaced there. */
const keepers: Readonly<Record<string, readonly string[]>> = {
  pkijs: ['src/x509/'],
  asn1js: ['src/x509/'],
  'prom-client': ['src/observe/'],
  pino: ['src/observe/'],
  '@opentelemetry/api': ['src/observe/'],
  'node:sqlite': ['src/store/embedded/'],
  jose: ['src/data-path/assertion.ts', 'src/demo/'],
  commander: ['src/cli/'],
  yaml: ['src/config/'],
  ioredis: ['src/store/redis/'],
  zod: ['src/config/', 'src/admin/'],
  ws: ['src/demo/'],
  nodemailer: ['src/mail/'],
}

const clockCalls = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.hrtime\b/
const environment = /\bprocess\.env\b/
const environmentReaders = ['src/main.ts', 'src/run-gateway.ts', 'src/cli/sekisho.ts', 'src/config/']

function isAllowed(file: SourceFile, { target, typeOnly }: Import): boolean {
  if (assemblies.has(file.path)) return true
  const folder = folderOf(file.path)
  if (folderOf(target) === folder) return !assemblies.has(target)
  return [...(allowed[folder] ?? []), ...(gates[file.path] ?? [])].some((entry) => {
    const place = entry.replace(/^type /, '')
    return (typeOnly || !entry.startsWith('type ')) && target.startsWith(place)
  })
}

t.test('each folder imports only what the dependency direction allows', async (t) => {
  for (const file of sources) {
    const refused = importsOf(file).filter((entry) => entry.kind === 'file' && !isAllowed(file, entry))
    t.same(
      refused.map(({ target, typeOnly }) => `${typeOnly ? 'type ' : ''}${target}`),
      [],
      file.path,
    )
  }
})

t.test('every folder of src has a row in the table', async (t) => {
  const folders = new Set(sources.filter(({ path }) => path.split('/').length > 2).map(({ path }) => folderOf(path)))
  t.same([...folders].sort(), Object.keys(allowed).sort())
  for (const file of [...assemblies, ...Object.keys(gates)])
    t.ok(
      sources.some(({ path }) => path === file),
      file,
    )
})

t.test('packages stay where they are known', async (t) => {
  for (const file of sources) {
    for (const { target, kind } of importsOf(file)) {
      if (kind === 'file') continue
      const places = keepers[target]
      if (kind === 'package') t.ok(places, `${target}, imported by ${file.path}, has a row in the table`)
      if (places !== undefined) {
        t.ok(
          places.some((place) => file.path.startsWith(place)),
          `${file.path} may import ${target}`,
        )
      }
    }
  }
})

t.test('no file imports itself by way of others', async (t) => {
  const edges = new Map(
    sources.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ kind, typeOnly }) => kind === 'file' && !typeOnly)
        .map(({ target }) => target),
    ]),
  )
  t.same(findCycles(edges), [])
  t.same(
    findCycles(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
    ['b > c > b'],
    'a cycle is found',
  )
})

function findCycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      cycles.push([...trail.slice(start), path].join(' > '))
      return
    }
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return cycles
}

t.test('only base/clock.ts asks what time it is', async (t) => {
  for (const { path, text } of sources) {
    if (path !== 'src/base/clock.ts') t.notMatch(withoutComments(text), clockCalls, path)
  }
})

t.test('only the entries read the environment', async (t) => {
  for (const { path, text } of sources) {
    if (!environmentReaders.some((place) => path.startsWith(place)))
      t.notMatch(withoutComments(text), environment, path)
  }
})

t.test('only admit.ts makes permits, and admit() never awaits', async (t) => {
  for (const { path, text } of sources) {
    if (path !== 'src/trust/admit.ts') t.notMatch(withoutComments(text), /\bnew \w*Permit\(/, path)
  }
  const admit = sources.find(({ path }) => path === 'src/trust/admit.ts')
  const code = withoutComments(admit?.text ?? '')
  t.match(code, /^export function admit\(/m)
  t.match(code, /^class AdmittedPermit /m, 'the class itself is not exported')
  t.notMatch(code, /\b(async|await|Promise|then)\b/)
})

t.test('no file of src reaches outside the project', async (t) => {
  for (const file of sources) {
    for (const { target, kind } of importsOf(file)) {
      if (kind === 'file') t.ok(target.startsWith('src/') || target === 'package.json', `${file.path} > ${target}`)
    }
  }
})
