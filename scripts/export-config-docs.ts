// Writes config/sekisho.schema.json and the field tables of config/README.md from the schema in src/config.
// Run it after changing a field: node scripts/export-config-docs.ts
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { exportSchema } from '../src/config/explain-config.ts'
import { replaceFields } from '../src/config/render-fields.ts'

const pathTo = (place: string) => fileURLToPath(new URL(`../${place}`, import.meta.url))

const schemaFile = pathTo('config/sekisho.schema.json')
const readmeFile = pathTo('config/README.md')

writeFileSync(schemaFile, JSON.stringify(exportSchema(), null, 2))
writeFileSync(readmeFile, replaceFields(readFileSync(readmeFile, 'utf8')))
// The formatter has its own mind about short lists and tables, and `npm run format` looks at these files too.
const biome = pathTo('node_modules/.bin/biome')
execFileSync(biome, ['format', '--write', schemaFile, readmeFile], { stdio: ['ignore', 'ignore', 'inherit'] })
