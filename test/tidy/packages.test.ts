// Goal: what is installed is what was chosen, from anywhere, and may be passed on. Method: read package.json and the lock file; the rules
// are those of the release check, and each is shown to find what breaks it.
import { join } from 'node:path'
import t from 'tap'
import { readSource, root } from './source-files.ts'

type Locked = {
  readonly version?: string
  readonly resolved?: string
  readonly link?: true
  readonly integrity?: string
  readonly license?: string
  readonly dev?: true
  readonly optional?: true
  readonly os?: readonly string[]
  readonly libc?: readonly string[]
  readonly hasInstallScript?: true
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

type Lock = { readonly packages: Readonly<Record<string, Locked>> }

const manifest = JSON.parse(readSource('package.json').text)
const lock: Lock = JSON.parse(readSource('package-lock.json').text)
const locked = lock.packages
const packages = Object.entries(locked).filter(([place]) => place !== '')

// Plain JavaScript without declarations.
const rules = (await import(join(root, 'scripts/lock-file.js'))) as {
  lockFaults(manifest: unknown, lock: unknown): string[]
  withoutIntegrity: string[]
}
const { allowedLicences } = (await import(join(root, 'scripts/licences.js'))) as { allowedLicences: string[] }

t.test(
  'the lock file is whole: one SHA-512 each, no addresses, links or install scripts, exact versions',
  async (t) => {
    t.same(rules.lockFaults(manifest, lock), [])
  },
)

const zod = 'node_modules/zod'
const broken: [what: string, entry: Locked, fault: RegExp][] = [
  ['SHA-1', { ...locked[zod], integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }, /zod has the integrity sha1-/],
  [
    'two hashes',
    { ...locked[zod], integrity: `${locked[zod]?.integrity} ${locked[zod]?.integrity}` },
    /not one SHA-512/,
  ],
  ['a file of Git', { ...locked[zod], resolved: 'git+ssh://git@git.example/zod.git#1' }, /zod names the place git/],
  ['an unencrypted place', { ...locked[zod], resolved: 'http://packages.example/zod.tgz' }, /names the place http:/],
  ['a folder', { ...locked[zod], link: true }, /zod is a link to a folder/],
  ['an install script', { ...locked[zod], hasInstallScript: true }, /zod runs a script when it is installed/],
  ['another version', { ...locked[zod], version: '4.6.6' }, /zod is 4\.6\.7 in dependencies, and 4\.6\.7 and 4\.6\.6/],
  ['a range', { ...locked[zod], version: '^4.6.7' }, /zod has the version \^4/],
]
for (const [what, entry, fault] of broken) {
  t.test(`${what} in the lock file is found`, async (t) => {
    const faults = rules.lockFaults(manifest, { ...lock, packages: { ...locked, [zod]: entry } })
    t.equal(faults.length, faults.filter((one) => one.includes('zod')).length)
    t.match(faults.join('\n'), fault)
  })
}

t.test('a hash that is missing is found, also of a package that has none for development', async (t) => {
  const { integrity: _, ...bare } = locked[zod] ?? {}
  t.match(rules.lockFaults(manifest, { ...lock, packages: { ...locked, [zod]: bare } }), [
    /zod has the integrity undefined/,
  ])
  const place = `node_modules/${rules.withoutIntegrity[0]}`
  const { dev: __, ...runtime } = locked[place] ?? {}
  t.match(rules.lockFaults(manifest, { ...lock, packages: { ...locked, [place]: runtime } }), [/integrity undefined/])
})

t.test('a dependency that only one of the two files has is found, and so is a range', async (t) => {
  const { dependencies, version } = manifest
  const faultsOf = (changes: object) => rules.lockFaults({ ...manifest, ...changes }, lock)
  t.match(faultsOf({ dependencies: { ...dependencies, more: '1.0.0' } }), [
    /more is 1\.0\.0 in dependencies, and undefined/,
  ])
  t.match(faultsOf({ dependencies: { ...dependencies, zod: '^4.6.7' } }), [
    /zod is \^4\.6\.7 in dependencies, not an exact/,
  ])
  const { zod: _, ...fewer } = dependencies
  t.match(faultsOf({ dependencies: fewer }), [/zod is undefined in dependencies/])
  t.match(faultsOf({ version: `${version}1` }), [/in the lock file$/, /own package$/])
})

t.test('what may lack a hash is there, and lacks it', async (t) => {
  for (const name of rules.withoutIntegrity) {
    t.match(locked[`node_modules/${name}`], { dev: true, optional: true }, name)
    t.equal(locked[`node_modules/${name}`]?.integrity, undefined, name)
  }
})

t.test('the lock file names no registry, so that npm asks the one it is configured for', async (t) => {
  t.notMatch(readSource('package-lock.json').text, /https?:\/\/[^"]*\.tgz/)
})

t.test('what can be installed on Linux with glibc is pinned by its content', async (t) => {
  const bare = packages.filter(([, { integrity, os, libc }]) => {
    return integrity === undefined && (os?.includes('linux') ?? true) && !libc?.includes('musl')
  })
  t.same(
    bare.map(([place]) => place),
    [],
  )
})

t.test('npm ci finds every optional package of the lock file in it', async (t) => {
  for (const [place, { optionalDependencies = {} }] of packages) {
    for (const name of Object.keys(optionalDependencies)) {
      const parents = place
        .split('/node_modules/')
        .map((_, index, all) => all.slice(0, index + 1).join('/node_modules/'))
      const places = [...parents.map((parent) => `${parent}/node_modules/${name}`), `node_modules/${name}`]
      t.ok(
        places.some((candidate) => candidate in locked),
        `${place} > ${name}`,
      )
    }
  }
})

t.test('licences of what a gateway runs with are allowed', async (t) => {
  for (const [place, { license, dev }] of packages) {
    if (dev !== true) t.ok(allowedLicences.includes(license ?? ''), `${place}: ${license}`)
  }
  t.equal(manifest.license, 'Apache-2.0')
  t.match(readSource('LICENSE').text, /Apache License\s+Version 2\.0, January 2004/)
})

t.test('the proxy that is only measured against is not part of the gateway', async (t) => {
  t.ok('http-proxy' in manifest.devDependencies)
  t.notOk('http-proxy' in manifest.dependencies)
})
