// Goal: upstreams come out taken apart and with their certificates read; an upstream that could not be reached, known or bounded
// is refused. Method: the correct sample with one field changed; every refusal has its accepted twin.
import t from 'tap'
import {
  caExtensions,
  clockInDays,
  encryptKey,
  makeCertificate,
  parseSample,
  problemsOf,
  sampleFiles,
  samplePems,
} from './sample-config.ts'

type Change = Record<string, unknown>

const { root, userCa } = samplePems()
const gateway = makeCertificate({ commonName: 'gateway', extensions: ['extendedKeyUsage=clientAuth'], issuer: root })
const anyUse = makeCertificate({ commonName: 'gateway', extensions: ['basicConstraints=CA:FALSE'], issuer: root })
const shortCa = makeCertificate({ commonName: 'old-ca', extensions: caExtensions, days: 10 })
const files = () =>
  sampleFiles()
    .put('/etc/gateway/gateway.pem', gateway.certificate)
    .put('/etc/gateway/gateway.key', gateway.key)
    .put('/etc/gateway/any.pem', anyUse.certificate)
    .put('/etc/gateway/any.key', anyUse.key)
    .put('/etc/gateway/encrypted.key', encryptKey(gateway.key))
    .put('/etc/gateway/two-ca.pem', root.certificate + shortCa.certificate)
    .put('/etc/gateway/short-ca.pem', shortCa.certificate)

const parse = (set: Change, days = 1) => parseSample({ files: files(), set, clock: clockInDays(days) })
const upstream = (fields: Change): Change => ({
  upstreams: [{ name: 'app', targets: [{ url: 'http://localhost:1' }], ...fields }],
})
const urls = (...all: string[]) => upstream({ targets: all.map((url) => ({ url })) })
const secure = (tls: Change, url = 'https://localhost:1') =>
  upstream({ targets: [{ url }], tls: { ca: 'root.pem', ...tls } })
const named = (...names: string[]): Change => ({
  upstreams: names.map((name) => ({ name, targets: [{ url: 'http://localhost:1' }] })),
  routes: names.map((name, index) => ({ name: `r${index}`, pathPrefix: `/${index}`, upstream: name })),
})
const check = (fields: Change) => upstream({ healthCheck: { path: '/', ...fields } })

