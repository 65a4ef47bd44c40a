// Goal: a module that cannot begin tracing is refused before anything is served, with the field and the reason; one that can is taken.
// Method: modules written to a folder and imported. The good one comes last, as what it registers stays.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createTracing, importTracingModule } from '../../src/observe/tracing.ts'

const folder = t.testdir()
const write = (name: string, text: string) => {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

t.test('a module that is not there, throws, or registers nothing is refused', async (t) => {
  const refused: readonly (readonly [file: string, why: string])[] = [
    [join(folder, 'away.mjs'), 'Cannot find module'],
    [write('wrong.mjs', 'export const tracerProvider = {}'), 'it neither exports'],
    [write('throws.mjs', "throw new Error('no collector')"), 'no collector'],
    [
      write('nothing.mjs', 'export const flush = async () => {}'),
      'it neither exports a tracerProvider nor registers one',
    ],
  ]
  for (const [file, why] of refused) {
    await t.rejects(
      importTracingModule(file),
      { code: 'config_invalid', path: 'tracing.module', message: new RegExp(`Cannot use tracing.module as .*${why}`) },
      why,
    )
  }
})

const clock = { nowMs: () => 0, monotonicMs: () => 0 }
const noSpan = `{ getTracer: () => ({ startSpan: () => ({
  spanContext: () => ({ traceId: '0', spanId: '0', traceFlags: 0 }), setAttribute() {}, setStatus() {}, end() {} }) }) }`

t.test('one that exports its provider is taken, and needs no package of ours; its flush is kept', async (t) => {
  const file = write('exports.mjs', `export const tracerProvider = ${noSpan}\nexport const flush = async () => 'sent'`)
  const { tracerProvider, flush } = await importTracingModule(file)
  t.equal(await flush?.(), 'sent')
  const tracing = createTracing({ tracerProvider, version: 'test', loginId: false, clock })
  const connection = tracing.connection({ door: 'd', startedAtMs: 0 })
  connection.judged('permitted')
  const request = connection.request({
    ...{ requestId: 'r', method: 'GET', route: 'app', loginId: undefined, startedAtMs: 0 },
    ...{ fields: [], trusted: false },
  })
  t.equal(request.traceId, undefined, 'a provider without ids')
  t.strictSame(request.contextFields, [])
  request.ended({ status: 200, outcome: 'answered', failed: false, loginResult: undefined })
})

t.test('one that registers its provider is taken too', async (t) => {
  const api = import.meta.resolve('@opentelemetry/api')
  const file = write('registers.mjs', `import { trace } from '${api}'\ntrace.setGlobalTracerProvider(${noSpan})`)
  const { tracerProvider, flush } = await importTracingModule(file)
  t.equal(flush, undefined)
  t.type(tracerProvider.getTracer, 'function')
})

t.test('the module of the guide is JavaScript, and names the packages that the guide installs', async (t) => {
  const guide = readFileSync(new URL('../../config/guides/tracing.md', import.meta.url), 'utf8')
  const [, module = ''] = /```js\n([\s\S]*?)```/.exec(guide) ?? []
  execFileSync(process.execPath, ['--check', write('guide.mjs', module)])
  const [, installed = ''] = /npm install --prefix \S+ --ignore-scripts (.*)/.exec(guide) ?? []
  const packages = installed.split(' ').map((name) => name.replace(/@\d+\.\d+\.\d+$/, ''))
  t.notSame(packages, installed.split(' '), 'versions are exact')
  t.strictSame([...module.matchAll(/from '([^']+)'/g)].map(([, name]) => name).sort(), packages.sort())
  t.match(module, /export const tracerProvider =[\s\S]*export const flush =/)
})
