// Goal: where the store is comes out complete, with its certificates read; what could not be reached, known or told apart is refused,
// and what lies open is warned of. Method: the correct sample with a store of its own; every refusal has its accepted twin.
import t from 'tap'
import { makeCertificate, parseSample, problemsOf, sampleFiles, samplePems } from './sample-config.ts'

type Change = Record<string, unknown>

const { root } = samplePems()
const gateway = makeCertificate({ commonName: 'gateway', extensions: ['extendedKeyUsage=clientAuth'], issuer: root })
const files = () =>
  sampleFiles()
    .put('/etc/gateway/gateway.pem', gateway.certificate)
    .put('/etc/gateway/gateway.key', gateway.key)
    .put('/etc/gateway/open.key', gateway.key, 0o644)
    .put('/run/redis-password', 'from-a-file\n')
    .put('/run/open-password', 'from-a-file', 0o644)
    .put('/run/redis-url', 'redis://:in-a-file@localhost:7\n')

const env = { PASSWORD: 'from-a-variable', URL: 'rediss://user:in-a-url@localhost', EMPTY: '' }
const load = (redis: unknown) => parseSample({ files: files(), env, set: { store: { redis } } })
const storeOf = (redis: Change) => load(redis).config.store

const here = { host: 'localhost', port: 6_379 }
const away = { host: 'redis.bank.example', port: 6_379 }
const one = (fields: Change = {}): Change => ({ nodes: [here], ...fields })
const sentinels = (fields: Change = {}): Change => ({
  mode: 'sentinel',
  nodes: [here],
  sentinelName: 'bank',
  ...fields,
})
const cluster = (fields: Change = {}): Change => ({ mode: 'cluster', nodes: [here], ...fields })
const short = (fields: Change = {}): Change => ({ url: 'redis://localhost', ...fields })
const own = { certificate: 'gateway.pem', key: 'gateway.key' }
const secure = (fields: Change = {}): Change => one({ tls: { ca: 'root.pem', ...fields } })

t.test('left out, the store is embedded', async (t) => t.same(parseSample().config.store, { kind: 'embedded' }))

t.test('one server, with every default', async (t) => {
  t.same(storeOf({ nodes: [{ host: 'REDIS.bank.example', port: 1 }] }), {
    kind: 'redis',
    mode: 'standalone',
    nodes: [{ host: 'redis.bank.example', port: 1 }],
    sentinelName: undefined,
    sentinelUsername: undefined,
    sentinelPassword: undefined,
    database: 0,
    username: undefined,
    password: undefined,
    tls: undefined,
    connectTimeoutMs: 2_000,
    commandTimeoutMs: 2_000,
    replicasWanted: 1,
    replicasTimeoutMs: 500,
    logEventsMax: 100_000,
  })
})

t.test('Sentinels and a cluster, with all that belongs to them', async (t) => {
  const nodes = [here, { host: '[::1]', port: 26_379 }]
  const users = {
    sentinelUsername: 'watch',
    sentinelPassword: `\${PASSWORD}`,
    username: 'gate',
    password: 'file:/run/redis-password',
  }
  t.match(storeOf(sentinels({ nodes, ...users, database: 3 })), {
    mode: 'sentinel',
    nodes: [here, { host: '::1', port: 26_379 }],
    sentinelName: 'bank',
    sentinelUsername: 'watch',
    sentinelPassword: 'from-a-variable',
    username: 'gate',
    password: 'from-a-file',
    database: 3,
  })
  t.match(storeOf(cluster({ nodes, database: 0 })), { mode: 'cluster', database: 0 })
})

t.test('the short form says the same, and leaves the rest to the fields beside it', async (t) => {
  const url = 'redis://gate:p%40ss@127.0.0.1:7/2'
  const nodes = [{ host: '127.0.0.1', port: 7 }]
  t.same(storeOf({ url }), storeOf({ nodes, username: 'gate', password: 'p@ss', database: 2 }))
  t.match(storeOf({ url: `\${URL}` }), { username: 'user', password: 'in-a-url', tls: { caPem: undefined } })
  t.match(storeOf({ url: 'file:/run/redis-url' }), { nodes: [{ host: 'localhost', port: 7 }], password: 'in-a-file' })
  t.match(storeOf(short({ username: 'gate', password: 'x', database: 4, logEventsMax: 5_000 })), {
    username: 'gate',
    password: 'x',
    database: 4,
    logEventsMax: 5_000,
  })
  t.match(storeOf(short({ url: 'redis://gate@localhost', password: 'x' })), { username: 'gate', password: 'x' })
})

