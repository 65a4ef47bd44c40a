// Whether this tree may be released: one line a check, `ok` or `not ok` with how to mend it. It changes nothing in the tree, but for what
// `npm pack` builds in `dist/`. Plain JavaScript for any Node from 20 on, with npm 10 or later; see .github/RELEASING.md.
//
//   npm run release:check                 what is made goes to a temporary folder, and is removed
//   npm run release:check -- FOLDER       the package, its bill of materials and licences stay there; if all is ok, their SHA256SUMS too
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findSection, highlightsOf } from './changelog.js'
import { licenceFaults, licenceRows, licenceTable } from './licences.js'
import { lockFaults } from './lock-file.js'
import { makeSbom, sbomFaults } from './sbom.js'

/** Where `npm test` is written to before a release. */
const resultName = 'npm-test.log'
/** The hashes of what is released. */
const sumsName = 'SHA256SUMS'

/**
 * Each gets the place to check, and returns nothing, a sentence that is printed after `ok`, or throws a `Fault`. Those that make files
 * for a release write them to `folder`.
 */
export const releaseChecks = [
  ['the tree is committed', checkTree],
  ['the version is new', checkTag],
  ['the changelog has the version', checkChangelog],
  ['every test passed on this commit', checkTests],
  ['the lock file is whole', checkLock],
  ['what is installed is what the lock file says', checkInstalled],
  ['licences are allowed', checkLicences],
  ['the bill of materials is complete and comes out the same twice', checkSbom],
  ['the package comes out the same twice', checkPack],
]

class Fault extends Error {
  constructor(message, mend) {
    super(message)
    this.mend = mend
  }
}

function git(root, ...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

function readJson(root, name) {
  return JSON.parse(readFileSync(join(root, name), 'utf8'))
}

function checkTree({ root }) {
  const changed = git(root, 'status', '--porcelain').split('\n').filter(Boolean)
  if (changed.length > 0)
    throw new Fault(`${changed.length} files differ from the commit, such as ${changed[0]}`, 'commit or remove them')
}

function checkTag({ root, manifest }) {
  const tag = `v${manifest.version}`
  if (git(root, 'tag', '--list', tag) !== '') {
    throw new Fault(`there is a tag ${tag} already`, 'raise the version: npm version --no-git-tag-version minor')
  }
  return `${tag} is not among the tags of this clone`
}

function checkChangelog({ root, manifest }) {
  const { heading, text } = findSection(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))
  if (heading !== manifest.version) {
    throw new Fault(
      `its first section is ${heading}, not ${manifest.version}`,
      `write the section ## ${manifest.version} at the top of CHANGELOG.md`,
    )
  }
  const count = highlightsOf(text).length
  if (count === 0) throw new Fault('the section has no Highlights', 'write what users will notice under ### Highlights')
  return `${count} highlights`
}

function checkTests({ root }) {
  const file = join(root, resultName)
  const mend = `npm test | tee ${resultName}`
  if (!existsSync(file)) throw new Fault(`there is no ${resultName}`, mend)
  const last = readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  if (!/^[1-9]\d* passed, 0 failed$/.test(last))
    throw new Fault(`${resultName} ends with ${JSON.stringify(last)}`, mend)
  if (statSync(file).mtimeMs < Number(git(root, 'log', '-1', '--format=%ct')) * 1_000) {
    throw new Fault(`${resultName} is older than the commit`, mend)
  }
  return last
}

function checkLock({ root, manifest }) {
  const faults = lockFaults(manifest, readJson(root, 'package-lock.json'))
  if (faults.length > 0)
    throw new Fault(
      faults.join('\n'),
      'correct package.json, then: npm install --package-lock-only --omit-lockfile-registry-resolved',
    )
}

function checkInstalled({ root }) {
  const mend = 'npm ci --ignore-scripts'
  const file = join('node_modules', '.package-lock.json')
  if (!existsSync(join(root, file))) throw new Fault('nothing is installed', mend)
  const locked = readJson(root, 'package-lock.json').packages
  const installed = readJson(root, file).packages
  const differing = new Set([
    ...Object.keys(installed).filter((place) => installed[place].version !== locked[place]?.version),
    ...Object.keys(installed).filter((place) => installed[place].integrity !== locked[place]?.integrity),
    ...Object.keys(locked).filter((place) => place !== '' && locked[place].optional !== true && !(place in installed)),
  ])
  if (differing.size > 0) throw new Fault(`${[...differing].join(', ')}: missing or another one`, mend)
  return `${Object.keys(installed).length} packages`
}

