// Bill of materials (CycloneDX, JSON) of what a gateway runs with: the same lock file gives the same bytes. Plain JavaScript for any Node
// from 20 on, with npm 10 or later.
//
//   node scripts/sbom.js FOLDER     writes sekisho-VERSION.cdx.json there and prints its path
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageAt, runtimePackages } from './lock-file.js'

/**
 * Text of the bill for the project in `root`. npm makes it, in a folder where there is nothing but what a gateway runs with: with
 * `--omit dev` alone npm 11 leaves out each package that one for development needs too.
 */
export function makeSbom(root) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-sbom-'))
  try {
    const { name, version, description, license, dependencies, optionalDependencies } = manifest
    const own = { name, version, description, license, dependencies, optionalDependencies }
    const packages = Object.fromEntries([['', own], ...runtimePackages(lock)])
    writeFileSync(join(folder, 'package.json'), JSON.stringify(own))
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }))
    const options = [
      'sbom',
      '--sbom-format',
      'cyclonedx',
      '--omit',
      'dev',
      '--package-lock-only',
      '--no-update-notifier',
    ]
    const text = execFileSync('npm', options, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    return normaliseSbom(JSON.parse(text), manifest)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Takes out what differs from run to run and from machine to machine: the time, the version of npm, the name of the folder. The serial number
 * is made from the rest, so that the same content has the same one.
 */
export function normaliseSbom(sbom, { name }) {
  const { timestamp, ...metadata } = sbom.metadata
  const component = { ...metadata.component, name, type: 'application' }
  const content = {
    ...sbom,
    metadata: { ...metadata, tools: [{ vendor: 'npm', name: 'cli' }], component },
    components: byText(sbom.components, 'bom-ref'),
    dependencies: byText(sbom.dependencies, 'ref').map((entry) => ({
      ...entry,
      dependsOn: [...(entry.dependsOn ?? [])].sort(),
    })),
  }
  delete content.serialNumber
  const { $schema, bomFormat, specVersion, ...rest } = content
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(content))}`
  return `${JSON.stringify({ $schema, bomFormat, specVersion, serialNumber, ...rest }, null, 2)}\n`
}

/** In one order on every machine: by code units. */
function byText(entries, key) {
  return [...entries].sort((a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0))
}

/** A UUID of version 8 (RFC 9562 5.8): from SHA-256, with the bits that say so. */
function uuidOf(text) {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes[6] = (bytes[6] & 0x0f) | 0x80
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What is wrong with a bill, a sentence each: every runtime package must be in it once, with version, purl, SHA-512 and licence. */
export function sbomFaults(text, manifest, lock) {
  const sbom = JSON.parse(text)
  const faults = []
  const expect = (isTrue, sentence) => {
    if (!isTrue) faults.push(sentence)
  }
  expect(sbom.bomFormat === 'CycloneDX' && /^1\.[5-9]$/.test(sbom.specVersion), 'it is no CycloneDX 1.5 or later')
  expect(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(sbom.serialNumber), 'its serial number is none')
  const subject = sbom.metadata?.component ?? {}
  expect(
    subject.name === manifest.name && subject.version === manifest.version,
    `it is about ${subject.name} ${subject.version}`,
  )
  const wanted = new Map(runtimePackages(lock).map(([place, entry]) => [`${packageAt(place)}@${entry.version}`, entry]))
  for (const component of sbom.components) {
    const id = `${component.name}@${component.version}`
    const entry = wanted.get(id)
    expect(entry !== undefined, `${id} is in it, and not in the lock file or there twice`)
    wanted.delete(id)
    if (entry === undefined) continue
    const [, hash = ''] = entry.integrity?.split('sha512-') ?? []
    const content = Buffer.from(hash, 'base64').toString('hex')
    expect(
      component.purl === `pkg:npm/${component.name.replace('@', '%40')}@${component.version}`,
      `${id} has the purl ${component.purl}`,
    )
    expect(
      component.hashes?.some((one) => one.alg === 'SHA-512' && one.content === content),
      `${id} has another hash than the lock file`,
    )
    expect(
      component.licenses?.some(({ license }) => license?.id === entry.license),
      `${id} has another licence than the lock file`,
    )
  }
  for (const id of wanted.keys()) faults.push(`${id} is not in it`)
  const known = new Set([subject['bom-ref'], ...sbom.components.map((component) => component['bom-ref'])])
  for (const { ref, dependsOn = [] } of sbom.dependencies)
    for (const id of [ref, ...dependsOn]) expect(known.has(id), `${ref} depends on ${id}, which is not in it`)
  return faults
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined) {
    console.error('Cannot write the bill of materials without a folder: node scripts/sbom.js FOLDER')
    process.exit(2)
  }
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const file = join(folder, `${name}-${version}.cdx.json`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, makeSbom(root))
  console.log(file)
}