t.test('certificates are read', async (t) => {
  const none = { caPem: undefined, serverName: undefined, certificatePem: undefined, keyPem: undefined }
  const tlsOf = (redis: Change) => (storeOf(redis) as { tls?: unknown }).tls
  t.same(tlsOf(secure()), { ...none, caPem: root.certificate })
  t.same(tlsOf(one({ tls: {} })), none)
  t.same(tlsOf({ url: 'rediss://localhost' }), none)
  const all = { ca: 'root.pem', serverName: 'redis.bank.example', ...own }
  for (const redis of [secure(all), { url: 'rediss://localhost', tls: all }, sentinels({ tls: all })]) {
    t.match(tlsOf(redis), {
      caPem: root.certificate,
      serverName: 'redis.bank.example',
      certificatePem: gateway.certificate,
      keyPem: /^-----BEGIN PRIVATE KEY-----/,
    })
  }
})

const cases: [name: string, refused: unknown, line: RegExp, accepted: Change][] = [
  ['no place', {}, /store\.redis\.nodes as a list of at least 1 entry: .*no store\.redis\.url either/, one()],
  ['an empty list', { nodes: [] }, /store\.redis\.nodes as a list of at least 1 entry/, one()],
  ['a text', 'redis://localhost', /store\.redis as a group of fields: current value is a text/, short()],
  ['a node that is a text', { nodes: ['localhost:1'] }, /nodes\[0\] as a group of fields/, one()],
  ['a node without port', { nodes: [{ host: 'a' }] }, /nodes\[0\]\.port as a whole number from 1 to 65535/, one()],
  ['port 0', { nodes: [{ ...here, port: 0 }] }, /nodes\[0\]\.port/, one()],
  [
    'a host with its port',
    { nodes: [{ host: 'localhost:1', port: 1 }] },
    /nodes\[0\]\.host as a host name such as redis\.bank\.example, without port/,
    { nodes: [{ host: '::1', port: 1 }] },
  ],
  [
    'the same node twice',
    cluster({ nodes: [here, { ...here, host: 'LOCALHOST' }] }),
    /nodes\[1\]\.host as a node named once: .*store\.redis\.nodes\[0\] is the same/,
    cluster({ nodes: [here, { ...here, port: 2 }] }),
  ],
  [
    'several servers standing alone',
    { nodes: [here, away] },
    /nodes as a list of 1 entry: current value is a list of 2 \(store\.redis\.mode is standalone/,
    cluster({ nodes: [here, away] }),
  ],
  [
    'another mode',
    one({ mode: 'replica' }),
    /mode as one of standalone, sentinel, cluster/,
    one({ mode: 'standalone' }),
  ],
  [
    'Sentinels without a name',
    sentinels({ sentinelName: undefined }),
    /sentinelName as the name of a primary .*store\.redis\.mode is sentinel/,
    sentinels(),
  ],
  ['a name of a primary with a space', sentinels({ sentinelName: 'a b' }), /sentinelName as the name/, sentinels()],
  [
    'a name of a primary in a cluster',
    cluster({ sentinelName: 'bank' }),
    /sentinelName as a field of mode sentinel: .*mode is cluster/,
    sentinels(),
  ],
  [
    'a password for Sentinels where there are none',
    one({ sentinelPassword: `\${PASSWORD}` }),
    /sentinelPassword as a field of mode sentinel: .*a secret \(not shown\) \(store\.redis\.mode is standalone/,
    sentinels({ sentinelPassword: `\${PASSWORD}` }),
  ],
  [
    'another database in a cluster',
    cluster({ database: 1 }),
    /database as 0: current value is 1 \(a cluster/,
    sentinels({ database: 1 }),
  ],
  ['a database below 0', one({ database: -1 }), /database as a whole number from 0 to 9999/, one({ database: 9_999 })],
  [
    'a user without a password',
    one({ username: 'gate' }),
    /password as a password, given as \$\{NAME\} or file:PATH: .*by store\.redis\.username/,
    one({ username: 'gate', password: 'x' }),
  ],
  [
    'a user of the URL without a password',
    { url: 'redis://gate@localhost' },
    /store\.redis\.password as .*by store\.redis\.url/,
    { url: 'redis://gate:x@localhost' },
  ],
  [
    'a user of the Sentinels without a password',
    sentinels({ sentinelUsername: 'watch' }),
    /sentinelPassword as .*by store\.redis\.sentinelUsername/,
    sentinels({ sentinelUsername: 'watch', sentinelPassword: 'x' }),
  ],
  ['an empty password', one({ password: `\${EMPTY}` }), /store\.redis\.password as a password/, one({ password: 'x' })],
  ['a URL that is none', short({ url: 'localhost' }), /url as a URL such as redis:.*\(it begins neither/, short()],
  [
    'a URL and a mode',
    short({ mode: 'standalone' }),
    /mode as a field without url beside it/,
    one({ mode: 'standalone' }),
  ],
  ['a URL and nodes', short({ nodes: [here] }), /nodes as a field without url beside it/, one()],
  [
    'two passwords',
    { url: 'redis://:a@localhost', password: 'b' },
    /store\.redis\.password as a field that url does not say too/,
    short({ password: 'b' }),
  ],
  [
    'two users',
    { url: 'redis://a:x@localhost', username: 'b' },
    /username as a field that url does not say too: current value is "b"/,
    short({ username: 'b', password: 'x' }),
  ],
  [
    'two databases',
    { url: 'redis://localhost/0', database: 0 },
    /database as a field that url does not/,
    short({ database: 0 }),
  ],
  [
    'TLS beside a URL without it',
    short({ tls: { ca: 'root.pem' } }),
    /store\.redis\.tls as a field beside nodes, or beside a rediss:\/\/ url/,
    short({ url: 'rediss://localhost', tls: { ca: 'root.pem' } }),
  ],
  ['a CA that is not there', secure({ ca: 'none.pem' }), /store\.redis\.tls\.ca .*no such file/, secure()],
  ['a server certificate as CA', secure({ ca: 'server.pem' }), /tls\.ca .*not of a CA/, secure({ ca: 'user-ca.pem' })],
  ['a certificate without key', secure({ certificate: 'gateway.pem' }), /tls\.key .*stands beside it/, secure(own)],
  ['a key without certificate', secure({ key: 'gateway.key' }), /tls\.certificate .*a key stands beside/, secure(own)],
  [
    'a key of another certificate',
    secure({ ...own, key: 'server.key' }),
    /tls\.key as the private key of the certificate beside it/,
    secure(own),
  ],
  [
    'a certificate for servers only',
    secure({ certificate: 'server.pem', key: 'server.key' }),
    /tls\.certificate as a client certificate/,
    secure(own),
  ],
  ['an address as server name', secure({ serverName: '127.0.0.1' }), /tls\.serverName/, secure({ serverName: 'a.b' })],
  [
    'a short wait',
    one({ connectTimeoutMs: 49 }),
    /connectTimeoutMs as a whole number from 50/,
    one({ connectTimeoutMs: 50 }),
  ],
  ['a long wait', one({ commandTimeoutMs: 60_001 }), /commandTimeoutMs as a whole/, one({ commandTimeoutMs: 60_000 })],
  [
    'many replicas',
    one({ replicasWanted: 101 }),
    /replicasWanted as a whole number from 0/,
    one({ replicasWanted: 0 }),
  ],
  ['no wait for replicas', one({ replicasTimeoutMs: 9 }), /replicasTimeoutMs/, one({ replicasTimeoutMs: 10 })],
  ['a short log', one({ logEventsMax: 999 }), /logEventsMax as a whole number from 1000/, one({ logEventsMax: 1_000 })],
  ['a field that is none', one({ sentinels: [] }), /store\.redis\.sentinels as a field/, sentinels()],
]
for (const [name, refused, line, accepted] of cases) {
  t.test(`refused: ${name}`, async (t) => {
    const problems = problemsOf(() => load(refused))
    t.match(problems, [line])
    t.equal(problems.length, 1)
    t.equal(storeOf(accepted).kind, 'redis')
  })
}

const warned: [name: string, redis: Change, line: RegExp, quiet: Change][] = [
  [
    'a password on the network without TLS',
    { nodes: [away], password: 'file:/run/redis-password' },
    /leads to another machine, redis\.bank\.example:6379, without TLS: whoever is on the way reads its password/,
    { nodes: [here], password: 'file:/run/redis-password' },
  ],
  [
    'a password of the Sentinels on the network without TLS',
    sentinels({ nodes: [here, away], sentinelPassword: `\${PASSWORD}`, password: `\${PASSWORD}` }),
    /without TLS/,
    sentinels({
      nodes: [here, away],
      sentinelPassword: `\${PASSWORD}`,
      password: `\${PASSWORD}`,
      tls: { ca: 'root.pem' },
    }),
  ],
  [
    'another machine that anybody may use',
    { nodes: [away] },
    /with neither a password nor a client certificate: whoever reaches it/,
    { nodes: [away], tls: { ca: 'root.pem', ...own } },
  ],
  [
    'any public CA',
    { url: 'rediss://localhost' },
    /store\.redis\.tls\.ca is not given: any public CA/,
    { url: 'rediss://localhost', tls: { ca: 'root.pem' } },
  ],
  [
    'a password in the file itself',
    one({ password: 'in-the-file' }),
    /store\.redis\.password stands in the configuration file itself/,
    one({ password: `\${PASSWORD}` }),
  ],
  [
    'a password in a URL in the file itself',
    { url: 'redis://:in-the-file@localhost' },
    /store\.redis\.url stands in the configuration file itself/,
    { url: 'redis://localhost:6379/0' },
  ],
  [
    'a password file that others may read',
    one({ password: 'file:/run/open-password' }),
    /file of store\.redis\.password has mode 0644/,
    one({ password: 'file:/run/redis-password' }),
  ],
  [
    'a key file that others may use',
    secure({ ...own, key: 'open.key' }),
    /key file of store\.redis\.tls\.key, "open\.key", has mode 0644/,
    secure(own),
  ],
]
for (const [name, redis, line, quiet] of warned) {
  t.test(`warned of: ${name}`, async (t) => {
    const { warnings } = load(redis)
    t.match(warnings, [line])
    t.equal(warnings.length, 1)
    t.notMatch(warnings.join(), /in-the-file|from-a/)
    t.same(load(quiet).warnings, [])
  })
}

t.test('a variable that is not set is told once, by name', async (t) => {
  const problems = problemsOf(() => load({ url: `redis://:\${NOT_SET}@localhost` }))
  t.match(problems, [/store\.redis\.url as a text with environment variables: .*NOT_SET is not set/])
  t.equal(problems.length, 1)
})

t.test('a wrong store does not hide what else is wrong', async (t) => {
  const set = { store: { redis: { url: 'x', database: -1 } }, logLevel: 'loud' }
  t.same(
    problemsOf(() => parseSample({ set })).map((line) => /^- Cannot use (\S+) as /.exec(line)?.[1]),
    ['store.redis.database', 'logLevel'],
  )
})

t.test('files that the store names are among those that are watched', async (t) => {
  const { files: read } = load(secure(own))
  for (const name of ['root.pem', 'gateway.pem', 'gateway.key']) t.ok(read.includes(`/etc/gateway/${name}`), name)
  t.ok(load(one({ password: 'file:/run/redis-password' })).files.includes('/run/redis-password'))
})

t.test('a gateway has a name, or none', async (t) => {
  t.equal(parseSample().config.gatewayName, undefined)
  t.equal(parseSample({ set: { gatewayName: '東京 1' } }).config.gatewayName, '東京 1')
  for (const gatewayName of ['', ' a', 'a ', 'a\nb', 'x'.repeat(129), 1]) {
    t.match(
      problemsOf(() => parseSample({ set: { gatewayName } })),
      [/gatewayName as a text of at most 128 characters/],
    )
  }
})
