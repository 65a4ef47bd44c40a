// Goal: no command stands in the project's own documents that nobody has run. Method: every command found in them is either tried here, in a copy
// where it writes, or has the test that runs it named beside it, or the reason why none can.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseOptions } from '../bench/options.ts'
import { runHere } from '../cli/with-cli.ts'
import { createTestCa } from '../helpers/test-ca.ts'
import { readFiles, readSource, root } from '../tidy/source-files.ts'
import { commandsIn } from './document-commands.ts'
import { blocksOf } from './guide-commands.ts'

/** Beside the guides in `config/guides/` and the notes in `config/`'s folders, which have tests of their own. */
const documents = [
  readSource('README.md'),
  readSource('config/README.md'),
  readSource('config/prometheus/runbook.md'),
  ...['src', 'test'].flatMap((folder) => readFiles(folder, ['README.md'])),
]
const found = documents.flatMap(({ path, text }) => commandsIn(text).map((command) => ({ path, command })))

const inBlocks = new Set(
  blocksOf(readSource('README.md').text).flatMap(({ text }) => commandsIn(`\`\`\`sh\n${text}\`\`\`\n`)),
)

type Way = {
  readonly of: RegExp
  /** Tries the command here. */
  readonly here?: (t: Test, command: string) => unknown
  /** The test that runs it. */
  readonly by?: string
  /** Why none does. */
  readonly not?: string
}

