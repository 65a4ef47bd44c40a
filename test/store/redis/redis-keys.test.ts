// Goal: README.md names every key, for whoever looks into Redis, and scripts declare every key they use, as a Cluster demands.
// Method: compare the names in the code with its table and with the lists that scripts are given.
import t from 'tap'
import { directoryKeys, keyPrefixes, mailKeys, redisKeys, singleKeys } from '../../../src/store/redis/redis-keys.ts'
import { readFiles, readSource } from '../../tidy/source-files.ts'

const declared = [...singleKeys, ...directoryKeys, ...mailKeys].map(({ name }) => name)

t.test('README.md has every key in its table, and no other', async (t) => {
  const { text } = readSource('src/store/redis/README.md')
  const rows = text.split('\n').filter((line) => line.startsWith('| `{sekisho}:'))
  const named = rows.flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`([^`<]+)(<[^`]*)?`/g)].map(([, name]) => name),
  )
  t.strictSame(named.toSorted(), [...Object.values(redisKeys), ...Object.values(keyPrefixes)].toSorted())
})

t.test('every key of which there is one is declared once', async (t) => {
  t.strictSame(declared.toSorted(), Object.values(redisKeys).toSorted())
})

t.test('keys are written down in one place: no other file spells one out', async (t) => {
  const files = readFiles('src/store/redis', ['.ts']).filter(({ path }) => !path.endsWith('/redis-keys.ts'))
  const spelt = files.filter(({ text }) => /'\{sekisho\}:/.test(text))
  t.strictSame(
    spelt.map(({ path }) => path),
    [],
  )
})
