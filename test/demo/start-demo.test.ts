// Goal: the demo keeps trust in its state folder, or in the Redis that SEKISHO_REDIS_URL names; two of them share one PKI and one Redis;
// a wrong variable is refused in words, and no password shows anywhere. Method: load it in folders of its own, as both its processes do.
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { demoConfigText, demoPorts } from '../../src/demo/demo-config.ts'
import { demoFiles } from '../../src/demo/demo-files.ts'
import { ensureDemoPki } from '../../src/demo/demo-pki.ts'
import { DemoBank, type DemoPlace, loadDemo } from '../../src/demo/start-demo.ts'
import { welcomeText } from '../../src/demo/welcome-text.ts'

const root = t.testdir()
const load = (env: DemoPlace['env'] = {}) => loadDemo({ root, env })

t.test('without a variable, or with an empty one, the store is in the state folder', async (t) => {
  for (const env of [{}, { SEKISHO_REDIS_URL: '' }, { SEKISHO_REDIS_URL: undefined }]) {
    const { config, warnings } = await load(env)
    t.same(config.store, { kind: 'embedded' })
    t.equal(config.stateFolder, join(root, 'data'))
    t.same(warnings, [])
  }
  const files = demoFiles('certs')
  t.notMatch(demoConfigText({ files, folder: root, offset: 0, shared: false }), /store|redis/i)
})

const urls: [url: string, store: Record<string, unknown>][] = [
  ['redis://127.0.0.1:6379/0', { nodes: [{ host: '127.0.0.1', port: 6_379 }], database: 0, tls: undefined }],
  ['redis://[::1]', { nodes: [{ host: '::1', port: 6_379 }], password: undefined }],
  ['redis://:s%40crets@localhost:7/3', { password: 's@crets', database: 3, username: undefined }],
  ['redis://demo:s%40crets@localhost', { username: 'demo', password: 's@crets' }],
  ['rediss://demo:s%40crets@localhost', { password: 's@crets', tls: { caPem: undefined } }],
]
for (const [url, store] of urls) {
  t.test(`${url} is the store`, async (t) => {
    const { config, warnings, load: loadAgain } = await load({ SEKISHO_REDIS_URL: url })
    t.match(config.store, { kind: 'redis', mode: 'standalone', ...store })
    t.same(loadAgain().config, config, 'a reload reads the same')
    t.equal(config.stateFolder, join(root, 'data'))
    t.notMatch(warnings.join(), /s@crets|s%40crets/)
    t.equal(warnings.length, url.startsWith('rediss:') ? 1 : 0)
  })
}

t.test('the text of the configuration names the variable and does not hold its value', async (t) => {
  const text = demoConfigText({ files: demoFiles('certs'), folder: root, offset: 0, shared: true })
  t.same(JSON.parse(text).store, { redis: { url: `\${SEKISHO_REDIS_URL}` } })
})

