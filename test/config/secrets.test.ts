// Goal: variables and secret files are resolved, a missing one is named, and nothing they held is ever repeated.
// Method: a correct configuration with texts that use them, an environment given by the test, files in memory.
import t from 'tap'
import { parseSample, problemsOf, sampleFiles } from './sample-config.ts'

const key = Buffer.alloc(32, 0xa5).toString('base64')
const variable = (name: string) => `\${${name}}`

t.test('a variable is replaced in any text', async (t) => {
  const set = {
    'upstreams.0.targets.0.url': `http://${variable('APP')}:80${variable('PORT')}`,
    'issuers.0.certificate': `${variable('CA')}.pem`,
  }
  const { config } = parseSample({ set, env: { APP: 'localhost', PORT: '81', CA: 'user-ca' } })
  t.equal(config.upstreams[0]?.targets[0]?.name, 'localhost:8081')
  t.equal(config.issuers.length, 1)
})

t.test('a variable that is not set is an error that names it, and is not reported twice', async (t) => {
  const problems = problemsOf(() => parseSample({ set: { 'upstreams.0.targets.0.url': variable('APP_URL') } }))
  t.same(problems, [
    `- Cannot use upstreams[0].targets[0].url as a text with environment variables: current value is "${variable('APP_URL')}" (the environment variable APP_URL is not set)`,
  ])
})

t.test('names of the object prototype are no variables', async (t) => {
  t.match(
    problemsOf(() => parseSample({ set: { 'identity.assertion': { audience: variable('toString') } } })),
    [/toString is not set/],
  )
})

t.test('a variable that is not written right is refused, the escaped form stands for itself', async (t) => {
  for (const written of [`\${A`, `\${A-B}`, `\${}`]) {
    const set = { 'institution.name.ja': written }
    t.match(
      problemsOf(() => parseSample({ set, env: { A: 'x' } })),
      [/institution\.name\.ja as a text with environment variables/],
      written,
    )
  }
  const { config } = parseSample({ set: { 'institution.name.ja': `$${variable('A')} $5` }, env: { A: 'x' } })
  t.equal(config.institution.name.ja, `${variable('A')} $5`)
})

t.test('replaced text is not looked at again', async (t) => {
  const set = { 'institution.name.ja': variable('A') }
  const { config } = parseSample({ set, env: { A: variable('B'), B: 'x' } })
  t.equal(config.institution.name.ja, variable('B'))
})

t.test('a secret comes from a variable, from a file, or from a file whose folder is in a variable', async (t) => {
  const files = sampleFiles().put('/run/key', `${key}\n`).put('/etc/gateway/key', `${key}\r\n`)
  for (const written of [variable('KEY'), 'file:/run/key', 'file:key', `file:${variable('FOLDER')}/key`]) {
    const loaded = parseSample({ set: { 'identity.sealingKey': written }, files, env: { KEY: key, FOLDER: '/run' } })
    t.equal(loaded.config.identity.sealingKey, key, written)
    t.same(loaded.warnings, [], written)
  }
})

t.test('only the last line end of a secret file is taken off', async (t) => {
  const files = sampleFiles().put('/run/key', `${key}\n\n`)
  t.match(
    problemsOf(() => parseSample({ set: { 'identity.sealingKey': 'file:/run/key' }, files })),
    [/32 bytes as base64/],
  )
})

t.test('file: means nothing outside a secret', async (t) => {
  const { config } = parseSample({ set: { 'institution.name.ja': 'file:/run/key' } })
  t.equal(config.institution.name.ja, 'file:/run/key')
})

t.test('a secret file that cannot be read is refused', async (t) => {
  const problems = problemsOf(() => parseSample({ set: { 'identity.sealingKey': 'file:/run/none' } }))
  t.match(problems, [
    /identity\.sealingKey as a readable secret file: current value is a secret \(not shown\) \(there is no such file\)/,
  ])
  t.equal(problems.length, 1)
})

t.test('a secret that others may read, or that stands in the file itself, is warned of', async (t) => {
  const files = sampleFiles().put('/run/key', key, 0o644)
  const open = parseSample({ set: { 'identity.sealingKey': 'file:/run/key' }, files })
  t.match(open.warnings, [/file of identity\.sealingKey has mode 0644/])
  const plain = parseSample({ set: { 'identity.sealingKey': key } })
  t.match(plain.warnings, [/identity\.sealingKey stands in the configuration file itself/])
  t.notOk([...open.warnings, ...plain.warnings].join().includes(key))
})

t.test('a sealing key of another size or spelling is refused without being shown', async (t) => {
  const wrong = [
    'c2hvcnQta2V5',
    Buffer.alloc(33, 1).toString('base64'),
    key.replace('=', ''),
    `${key} `,
    'pass phrase of some length',
  ]
  for (const written of wrong) {
    const problems = problemsOf(() =>
      parseSample({ set: { 'identity.sealingKey': variable('KEY') }, env: { KEY: written } }),
    )
    t.match(problems, [/identity\.sealingKey as 32 bytes as base64.*current value is a secret \(not shown\)/])
    t.notOk(problems.join().includes(written))
  }
})

t.test('no message repeats a secret, wherever it was put', async (t) => {
  const privateKey = sampleFiles().readFile('/etc/gateway/server.key').toString()
  const cases: [path: string, value: unknown, secret: string][] = [
    ['identity.sealingKey', [key], key],
    ['identity.sealingKey', { value: key }, key],
    ['identity', key, key],
    ['sealingKey', key, key],
    ['doors.certificate.0.serverCertificates.0.key', privateKey, privateKey.split('\n')[1] ?? ''],
    ['upstreams.0.targets.0.url', 'http://user:pa55word@localhost/x', 'pa55word'],
    ['institution.helpUrl', `ftp://${variable('KEY')}`, key],
    ['logLevel', variable('KEY'), key],
    ['upstreams.0.targets.0.url', 'http://user:pa/55word@localhost/x', '55word'],
    ['store', 'redis://user:pa55word@localhost', 'pa55word'],
    ['store.redis', 'redis://user:pa/55word@localhost', '55word'],
    ['store.redis.url', 'redis://user:pa55word@localhost/x', 'pa55word'],
    ['store.redis.url', ['redis://user:pa55word@localhost'], 'pa55word'],
    ['store.redis.url', variable('KEY'), key],
    ['store.redis.uri', 'redis://user:pa55word@localhost', 'pa55word'],
    ['store.redis', { mode: 'sentinel', password: 'pa55word' }, 'pa55word'],
    ['store.redis', { nodes: [{ host: 'redis://u:pa/55word@localhost', port: 1 }] }, '55word'],
    ['store.redis', { nodes: [], password: { value: 'pa55word' } }, 'pa55word'],
  ]
  for (const [path, value, secret] of cases) {
    const problems = problemsOf(() => parseSample({ set: { [path]: value }, env: { KEY: key } })).join('\n')
    t.notOk(problems.includes(secret), `${path}: ${problems}`)
  }
})

t.test('the environment is not part of the result', async (t) => {
  const { config } = parseSample({ env: { UNUSED: 'unused-value' } })
  t.notOk(JSON.stringify(config).includes('unused-value'))
})
