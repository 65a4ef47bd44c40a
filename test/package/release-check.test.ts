// Goal: nothing is released that is not committed, tested, described, or that comes out differently next time; each line says how to mend it.
// Method: a small project of its own in Git, right first, then wrong in one way after another.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { root as ownRoot, readSource } from '../tidy/source-files.ts'

const { runChecks, releaseChecks } = (await import(join(ownRoot, 'scripts/release-check.js'))) as {
  runChecks(options: { root: string; folder: string; checks?: unknown[]; print(line: string): void }): number
  releaseChecks: [name: string, check: unknown][]
}

const manifest = {
  name: 'sample',
  version: '1.2.0',
  license: 'Apache-2.0',
  files: ['dist/'],
  scripts: { prepack: 'node build.js' },
}
const changelog =
  '# Changelog\n\n## 1.2.0\n\n### Highlights\n\n- It is\n  there.\n\n## 1.1.0\n\n### Highlights\n\n- Older.\n'
const build = "require('fs').mkdirSync('dist',{recursive:true});require('fs').writeFileSync('dist/a.js','1')"

function git(folder: string, ...args: string[]): void {
  const options = ['-c', 'user.name=Test', '-c', 'user.email=test@bank.example', '-c', 'commit.gpgsign=false']
  execFileSync('git', [...options, ...args], { cwd: folder, stdio: 'ignore' })
}

function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(value))
}

/** A project that may be released. */
function createProject(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-released-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { name, version, license } = manifest
  const lock = { name, version, lockfileVersion: 3, packages: { '': { name, version, license } } }
  writeJson(folder, 'package.json', manifest)
  writeJson(folder, 'package-lock.json', lock)
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog)
  writeFileSync(join(folder, 'build.js'), build)
  writeFileSync(join(folder, '.gitignore'), 'node_modules/\n/dist/\n*.log\n')
  git(folder, 'init', '--quiet')
  commit(folder)
  // As `npm ci` leaves it where there is nothing to install.
  mkdirSync(join(folder, 'node_modules'))
  writeJson(folder, 'node_modules/.package-lock.json', { packages: {} })
  writeFileSync(join(folder, 'npm-test.log'), 'ok a\n12 passed, 0 failed\n')
  return folder
}

function commit(folder: string): void {
  git(folder, 'add', '--all')
  git(folder, 'commit', '--quiet', '--message', 'Change')
}

type Checked = { failed: number; text: string; made: string }

/** `names`: beginnings of the checks that run; left out: all of them. */
function check(t: Test, folder: string, ...names: string[]): Checked {
  const made = mkdtempSync(join(tmpdir(), 'sekisho-made-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  const lines: string[] = []
  const checks = releaseChecks.filter(([name]) => names.length === 0 || names.some((start) => name.startsWith(start)))
  const failed = runChecks({ root: folder, folder: made, checks, print: (line) => void lines.push(line) })
  return { failed, text: lines.join('\n'), made }
}

t.test('a project in order passes, and package, bill of materials and licences are made', async (t) => {
  const folder = createProject(t)
  const { failed, text, made } = check(t, folder)
  t.equal(failed, 0, text)
  t.equal(text.match(/^ok /gm)?.length, releaseChecks.length)
  t.match(text, /ok every test passed on this commit: 12 passed, 0 failed/)
  const names = ['licences.txt', 'sample-1.2.0.cdx.json', 'sample-1.2.0.tgz']
  t.same(readdirSync(made).sort(), ['SHA256SUMS', ...names])
  const said = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: made, encoding: 'utf8' })
  t.equal(said, names.map((name) => `${name}: OK\n`).join(''))
})

const wrongs: [what: string, check: string, change: (folder: string) => void, said: RegExp][] = [
  [
    'a file that is not committed',
    'the tree',
    (folder) => writeFileSync(join(folder, 'new.txt'), ''),
    /new\.txt\n {2}mend: commit/,
  ],
  [
    'a tag that exists',
    'the version',
    (folder) => git(folder, 'tag', 'v1.2.0'),
    /tag v1\.2\.0 already\n {2}mend: raise/,
  ],
  [
    'a changelog without the version',
    'the changelog',
    (folder) => writeFileSync(join(folder, 'CHANGELOG.md'), changelog.replace('1.2.0', '1.3.0')),
    /first section is 1\.3\.0, not 1\.2\.0\n {2}mend: write/,
  ],
  [
    'a section without highlights',
    'the changelog',
    (folder) => writeFileSync(join(folder, 'CHANGELOG.md'), changelog.replace('Highlights', 'Fixes')),
    /no Highlights/,
  ],
  [
    'tests that were not run',
    'every test',
    (folder) => rmSync(join(folder, 'npm-test.log')),
    /no npm-test\.log\n {2}mend: npm test/,
  ],
  [
    'tests that failed',
    'every test',
    (folder) => writeFileSync(join(folder, 'npm-test.log'), '11 passed, 1 failed\n'),
    /ends with "11 passed, 1 failed"/,
  ],
  [
    'tests from before the commit',
    'every test',
    (folder) => utimesSync(join(folder, 'npm-test.log'), 1, 1),
    /older than the commit/,
  ],
  [
    'a lock file of another version',
    'the lock file',
    (folder) => writeJson(folder, 'package.json', { ...manifest, version: '1.3.0' }),
    /version is 1\.3\.0 in package\.json and 1\.2\.0/,
  ],
  [
    'a package that is not installed',
    'what is installed',
    (folder) => {
      const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
      lock.packages['node_modules/a'] = { version: '1.0.0' }
      writeJson(folder, 'package-lock.json', lock)
    },
    /node_modules\/a: missing or another one\n {2}mend: npm ci/,
  ],
  [
    'an installed package with other content',
    'what is installed',
    (folder) =>
      writeJson(folder, 'node_modules/.package-lock.json', { packages: { 'node_modules/b': { version: '1.0.0' } } }),
    /node_modules\/b: missing or another one/,
  ],
  [
    'a package without a build',
    'the package',
    (folder) => writeJson(folder, 'package.json', { ...manifest, scripts: {} }),
    /no prepack script.*\n {2}mend: add/,
  ],
  [
    'a build that differs from run to run',
    'the package',
    (folder) => writeFileSync(join(folder, 'build.js'), build.replace("'1'", 'String(Math.random())')),
    /has SHA-256 [0-9a-f]{64}, then [0-9a-f]{64}\n {2}mend: unpack/,
  ],
  [
    'a file that came with another umask',
    'the package',
    (folder) => chmodSync(join(folder, 'package.json'), 0o600),
    /package\.json has the mode 600.*\n {2}mend: umask 022/,
  ],
  [
    'a build that fails',
    'the package',
    (folder) => writeFileSync(join(folder, 'build.js'), 'throw 1'),
    /not ok the package[\s\S]*prepack/,
  ],
]
for (const [what, name, change, said] of wrongs) {
  t.test(`${what} is said`, async (t) => {
    const folder = createProject(t)
    t.equal(check(t, folder, name).failed, 0, 'right before')
    change(folder)
    const { failed, text, made } = check(t, folder, name)
    t.equal(failed, 1)
    t.match(text, said)
    t.notOk(readdirSync(made).includes('SHA256SUMS'), 'nothing to sign')
  })
}

t.test('npm run release:check runs it', async (t) => {
  t.equal(JSON.parse(readSource('package.json').text).scripts['release:check'], 'node scripts/release-check.js')
})

t.test('RELEASING.md tells of every check', async (t) => {
  const { text } = readSource('.github/RELEASING.md')
  for (const [name] of releaseChecks) t.match(text, `| ${name} `)
})