const wrong: [url: string, shown: string, reason: RegExp][] = [
  ['localhost:6379', '"localhost:6379"', /begins neither with redis:\/\/ nor with rediss:\/\//],
  ['http://demo:s3cret@localhost:6379', '"http://(not shown)@localhost:6379"', /begins neither/],
  ['redis://demo:s3/cret@localhost:6379', '"redis://(not shown)@localhost:6379"', /write \/ as %2F/],
  ['redis://:s3cret@localhost:99999', '"redis://(not shown)@localhost:99999"', /a port that is none/],
  ['redis://:s3cret@localhost/bank', '"redis://(not shown)@localhost/bank"', /not the number of a database/],
  ['redis://localhost/0?password=s3cret', '"redis://(not shown)"', /nothing may follow the database/],
  ['file:/run/redis-url', '"(not shown)"', /begins neither/],
  ['s3cret', '"(not shown)"', /begins neither/],
]
for (const [url, shown, reason] of wrong) {
  t.test(`${shown} is refused before anything is made`, async (t) => {
    const empty = t.testdir()
    const refusal = await loadDemo({ root: empty, env: { SEKISHO_REDIS_URL: url } }).then(
      () => undefined,
      (error) => error,
    )
    t.match(refusal, { code: 'config_invalid', path: 'SEKISHO_REDIS_URL' })
    t.match(refusal.message, reason)
    const [start, end] = [
      'Cannot use SEKISHO_REDIS_URL as a Redis URL such as redis://localhost:6379/0, ',
      `value is ${shown} (`,
    ]
    t.ok(refusal.message.startsWith(start) && refusal.message.includes(end), refusal.message)
    t.notMatch(refusal.message, /s3/)
    t.notOk(existsSync(join(empty, 'certs')))
  })
}

t.test(
  'a user without a password is refused by the configuration, in whose words nothing of the URL stands',
  async (t) => {
    await t.rejects(load({ SEKISHO_REDIS_URL: 'redis://s3cret@localhost' }), {
      code: 'config_invalid',
      message: /^(?!.*s3cret)[\s\S]*store\.redis\.password .*a user name is given, by store\.redis\.url/,
    })
  },
)

t.test('two that start at once share PKI and Redis, and nothing else', async (t) => {
  const fresh = t.testdir()
  const start = (env: DemoPlace['env']) =>
    loadDemo({ root: fresh, env: { SEKISHO_REDIS_URL: 'redis://localhost', ...env } })
  const [first, second] = await Promise.all([start({}), start({ SEKISHO_PORT_OFFSET: '200' })])
  t.same(second.seed, first.seed, 'the same people, certificates and revocations')
  t.equal(first.seed.revoked.length, 1)
  t.same(second.config.store, first.config.store)
  t.same(second.config.issuers, first.config.issuers)
  t.same(
    [first, second].map(({ config }) => config.stateFolder),
    [join(fresh, 'data'), join(fresh, 'data-200')],
  )
  t.same(
    [first, second].map(({ config }) => config.gatewayName),
    ['demo', 'demo-200'],
  )
  const portsOf = ({ config }: typeof first) => {
    const { certificate, public: front, admin, ops } = config.doors
    return [...certificate, front, admin, ops].flatMap((door) => door?.listen.map(({ port }) => port) ?? [])
  }
  const ports = portsOf(first)
  t.same(
    portsOf(second),
    ports.map((port) => port + 200),
  )
})

t.test('an offset that is none is refused', async (t) => {
  for (const SEKISHO_PORT_OFFSET of ['-1', '50001', 'x', '1.5'])
    await t.rejects(load({ SEKISHO_PORT_OFFSET }), { code: 'config_invalid', message: /SEKISHO_PORT_OFFSET/ })
})

t.test('people are told where trust is kept, and how to revoke there', async (t) => {
  const pki = await ensureDemoPki({ folder: join(root, 'certs', 'demo'), clock: systemClock })
  const alone = welcomeText({ root, pki, offset: 0, store: 'data/ (embedded)' })
  t.match(alone, /^ {2}Store {3}data\/ \(embedded\)$/m)
  t.match(alone, /^ {2}Revoke {2}npx sekisho revoke --login-id user02 --apply$/m)
  t.match(alone, `https://localhost:${demoPorts.certificate}/`)
  const second = welcomeText({ root, pki, offset: 200, store: 'Redis at localhost:6379' })
  t.match(second, /^ {2}Store {3}Redis at localhost:6379$/m)
  t.match(second, /^ {2}Revoke {2}SEKISHO_PORT_OFFSET=200 npx sekisho revoke/m)
  t.match(second, `https://localhost:${demoPorts.certificate + 200}/`)
})

/** An offset at which the sample bank's port is free. */
async function freeOffset(): Promise<number> {
  const server = createServer()
  for (;;) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    const offset = typeof address === 'object' && address !== null ? address.port - demoPorts.bankApp : 0
    if (offset > 0 && offset <= 50_000) return offset
  }
}

t.test('the started demo says which store it uses: host and port, never the password', async (t) => {
  const offset = String(await freeOffset())
  const env = { SEKISHO_PORT_OFFSET: offset, SEKISHO_REDIS_URL: 'redis://demo:s3cret@127.0.0.1:7' }
  const bank = new DemoBank({ root, env })
  await bank.start()
  t.teardown(() => bank.close())
  t.match(
    bank.welcome(),
    new RegExp(`^ {2}Store {3}Redis at 127\\.0\\.0\\.1:7, shared by .*snapshot in data-${offset}/$`, 'm'),
  )
  t.notMatch(bank.welcome(), /s3cret/)
})

t.test('without Redis it says so too', async (t) => {
  const bank = new DemoBank({ root, env: { SEKISHO_PORT_OFFSET: String(await freeOffset()) } })
  await bank.start()
  t.teardown(() => bank.close())
  t.match(bank.welcome(), /^ {2}Store {3}data-\d+\/ \(embedded\)$/m)
})