const cases: [name: string, refused: Change, line: RegExp, accepted: Change][] = [
  ['no upstream', { upstreams: [] }, /upstreams as a list of at least 1 entry/, named('app')],
  [
    'two upstreams of one name',
    named('a', 'a'),
    /upstreams\[1\]\.name as an upstream name used once.*upstreams\[0\]\.name/,
    named('a', 'b'),
  ],
  ['a name in capitals', named('App'), /upstreams\[0\]\.name as an upstream name/, named('app-2')],
  ['no target', upstream({ targets: [] }), /targets as a list of at least 1 entry/, urls('http://localhost:1')],
  [
    'another scheme',
    urls('ftp://localhost:1'),
    /targets\[0\]\.url as an http:\/\/ or https:\/\/ URL/,
    urls('http://localhost:1'),
  ],
  ['a path', urls('http://localhost:1/x'), /targets\[0\]\.url/, urls('http://localhost:1/')],
  ['a query', urls('http://localhost:1?x'), /targets\[0\]\.url/, urls('http://[::1]:1')],
  ['a user name', urls('http://u@localhost:1'), /targets\[0\]\.url/, urls('http://127.0.0.1')],
  ['a port out of range', urls('http://localhost:65536'), /targets\[0\]\.url/, urls('http://localhost:65535')],
  ['port 0', urls('http://localhost:0'), /targets\[0\]\.url/, urls('http://localhost:1')],
  [
    'one target in two spellings',
    urls('http://LOCALHOST', 'http://localhost:80/'),
    /targets\[1\]\.url as a target named once.*targets\[0\]\.url is the same/,
    urls('http://localhost', 'http://localhost:81'),
  ],
  [
    'mixed schemes',
    {
      ...secure({}),
      ...upstream({
        targets: [{ url: 'https://localhost:1' }, { url: 'http://localhost:2' }],
        tls: { ca: 'root.pem' },
      }),
    },
    /targets\[1\]\.url as a URL with the same scheme/,
    upstream({ targets: [{ url: 'https://localhost:1' }, { url: 'https://localhost:2' }], tls: { ca: 'root.pem' } }),
  ],
  [
    'https without a CA to trust',
    urls('https://localhost:1'),
    /upstreams\[0\]\.tls as a group of fields with at least ca: .*no CA is trusted that is not named/,
    secure({}),
  ],
  [
    'tls without ca',
    upstream({ targets: [{ url: 'https://localhost:1' }], tls: {} }),
    /tls\.ca as the path of a readable PEM file/,
    secure({}),
  ],
  [
    'tls before http',
    upstream({ tls: { ca: 'root.pem' } }),
    /tls as a field of upstreams with https:\/\/ targets.*protect nothing/,
    upstream({}),
  ],
  [
    'a CA file that is not there',
    secure({ ca: 'none.pem' }),
    /tls\.ca .*there is no such file/,
    secure({ ca: 'user-ca.pem' }),
  ],
  ['a server certificate as CA', secure({ ca: 'server.pem' }), /tls\.ca .*not of a CA/, secure({ ca: 'two-ca.pem' })],
  [
    'a certificate without key',
    secure({ certificate: 'gateway.pem' }),
    /tls\.key as .*a certificate stands beside it/,
    secure({ certificate: 'gateway.pem', key: 'gateway.key' }),
  ],
  [
    'a key without certificate',
    secure({ key: 'gateway.key' }),
    /tls\.certificate as .*a key stands beside it/,
    secure({}),
  ],
  [
    'a key of another certificate',
    secure({ certificate: 'gateway.pem', key: 'server.key' }),
    /tls\.key as the private key of the certificate beside it/,
    secure({ certificate: 'any.pem', key: 'any.key' }),
  ],
  [
    'an encrypted key',
    secure({ certificate: 'gateway.pem', key: 'encrypted.key' }),
    /tls\.key .*the key is encrypted/,
    secure({ certificate: 'gateway.pem', key: 'gateway.key' }),
  ],
  [
    'a certificate for servers only',
    secure({ certificate: 'server.pem', key: 'server.key' }),
    /tls\.certificate as a client certificate.*does not allow client authentication/,
    secure({ certificate: 'any.pem', key: 'any.key' }),
  ],
  [
    'an address as server name',
    secure({ serverName: '127.0.0.1' }),
    /tls\.serverName as a host name/,
    secure({ serverName: 'app.bank.example' }),
  ],
  ['a server name with a port', secure({ serverName: 'app:443' }), /tls\.serverName/, secure({ serverName: 'app' })],
  [
    'an IPv6 address as server name',
    secure({ serverName: '::1' }),
    /tls\.serverName/,
    secure({ serverName: '7.bank.example' }),
  ],
  [
    'more idle than connections',
    upstream({ connectionsMax: 255 }),
    /idleConnectionsMax as at most connectionsMax beside it, which is 255: current value is 256 \(the default\)/,
    upstream({ connectionsMax: 256 }),
  ],
  [
    'a check that takes longer than the time to the next',
    check({ intervalMs: 1_999 }),
    /healthCheck\.timeoutMs as at most intervalMs beside it, which is 1999/,
    check({ intervalMs: 2_000 }),
  ],
  ['a check without path', upstream({ healthCheck: {} }), /healthCheck\.path as a path/, check({})],
  ['a check whose path has a space', check({ path: '/a b' }), /healthCheck\.path/, check({ path: '/a?b=c' })],
  ['a check whose path has a fragment', check({ path: '/a#b' }), /healthCheck\.path/, check({ path: '/%23' })],
  [
    'a check with a host that ends lines',
    check({ host: 'a\r\nb: c' }),
    /healthCheck\.host as a host name/,
    check({ host: '[::1]:80' }),
  ],
  [
    'an affinity that is none',
    upstream({ affinity: 'cookie' }),
    /affinity as one of none, loginId/,
    upstream({ affinity: 'loginId' }),
  ],
  [
    'an ejection after no failure',
    upstream({ ejection: { failures: 0 } }),
    /ejection\.failures as a whole number from 1 to 1000/,
    upstream({ ejection: { failures: 1 } }),
  ],
]
for (const [name, refused, line, accepted] of cases) {
  t.test(`${name}: refused`, async (t) => {
    const problems = problemsOf(() => parse(refused))
    t.equal(problems.length, 1, problems.join('\n'))
    t.match(problems[0], line)
    t.doesNotThrow(() => parse(accepted), 'the accepted twin')
  })
}

