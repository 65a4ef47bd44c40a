// Goal: names say what is inside, and nothing unfinished or private is left in the tree. Method: look at the paths and the
// text of every file that belongs to the project.
import t from 'tap'
import { readFiles, readSource } from './source-files.ts'

const sources = readFiles('src', ['.ts'])
const tests = readFiles('test', ['.ts'])
const texts = [
  ...readFiles('src', ['.ts', '.md']),
  ...readFiles('test', ['.ts', '.md']),
  ...readFiles('scripts', ['.js', '.ts']),
  ...readFiles('config', ['.md', '.yaml', '.json', '.cnf']),
  ...readFiles('.github', ['.md']),
  ...['README.md', 'CHANGELOG.md', 'package.json', 'biome.json', '.taprc', '.ci/run'].map(readSource),
]

t.test('files are named in kebab-case after what they hold', async (t) => {
  for (const { path } of [...sources, ...tests]) {
    const name = path.split('/').at(-1) ?? ''
    t.match(name, /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/, path)
  }
})

t.test('no file or folder is named after nothing in particular', async (t) => {
  const vague = /(^|[/-])(utils?|common|helpers?|managers?|misc|lib)([.-]|\/|$)|\/index\.ts$/
  for (const { path } of sources) t.notMatch(path, vague, path)
  for (const { path } of tests) t.notMatch(path.replace(/^test\/helpers\//, ''), vague, path)
})

t.test('what is left to do has an issue number', async (t) => {
  const word = new RegExp(`\\b(${['TO', 'FIX'].map((part, n) => part + ['DO', 'ME'][n]).join('|')})\\b(?!\\(#\\d+\\))`)
  for (const { path, lines } of texts) {
    const found = lines.filter((line) => word.test(line) && !/\bSKIP\b/.test(line))
    t.same(found, [], path)
  }
})

t.test('no file names a place of one machine', async (t) => {
  const places = ['home', 'root', 'work', 'Users'].map((folder) => `(?<![\\w.$}])/${folder}/`)
  const place = new RegExp(places.join('|'))
  for (const { path, lines } of texts)
    t.same(
      lines.filter((line) => place.test(line)),
      [],
      path,
    )
})

t.test('tests are neither left out nor singled out', async (t) => {
  const left = new RegExp(
    `\\.(${['on', 'ly'].join('')}|${['sk', 'ip'].join('')}|${['to', 'do'].join('')})\\(|\\{ (skip|todo)\\b`,
  )
  for (const { path, lines } of tests)
    t.same(
      lines.filter((line) => left.test(line)),
      [],
      path,
    )
})

t.test('every test file opens with its goal and method', async (t) => {
  const opening = /^(\/\/ .*\n)*?\/\/ .*\bGoal: (.*\n\/\/ )*.*\bMethod: /
  const without = tests.filter(({ path, text }) => path.endsWith('.test.ts') && !opening.test(text))
  t.same(
    without.map(({ path }) => path),
    [],
  )
})
