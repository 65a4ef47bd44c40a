// Runs every check: types, format and lint, then all test files under tap. Plain JavaScript for any Node from 20 on.
//
//   node scripts/run-tests.js             everything
//   node scripts/run-tests.js WORD…       only the test files whose path holds one of the words
//
// The last line is `N passed, N failed`: assertions, plus one for each of the other checks. The exit code is 1 if any failed.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { installCommand, missingPackages } from './debian-packages.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
// tap crashes when the Node it finds in PATH is an old one, so the pinned one comes first.
const env = { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) }

/** Test files below these folders measure or drive a browser: one at a time, with the machine to themselves. */
const aloneFolders = ['test/bench/', 'test/boards/', 'test/chaos/', 'test/integration/']
const jobs = Math.max(1, Math.min(4, availableParallelism()))

const total = { passed: 0, failed: 0 }

let running

function run(command, args, stdio) {
  running = spawn(command, args, { cwd: root, env, stdio })
  return running
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => {
    running?.kill(signal)
    process.exit(code)
  })
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`Cannot run ${child.spawnfile}: ${error.message}`)
      resolve(1)
    })
    child.once('close', (code, signal) => resolve(signal === null ? code : 1))
  })
}

async function check(name, command, args) {
  const startedMs = Date.now()
  const code = await ended(run(command, args, 'inherit'))
  console.log(`${code === 0 ? 'ok' : 'not ok'} ${name} (${seconds(Date.now() - startedMs)})`)
  if (code === 0) total.passed++
  else total.failed++
}

function seconds(durationMs) {
  return `${(durationMs / 1_000).toFixed(1)} s`
}

function findTests(words) {
  const files = readdirSync(join(root, 'test'), { recursive: true }).map((name) => `test/${name}`)
  const tests = files.filter((file) => file.endsWith('.test.ts')).sort()
  return words.length === 0 ? tests : tests.filter((file) => words.some((word) => file.includes(word)))
}

/** tap writes its own test functions once after an install, from the plugins that .taprc names. */
async function buildTap() {
  const built = join(root, '.tap', 'plugins', 'package.json')
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (existsSync(built) && statSync(built).mtimeMs > statSync(installed).mtimeMs) return
  const child = run('tap', ['build'], ['ignore', 'ignore', 'inherit'])
  if ((await ended(child)) === 0) {
    // It leaves the file as it is where nothing in it changes: the next run would build again, and runs side by side disturb each other.
    if (existsSync(built)) utimesSync(built, new Date(), new Date())
    return
  }
  console.error('Cannot prepare tap: `tap build` failed')
  total.failed++
}

async function runTap(files, options) {
  if (files.length === 0) return
  const child = run('tap', ['--reporter=tap', `--jobs=${options.jobs}`, ...files], ['ignore', 'pipe', 'inherit'])
  const code = ended(child)
  const report = { files: 0, totals: undefined }
  const show = createFilter(report)
  for await (const line of createInterface({ input: child.stdout })) show(line)
  await code
  if (report.totals === undefined || report.files !== files.length) {
    console.log(`not ok tap ended after ${report.files} of ${files.length} test files`)
    total.failed++
  }
  const { pass = 0, fail = 0, skip = 0, todo = 0 } = report.totals ?? {}
  total.passed += pass
  total.failed += fail + skip + todo
  // A file can fail as a whole, for example by its time limit, without an assertion that did.
  if ((await code) !== 0 && fail + skip + todo === 0) total.failed++
  if (skip + todo > 0) console.log(`not ok ${skip} skipped and ${todo} to-do tests: nothing may be left out`)
}

/** Shows one line a file, and of failures everything; takes the counts from tap's closing comment. */
function createFilter(report) {
  let failureIndent
  return (line) => {
    const [, indent, word, rest] = /^( *)(ok|not ok) \d+ ?(.*)$/.exec(line) ?? []
    if (word !== undefined) {
      failureIndent = undefined
      if (indent === '') report.files++
      if (word === 'ok' && indent === '') console.log(`ok ${fileLine(rest)}`)
      if (word === 'not ok') {
        console.log(`${indent}not ok ${indent === '' ? fileLine(rest) : rest}`)
        // Of a whole file tap says only how it was started.
        if (indent !== '') failureIndent = `${indent}  `
      } else if (/# (SKIP|TODO)/i.test(rest)) console.log(`${indent}left out: ${rest}`)
      return
    }
    if (failureIndent !== undefined && line.startsWith(failureIndent)) {
      console.log(line)
      if (line.trim() === '...') failureIndent = undefined
      return
    }
    failureIndent = undefined
    const counts = /^# \{ (.*) \}$/.exec(line)
    if (counts !== null) report.totals = readCounts(counts[1])
    if (/^ *Bail out!/.test(line)) console.log(line)
  }
}

/** `- test/x.test.ts # time=57.5ms {` as `test/x.test.ts (0.1 s)`. */
function fileLine(rest) {
  const [, name = rest, timeMs] = /^- (.*?)(?: # time=([\d.]+)ms)?(?: \{)?$/.exec(rest) ?? []
  return timeMs === undefined ? name : `${name} (${seconds(Number(timeMs))})`
}

function readCounts(text) {
  return Object.fromEntries([...text.matchAll(/(\w+): (\d+)/g)].map(([, name, count]) => [name, Number(count)]))
}

/** The tests that can run here; each of the others counts as failed and is named. */
function leaveOut(tests, missing) {
  return tests.filter((file) => {
    const needed = missing.filter(({ tests: places }) => places.some((place) => file.startsWith(place)))
    if (needed.length === 0) return true
    console.log(`not ok ${file}: not run for want of ${needed.map(({ name }) => name).join(', ')}`)
    total.failed++
    return false
  })
}

const words = process.argv.slice(2)
const missing = missingPackages()
if (words.length === 0) {
  await check('types', 'tsc', ['--noEmit'])
  await check('format and lint', 'biome', ['check', '--max-diagnostics=200', '.'])
}
await buildTap()
const tests = findTests(words)
if (tests.length === 0) {
  console.log(`not ok no test file's path holds ${words.join(' or ')}`)
  total.failed++
}
const runnable = leaveOut(tests, missing)
const isAlone = (file) => aloneFolders.some((folder) => file.startsWith(folder))
await runTap(
  runnable.filter((file) => !isAlone(file)),
  { jobs },
)
await runTap(runnable.filter(isAlone), { jobs: 1 })
if (missing.length > 0) {
  const names = missing.map(({ name }) => name).join(', ')
  console.log(`\nCannot run all tests without these Debian packages: ${names}. As root:\n  ${installCommand(missing)}`)
  if (total.failed === 0) total.failed++
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1
