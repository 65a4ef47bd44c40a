// Goal: what config/ says about the fields is what the code does. Method: compare the exported JSON Schema and the
// tables of the README with the schema in the code; `node scripts/export-config-docs.ts` writes both again.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { configFile } from '../../src/config/config-file.ts'
import { explainConfig, exportSchema } from '../../src/config/explain-config.ts'
import { fieldsBegin, fieldsEnd, renderFields, replaceFields } from '../../src/config/render-fields.ts'
import { sampleConfig } from './sample-config.ts'

const read = (name: string) => readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8')

/** Without what the formatter decides: widths of columns. */
const unpadded = (text: string) =>
  text
    .replace(/-{3,}/g, '---')
    .replace(/ *\| */g, '|')
    .replace(/\n{2,}/g, '\n')
    .trim()

t.test('sekisho.schema.json is the schema of the code', async (t) => {
  t.same(JSON.parse(read('sekisho.schema.json')), JSON.parse(JSON.stringify(exportSchema())))
})

t.test('the README has the name, range, default and meaning of every field', async (t) => {
  const readme = read('README.md')
  const tables = readme.slice(readme.indexOf(fieldsBegin) + fieldsBegin.length, readme.indexOf(fieldsEnd))
  t.equal(unpadded(tables), unpadded(renderFields()))
  const missing = explainConfig().filter(
    (row) => row.kind === 'value' && !row.path.endsWith('[]') && !tables.includes(`\`${row.path}\``),
  )
  t.same(missing, [])
})

t.test('every field has a meaning', async (t) => {
  const bare = explainConfig().filter((row) => row.kind !== 'group' && row.description === '')
  t.same(
    bare.filter((row) => !row.path.endsWith('[]')).map((row) => row.path),
    [],
  )
  for (const name of Object.keys(configFile.shape)) {
    t.not(explainConfig().find((row) => row.path === name)?.description, '', name)
  }
})

t.test('a default in the table is the default of the schema', async (t) => {
  const parsed = configFile.parse(sampleConfig())
  const limits = explainConfig().filter((row) => row.path.startsWith('limits.'))
  t.ok(limits.length > 20)
  for (const row of limits) {
    t.equal(
      row.defaultJson,
      JSON.stringify(parsed.limits[row.path.slice('limits.'.length) as keyof typeof parsed.limits]),
    )
  }
})

t.test('the sealing key and what lets into the store are secrets, and nothing else', async (t) => {
  t.same(
    explainConfig()
      .filter((row) => row.secret)
      .map((row) => row.path),
    [
      'store.redis.url',
      'store.redis.sentinelPassword',
      'store.redis.password',
      'issuing.signer.keyPassword',
      'issuing.signer.pin',
      'issuing.signer.password',
      'notices.smtp.password',
      'identity.sealingKey',
    ],
  )
})

t.test('an editor is told what is narrow, and lets a variable through', async (t) => {
  const schema = JSON.stringify(exportSchema())
  t.notMatch(schema, /"expected"|"secret"/)
  const { properties } = exportSchema() as {
    properties: Record<string, { anyOf: { enum?: string[]; pattern?: string }[] }>
  }
  const [narrow, variable] = properties.directory?.anyOf ?? []
  t.same(narrow?.enum, ['embedded', 'none'])
  t.match(`\${NAME}`, new RegExp(variable?.pattern ?? '^$'))
})

t.test('replaceFields keeps the text around and refuses a text without the marks', async (t) => {
  t.equal(
    replaceFields(`a\n${fieldsBegin}\nold\n${fieldsEnd}\nb\n`, 'new'),
    `a\n${fieldsBegin}\n\nnew\n${fieldsEnd}\nb\n`,
  )
  t.throws(() => replaceFields('a'), /marker lines/)
})