/** The first that fits a command counts. Those of the README's blocks and of the runbook come before. */
const ways: readonly Way[] = [
  { of: /^npm test$|^npm test +every check|^npm run ok$/, not: 'this is it' },
  { of: /^npm test -- /, here: wordsFindTests },
  {
    of: /^npm start$|^npm start +a running|^SEKISHO_PORT_OFFSET=200 npm start$/,
    by: 'test/guides/readme-redis.test.ts',
  },
  { of: /^npm run demo:reset$/, by: 'test/guides/readme.test.ts' },
  { of: /^npm run bench\b/, here: benchTakes },
  { of: /^npm run chaos\b/, here: chaosTakes },
  { of: /^npm run fuzz\b/, here: fuzzTakes },
  { of: /^npm run boards\b/, by: 'test/boards/boards-smoke.test.ts' },
  { of: /^npm run release:check$/, by: 'test/package/release-check.test.ts' },
  {
    of: /^npm run deploy:try$/,
    not: 'needs root and a mirror of Debian; operations-guide.test.ts runs the same boxes',
  },
  { of: /^node scripts\/[\w-]+\.ts$/, here: writesWhatIsThere },
  { of: /^node_modules\/\.bin\/node test\//, here: isRun },
  { of: /^apt-get install /, here: isKnownPackage },
  { of: /^openssl rand -base64 32$/, here: makesSealingKey },
  { of: /^openssl x509 -in ca\.pem -noout -pubkey \|/, here: namesIssuer },
  { of: /^sekisho …$/, not: 'stands for all of them' },
  { of: /^(?:npx )?sekisho /, here: existsWithItsOptions },
]

t.test('each command has its way, and each way a command', async (t) => {
  const here = found.filter(({ path, command }) => !isRunAsWritten(path, command))
  t.ok(here.length > 40)
  for (const { path, command } of here) {
    const way = ways.find(({ of }) => of.test(command))
    t.ok(way, `${path}: ${command}`)
    if (way?.by !== undefined) t.ok(readSource(way.by).text.length > 0, command)
  }
  for (const { of } of ways)
    t.ok(
      here.some(({ command }) => of.test(command)),
      String(of),
    )
  for (const { command } of here) {
    const [, script] = /\bnpm run ([\w:]+)/.exec(command) ?? []
    if (script !== undefined) t.ok(script in JSON.parse(readSource('package.json').text).scripts, command)
  }
})

/** By readme.test.ts and readme-redis.test.ts, which say so where a block is new, and by runbook.test.ts. */
function isRunAsWritten(path: string, command: string): boolean {
  return path === 'config/prometheus/runbook.md' || (path === 'README.md' && inBlocks.has(command))
}

t.test('what can be tried is tried', { timeout: 100_000 }, async (t) => {
  const tried = new Set<string>()
  for (const { path, command } of found) {
    if (isRunAsWritten(path, command) || tried.has(command)) continue
    tried.add(command)
    await ways.find(({ of }) => of.test(command))?.here?.(t, command)
  }
})

const wordsAfter = (command: string, start: string) =>
  command
    .slice(start.length)
    .split(' ')
    .filter((word) => word !== '' && word !== '--')

/** As `scripts/run-tests.js` takes them. */
function wordsFindTests(t: Test, command: string): void {
  const tests = readFiles('test', ['.test.ts'])
  for (const word of wordsAfter(command, 'npm test'))
    t.ok(
      tests.some(({ path }) => path.includes(word)),
      command,
    )
}

function benchTakes(t: Test, command: string): void {
  t.doesNotThrow(() => parseOptions(wordsAfter(command, 'npm run bench')), command)
}

const run = (program: string, words: readonly string[]) => execFileSync(program, words, { cwd: root, encoding: 'utf8' })
const flags = ['--disable-warning=ExperimentalWarning']

/** The faults that it would make, as far as it prints them beforehand. */
function chaosTakes(t: Test, command: string): void {
  const words = wordsAfter(command, 'npm run chaos')
  t.match(run(process.execPath, [...flags, 'test/chaos/run.ts', ...words, '--plan']), /\S/, command)
}

/** For a moment, whatever it says. */
function fuzzTakes(t: Test, command: string): void {
  const words = wordsAfter(command, 'npm run fuzz').map((word) => (/^\d+$/.test(word) ? '0.2' : word))
  const short = words.includes('--seconds') ? words : [...words, '--seconds', '0.2']
  t.match(run(process.execPath, [...flags, 'test/fuzz/run.ts', ...short]), /^heads: seeds/, command)
}

function isRun(t: Test, command: string): void {
  const [program = '', ...words] = command.split(' ')
  t.match(run(program, words), /^ok |^# \{/m, command)
}

function isKnownPackage(t: Test, command: string): void {
  const names = wordsAfter(command, 'apt-get install').filter((word) => !word.startsWith('-'))
  for (const name of names)
    t.ok(readSource('scripts/debian-packages.js').text.includes(`name: '${name}'`), `${command}: ${name}`)
}

/** In a copy, which is as before afterwards: whoever changes a table by hand is told by other tests, and this one shows the way back. */
function writesWhatIsThere(t: Test, command: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-scripts-'))
  try {
    for (const name of ['src', 'scripts', 'config', 'biome.json', '.gitignore', 'package.json'])
      cpSync(join(root, name), join(folder, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    execFileSync(process.execPath, [...flags, ...command.split(' ').slice(1)], { cwd: folder, stdio: 'pipe' })
    for (const path of ['config/README.md', 'config/sekisho.schema.json', 'src/observe/README.md'])
      t.equal(readFileSync(join(folder, path), 'utf8'), readSource(path).text, `${command}: ${path}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function makesSealingKey(t: Test, command: string): void {
  const key = execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim()
  t.equal(Buffer.from(key, 'base64').length, 32, command)
}

/** The text as the document has it, in a folder with a `ca.pem`. */
function namesIssuer(t: Test, command: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ca-'))
  try {
    const { certificatePem, issuerId } = createTestCa({ commonName: 'some-ca' })
    writeFileSync(join(folder, 'ca.pem'), certificatePem)
    t.equal(execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8' }).trim(), issuerId, command)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function existsWithItsOptions(t: Test, command: string): Promise<void> {
  const words = command.replace(/^(?:npx )?sekisho /, '').split(' ')
  const until = words.findIndex((word) => !/^[a-z]+$/.test(word))
  const names = until === -1 ? words : words.slice(0, until)
  const { out } = await runHere([...names, '--help'])
  t.ok(out.startsWith(`Usage: sekisho ${names.join(' ')} `), command)
  for (const option of words.filter((word) => word.startsWith('--')))
    t.ok(out.includes(option), `${command}: ${option}`)
}
