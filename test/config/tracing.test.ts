// Goal: `tracing.module` becomes the absolute path of a file that is there; who else may write it is warned of; it is fixed while running.
// Method: configurations as text, with files in memory.
import t from 'tap'
import { fixedDifferences } from '../../src/config/compare-configs.ts'
import { parseSample, problemsOf, sampleFiles } from './sample-config.ts'

const set = { 'tracing.module': 'tracing.js' }
const withModule = (mode: number) => parseSample({ set, files: sampleFiles().put('/etc/gateway/tracing.js', '', mode) })

t.test('left out: there is no tracing, and no personal data in it', async (t) => {
  t.strictSame(parseSample().config.tracing, { loginId: false })
})

t.test('the path starts at the configuration file; it is imported at the start, not read here', async (t) => {
  const { config, warnings, files } = withModule(0o644)
  t.equal(config.tracing.module, '/etc/gateway/tracing.js')
  t.notMatch(warnings.join(), 'tracing')
  t.notOk(files.includes('/etc/gateway/tracing.js'), 'its change is no reason to reload')
})

t.test('a module that others may write is warned of', async (t) => {
  for (const mode of [0o664, 0o646])
    t.match(
      withModule(mode).warnings.join(),
      /tracing\.module, "tracing\.js", has mode 06[46][46]: others .* may change what/,
    )
})

t.test('one that is not there is refused', async (t) => {
  t.strictSame(
    problemsOf(() => parseSample({ set })),
    [
      '- Cannot use tracing.module as the path of a readable ES module: current value is "tracing.js" (there is no such file)',
    ],
  )
})

t.test('a running gateway keeps it', async (t) => {
  const [difference = '', ...others] = fixedDifferences(parseSample().config, withModule(0o644).config)
  t.match(difference, 'Cannot change tracing.module while running')
  t.strictSame(others, [])
})
