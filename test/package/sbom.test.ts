// Goal: the bill of materials names everything a gateway runs with, truly, and is the same from run to run. Method: make it of this tree with
// npm, twice; then break a copy in each field that matters.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readSource, root } from '../tidy/source-files.ts'

type Component = { name: string; version: string; purl: string; hashes: { content: string }[]; licenses: unknown[] }
type Sbom = { serialNumber: string; components: Component[]; dependencies: { ref: string; dependsOn: string[] }[] }

const scripts = (await import(join(root, 'scripts/sbom.js'))) as {
  makeSbom(root: string): string
  normaliseSbom(sbom: object, manifest: object): string
  sbomFaults(text: string, manifest: object, lock: object): string[]
}
const manifest = JSON.parse(readSource('package.json').text)
const lock = JSON.parse(readSource('package-lock.json').text)
const text = scripts.makeSbom(root)
const faultsOf = (changed: string) => scripts.sbomFaults(changed, manifest, lock)

t.test('every runtime package is in it, with version, purl, hash and licence', async (t) => {
  t.same(faultsOf(text), [])
  const { components } = JSON.parse(text) as Sbom
  const names = components.map(({ name }) => name)
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    t.ok(names.includes(name), name)
  }
  t.notOk(names.includes('typescript'), 'what only development needs is not in it')
})

t.test('the same lock file gives the same bytes, anywhere and at any time', async (t) => {
  const folder = t.testdir()
  const copy = join(folder, 'another-name')
  mkdirSync(copy)
  for (const name of ['package.json', 'package-lock.json'])
    writeFileSync(join(copy, name), readFileSync(join(root, name)))
  t.equal(scripts.makeSbom(copy), text)
  t.notMatch(text, /timestamp|another-name/)
  t.notOk(existsSync(join(copy, 'node_modules')))
})

t.test('time, version of npm, and order make no difference; content does', async (t) => {
  const sbom = JSON.parse(text)
  const later = {
    ...sbom,
    serialNumber: 'urn:uuid:00000000-0000-4000-8000-000000000000',
    metadata: {
      ...sbom.metadata,
      timestamp: '2030-01-01T00:00:00Z',
      tools: [{ vendor: 'npm', name: 'cli', version: '99' }],
    },
    components: [...sbom.components].reverse(),
    dependencies: [...sbom.dependencies].reverse(),
  }
  t.equal(scripts.normaliseSbom(later, manifest), text)
  const fewer = JSON.parse(scripts.normaliseSbom({ ...later, components: later.components.slice(1) }, manifest)) as Sbom
  t.not(fewer.serialNumber, sbom.serialNumber)
})

const breaks: [what: string, change: (sbom: Sbom, one: Component) => void, fault: RegExp][] = [
  ['a package that is left out', ({ components }) => void components.splice(0, 1), /is not in it/],
  ['a package that stands there twice', ({ components }, one) => void components.push(one), /there twice/],
  [
    'another version',
    (_, one) => void Object.assign(one, { version: '0.0.1' }),
    /@0\.0\.1 is in it, and not in the lock file/,
  ],
  ['another purl', (_, one) => void Object.assign(one, { purl: `${one.purl}0` }), /has the purl/],
  [
    'another hash',
    (_, one) => void Object.assign(one, { hashes: [{ alg: 'SHA-512', content: '00' }] }),
    /another hash/,
  ],
  [
    'another licence',
    (_, one) => void Object.assign(one, { licenses: [{ license: { id: 'GPL-3.0' } }] }),
    /another licence/,
  ],
  ['no licence', (_, one) => void Object.assign(one, { licenses: [] }), /another licence/],
  ['an edge to nothing', ({ dependencies }) => void dependencies[0]?.dependsOn.push('left-pad@1.0.0'), /left-pad@1/],
]
for (const [what, change, fault] of breaks) {
  t.test(`${what} is found`, async (t) => {
    const sbom = JSON.parse(text) as Sbom
    change(sbom, sbom.components[0] as Component)
    t.match(faultsOf(JSON.stringify(sbom)).join('\n'), fault)
  })
}