t.test('what is left out has its default', async (t) => {
  t.same(parse(upstream({})).config.upstreams, [
    {
      name: 'app',
      targets: [{ name: 'localhost:1', host: 'localhost', port: 1, secure: false }],
      tls: undefined,
      affinity: 'none',
      connectTimeoutMs: 3_000,
      connectionsMax: 1_024,
      idleConnectionsMax: 256,
      idleTimeoutMs: 30_000,
      queueMax: 1_024,
      queueTimeoutMs: 5_000,
      slowStartMs: 10_000,
      ejection: { failures: 5, durationMs: 10_000 },
      healthCheck: undefined,
    },
  ])
  const { healthCheck } = parse(check({})).config.upstreams[0] ?? {}
  const times = { intervalMs: 5_000, timeoutMs: 2_000, healthyAfter: 2, unhealthyAfter: 3 }
  t.same(healthCheck, { path: '/', host: undefined, ...times })
})

t.test('targets come out in one spelling, with the port of their scheme', async (t) => {
  const plain = parse(urls('http://LocalHost', 'http://[0:0::1]:81', 'http://127.0.0.1')).config.upstreams[0]
  t.same(
    plain?.targets.map(({ name, host, port }) => [name, host, port]),
    [
      ['localhost:80', 'localhost', 80],
      ['[::1]:81', '::1', 81],
      ['127.0.0.1:80', '127.0.0.1', 80],
    ],
  )
  const [target] = parse(secure({}, 'https://App.localhost')).config.upstreams[0]?.targets ?? []
  t.same(target, { name: 'app.localhost:443', host: 'app.localhost', port: 443, secure: true })
})

t.test('certificates and names of a TLS upstream are read', async (t) => {
  const written = { ca: 'two-ca.pem', serverName: 'APP.bank.example', certificate: 'gateway.pem', key: 'gateway.key' }
  const { tls } = parse(secure(written)).config.upstreams[0] ?? {}
  t.equal(tls?.caPem, root.certificate + shortCa.certificate)
  t.equal(tls?.serverName, 'app.bank.example')
  t.equal(tls?.certificatePem, gateway.certificate)
  t.match(tls?.keyPem, /^-----BEGIN PRIVATE KEY-----/)
  const bare = parse(secure({ ca: 'user-ca.pem' })).config.upstreams[0]?.tls
  t.same(bare, { caPem: userCa.certificate, serverName: undefined, certificatePem: undefined, keyPem: undefined })
})

t.test('a CA that expired is refused alone, and warned of beside one that has not', async (t) => {
  t.match(
    problemsOf(() => parse(secure({ ca: 'short-ca.pem' }), 11)),
    [/tls\.ca .*valid now.*it expired at/],
  )
  t.doesNotThrow(() => parse(secure({ ca: 'short-ca.pem' }), 9))
  t.match(parse(secure({ ca: 'two-ca.pem' }), 11).warnings, [
    /1 of 2 CAs in the file of upstreams\[0\]\.tls\.ca expired/,
  ])
})

t.test('the client certificate is watched like those of the doors: its end and the mode of its key', async (t) => {
  const set = secure({ certificate: 'gateway.pem', key: 'gateway.key' })
  t.match(
    problemsOf(() => parse(set, 366)).filter((line) => line.includes('upstreams')),
    [/tls\.ca/, /tls\.certificate as a client certificate that is valid now/],
  )
  t.match(parse(set, 340).warnings, [
    /./,
    /./,
    /./,
    /The client certificate of upstreams\[0\]\.tls\.certificate expires in 24 days/,
  ])
  const open = parseSample({ files: files().put('/etc/gateway/gateway.key', gateway.key, 0o640), set })
  t.match(open.warnings, [/key file of upstreams\[0\]\.tls\.key, "gateway\.key", has mode 0640/])
})

t.test('an application on another machine that cannot tell who asks is warned of', async (t) => {
  const assertion = { 'identity.assertion': { audience: 'app' } }
  const away = urls('http://localhost:1', 'http://app.bank.example:8081')
  t.match(parse(away).warnings, [/upstreams\[0\] leads to another machine, app\.bank\.example:8081, .*cannot tell/])
  t.same(parse({ ...away, ...assertion }).warnings, [])
  const secureAway = (tls: Change) => secure(tls, 'https://app.bank.example')
  t.match(parse(secureAway({})).warnings, [/leads to another machine/])
  t.same(parse(secureAway({ certificate: 'gateway.pem', key: 'gateway.key' })).warnings, [])
})

t.test('fewer connections than workers are warned of', async (t) => {
  const few = (connectionsMax: number) => ({ ...upstream({ connectionsMax, idleConnectionsMax: 0 }), workers: 4 })
  t.match(parse(few(3)).warnings, [/upstreams\[0\]\.connectionsMax is 3 and there are 4 workers/])
  t.same(parse(few(4)).warnings, [])
})
