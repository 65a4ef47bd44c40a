// Goal: what config/README.md shows of files and messages is what a reader gets. Method: its blocks, against the parser: the messages word by
// word, the stores as part of a configuration.
import t from 'tap'
import { parse } from 'yaml'
import { fixedDifferences } from '../../src/config/compare-configs.ts'
import { parseConfig } from '../../src/config/load-config.ts'
import { readSource } from '../tidy/source-files.ts'
import { clockInDays, makeCertificate, parseSample, sampleConfig, sampleFiles } from './sample-config.ts'

const readme = readSource('config/README.md').text
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}))
const blockWith = (word: string) => blocks.find(({ text }) => text.includes(word))?.text ?? ''

t.test('each block is looked at here or, the command, in readme-redis.test.ts and runbook.test.ts', async (t) => {
  const seen = [
    'as a configuration: it has 2 problems',
    'sekisho config check FILE',
    'Sekisho-Login-Result: accepted',
    '# One server on this machine',
    '# A primary and its replicas',
    'Cannot change workers',
    'slow heads',
  ]
  t.equal(blocks.length, seen.length)
  for (const [at, word] of seen.entries()) t.ok(blocks[at]?.text.includes(word), word)
})

t.test('all that is wrong is said at once, in these words', async (t) => {
  const written = { ...sampleConfig(), limits: { headByteMax: 1 } } as Record<string, unknown>
  const [door] = sampleConfig().doors.certificate
  const doors = { ...sampleConfig().doors, certificate: [{ ...door, issuers: ['usr-ca'] }] }
  const options = {
    env: {},
    clock: clockInDays(1),
    files: sampleFiles(),
    folder: '/etc/gateway',
    source: 'gateway.yaml',
  }
  let message = ''
  try {
    parseConfig(JSON.stringify({ ...written, doors }), options)
  } catch (error) {
    message = (error as Error).message
  }
  t.equal(`${message}\n`, blockWith('it has 2 problems'))
  t.doesNotThrow(() => parseSample(), 'without the two it is one')
})

t.test('a change that needs a restart is told in these words', async (t) => {
  const withWorkers = (workers: number) => parseSample({ set: { workers } }).config
  t.same(fixedDifferences(withWorkers(2), withWorkers(4)), [blockWith('Cannot change workers').trim()])
})

t.test('the stores are stores', async (t) => {
  const ca = makeCertificate({ commonName: 'internal-ca', extensions: ['basicConstraints=critical,CA:TRUE'] })
  const files = sampleFiles()
    .put('/etc/gateway/internal-ca.pem', ca.certificate)
    .put('/run/credentials/redis-password', 'redis-secret\n')
  const storeOf = (word: string) => {
    const env = { CREDENTIALS_DIRECTORY: '/run/credentials' }
    return parseSample({ set: { store: parse(blockWith(word)).store }, files, env }).config.store
  }
  t.match(storeOf('# One server'), { kind: 'redis', mode: 'standalone', nodes: [{ host: '127.0.0.1', port: 6379 }] })
  t.match(storeOf('# A primary'), { mode: 'sentinel', sentinelName: 'sekisho', password: 'redis-secret', tls: {} })
})