function checkLicences({ root, folder }) {
  const rows = licenceRows(root)
  const faults = licenceFaults(rows)
  if (faults.length > 0)
    throw new Fault(
      faults.join('\n'),
      'replace the package, or decide on the licence and list it in scripts/licences.js',
    )
  writeFileSync(join(folder, 'licences.txt'), licenceTable(rows))
  return `${rows.length} packages`
}

function checkSbom({ root, folder, manifest }) {
  const text = makeSbom(root)
  if (makeSbom(root) !== text) throw new Fault('two runs differ', 'see what changes in scripts/sbom.js, normaliseSbom')
  const faults = sbomFaults(text, manifest, readJson(root, 'package-lock.json'))
  if (faults.length > 0) throw new Fault(faults.join('\n'), 'see scripts/sbom.js, and whether npm is 10 or later')
  const name = `${manifest.name}-${manifest.version}.cdx.json`
  writeFileSync(join(folder, name), text)
  return `${name}, SHA-256 ${sha256(text)}`
}

function checkPack({ root, folder, manifest }) {
  if (manifest.scripts?.prepack === undefined) {
    throw new Fault('package.json has no prepack script, so the package would hold no program', 'add scripts.prepack')
  }
  const again = mkdtempSync(join(tmpdir(), 'sekisho-pack-'))
  try {
    const { filename: first, files } = packInto(root, folder)
    const strange = files.find(({ mode }) => mode !== 0o644 && mode !== 0o755)
    if (strange !== undefined) {
      const mode = strange.mode.toString(8)
      throw new Fault(`${strange.path} has the mode ${mode}, which others would not get`, 'umask 022, and clone again')
    }
    const { filename: second } = packInto(root, again)
    const hashes = [join(folder, first), join(again, second)].map((file) => sha256(readFileSync(file)))
    if (hashes[0] !== hashes[1]) {
      throw new Fault(
        `${first} has SHA-256 ${hashes[0]}, then ${hashes[1]}`,
        'unpack both and compare them: diff --recursive',
      )
    }
    return `${first}, SHA-256 ${hashes[0]}`
  } finally {
    rmSync(again, { recursive: true, force: true })
  }
}

function packInto(root, folder) {
  const options = ['pack', '--json', '--loglevel=error', '--no-update-notifier', '--pack-destination', folder]
  const text = execFileSync('npm', options, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const made = JSON.parse(text)
  // An array up to npm 10, an object by package name from npm 11 on.
  const [first] = Array.isArray(made) ? made : Object.values(made)
  return first
}

/** What is signed, as `sha256sum` writes it. Only of what may be released. */
function writeSums(folder) {
  const names = readdirSync(folder).filter((name) => name !== sumsName && statSync(join(folder, name)).isFile())
  const lines = names.sort().map((name) => `${sha256(readFileSync(join(folder, name)))}  ${name}\n`)
  writeFileSync(join(folder, sumsName), lines.join(''))
}

function sha256(content) {
  return createHash('sha256').update(content).digest('hex')
}

/** Runs the checks and prints a line each; returns how many are not ok. */
export function runChecks({ root, folder, checks = releaseChecks, print = console.log }) {
  const place = { root, folder, manifest: readJson(root, 'package.json') }
  let failed = 0
  for (const [name, check] of checks) {
    try {
      const said = check(place)
      print(`ok ${name}${said === undefined ? '' : `: ${said}`}`)
    } catch (error) {
      failed++
      const reason = error instanceof Fault ? error.message : (error.stderr || error.message).trim()
      print(`not ok ${name}: ${reason.replaceAll('\n', '\n  ')}`)
      if (error instanceof Fault) print(`  mend: ${error.mend}`)
    }
  }
  rmSync(join(folder, sumsName), { force: true })
  if (failed === 0) writeSums(folder)
  return failed
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const [wanted] = process.argv.slice(2)
  const folder = wanted === undefined ? mkdtempSync(join(tmpdir(), 'sekisho-release-')) : resolve(wanted)
  mkdirSync(folder, { recursive: true })
  const failed = runChecks({ root, folder })
  if (wanted === undefined) rmSync(folder, { recursive: true, force: true })
  console.log(failed === 0 ? 'may be released' : `${failed} not ok: not to be released`)
  process.exitCode = failed === 0 ? 0 : 1
}
