// Goal: what is installed is what was chosen, from anywhere, and may be passed on. Method: read package.json and the lock file.
import t from 'tap'
import { readSource } from './source-files.ts'

type Locked = {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: true
  readonly optional?: true
  readonly os?: readonly string[]
  readonly libc?: readonly string[]
  readonly hasInstallScript?: true
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readSource('package.json').text)
const locked: Readonly<Record<string, Locked>> = JSON.parse(readSource('package-lock.json').text).packages
const packages = Object.entries(locked).filter(([place]) => place !== '')

/** Licences that let the gateway be used and passed on in a bank. */
const licences = new Set(['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'])

t.test('the lock file names no registry, so that npm asks the one it is configured for', async (t) => {
  t.same(
    packages.filter(([, { resolved }]) => resolved !== undefined).map(([place]) => place),
    [],
  )
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

t.test('no package runs a script when it is installed', async (t) => {
  t.same(
    packages.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([place]) => place),
    [],
  )
})

t.test('licences of what a gateway runs with are allowed', async (t) => {
  for (const [place, { license, dev }] of packages) {
    if (dev !== true) t.ok(licences.has(license ?? ''), `${place}: ${license}`)
  }
  t.equal(manifest.license, 'Apache-2.0')
  t.match(readSource('LICENSE').text, /Apache License\s+Version 2\.0, January 2004/)
})

t.test('versions of direct dependencies are exact', async (t) => {
  const { dependencies, devDependencies, optionalDependencies } = manifest
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    t.match(version, /^\d+\.\d+\.\d+$/, name)
  }
})

t.test('the proxy that is only measured against is not part of the gateway', async (t) => {
  t.ok('http-proxy' in manifest.devDependencies)
  t.notOk('http-proxy' in manifest.dependencies)
})
