// Goal: doors that could not listen side by side, could not be told apart or lead nowhere are refused.
// Method: the correct sample with one field changed; every refusal has its accepted twin.
import t from 'tap'
import { normaliseAuthority, normaliseHost } from '../../src/config/host-name.ts'
import { type ParseChanges, parseSample, problemsOf, sampleConfig } from './sample-config.ts'

type Case = [name: string, refused: Record<string, unknown>, line: RegExp, accepted: Record<string, unknown>]

const [firstDoor] = sampleConfig().doors.certificate
const twoDoors = (change: object) => ({
  'doors.certificate': [firstDoor, { ...firstDoor, name: 'second', listen: [{ port: 8453 }], ...change }],
})
const listens = (...entries: [host: string, port: number][]) => ({
  'doors.certificate.0.listen': entries.map(([host, port]) => ({ host, port })),
})
const alternates = (...authorities: string[]) => ({ 'doors.certificate.0.alternateAuthorities': authorities })
const hosts = (...names: string[]) => ({ 'doors.certificate.0.hostNames': names })

const proxied = (...trustedAddresses: string[]) => ({ 'doors.certificate.0.proxyProtocol': { trustedAddresses } })

const cases: Case[] = [
  [
    'two doors of one name',
    twoDoors({ name: 'certificate' }),
    /certificate\[1\]\.name as a door name used once.*doors\.certificate\[0\]\.name/,
    twoDoors({}),
  ],
  [
    'a door named like the public door',
    twoDoors({ name: 'public' }),
    /doors\.public\.name as a door name used once/,
    { ...twoDoors({ name: 'public' }), 'doors.public.name': 'front' },
  ],
  [
    'a door with a reserved name',
    twoDoors({ name: 'admin' }),
    /certificate\[1\]\.name .*reserved/,
    twoDoors({ name: 'admins' }),
  ],
  [
    'a door name in capitals',
    twoDoors({ name: 'Second' }),
    /certificate\[1\]\.name as a door name/,
    twoDoors({ name: 'second-2' }),
  ],
  [
    'two doors on one address',
    twoDoors({ listen: [{ port: 8443 }] }),
    /certificate\[1\]\.listen\[0\]\.port as an address and port used once.*certificate\[0\]\.listen\[0\]/,
    twoDoors({ listen: [{ host: '127.0.0.2', port: 8443 }] }),
  ],
  [
    'a door on the port of the public door',
    { 'doors.public.listen': [{ port: 8443 }] },
    /doors\.public\.listen\[0\]\.port/,
    { 'doors.public.listen': [{ host: '::1', port: 8443 }] },
  ],
  [
    'a door on the port of the admin door',
    { 'doors.admin.listen': [{ port: 8443 }] },
    /doors\.admin\.listen\[0\]\.port/,
    { 'doors.admin.listen': [{ port: 0 }] },
  ],
  [
    'a door on the port of the ops listener',
    { 'doors.ops.listen': [{ port: 8443 }] },
    /doors\.ops\.listen\[0\]\.port/,
    { 'doors.ops.listen': [{ port: 0 }] },
  ],
  [
    'one address in two spellings',
    listens(['::1', 1], ['0:0:0:0:0:0:0:1', 1]),
    /listen\[1\]\.port/,
    listens(['::1', 1], ['::2', 1]),
  ],
  [
    'all addresses beside one of them',
    listens(['0.0.0.0', 1], ['127.0.0.1', 1]),
    /listen\[1\]\.port/,
    listens(['0.0.0.0', 1], ['::', 1]),
  ],
  ['a name to listen on', listens(['localhost', 1]), /listen\[0\]\.host as an IP address/, listens(['127.0.0.1', 1])],
  [
    'a port out of range',
    listens(['127.0.0.1', 65_536]),
    /port as a whole number from 0 to 65535/,
    listens(['127.0.0.1', 65_535]),
  ],
  ['a host name with a port', hosts('localhost:8443'), /hostNames\[0\] as a host name/, hosts('localhost')],
  ['a host name with a wildcard', hosts('*.bank.example'), /hostNames\[0\] as a host name/, hosts('a.bank.example')],
  [
    'a host name twice in two spellings',
    hosts('localhost', 'LOCALHOST.'),
    /hostNames\[1\] as a host name named once/,
    hosts('localhost', '127.0.0.1'),
  ],
  [
    'a host name of the public door with a path',
    { 'doors.public.hostNames': ['localhost/x'] },
    /doors\.public\.hostNames\[0\]/,
    { 'doors.public.hostNames': ['localhost'] },
  ],
  [
    'an alternate without port',
    alternates('localhost'),
    /alternateAuthorities\[0\] as host:port/,
    alternates('localhost:8444'),
  ],
  [
    'an alternate as URL',
    alternates('https://localhost:8444'),
    /alternateAuthorities\[0\] as host:port/,
    alternates('LocalHost:8444'),
  ],
  [
    'an alternate of another host',
    alternates('elsewhere.example:8444'),
    /alternateAuthorities\[0\] .*does not answer to elsewhere\.example/,
    { ...hosts('localhost', 'b.bank.example'), ...alternates('b.bank.example:443') },
  ],
  ['an alternate with port 0', alternates('localhost:0'), /alternateAuthorities\[0\]/, alternates('localhost:1')],
  [
    'a PROXY header from everyone',
    proxied('0.0.0.0/0'),
    /certificate\[0\]\.proxyProtocol\.trustedAddresses\[0\] .*let anyone say which address/,
    proxied('10.0.0.0/8', '::1'),
  ],
  [
    'a PROXY header from nobody',
    proxied(),
    /trustedAddresses as a list of at least 1 entry/,
    { 'doors.certificate.0.proxyProtocol': undefined },
  ],
  [
    'a PROXY header of the public door from a name',
    { 'doors.public.proxyProtocol': { trustedAddresses: ['balancer.example'] } },
    /doors\.public\.proxyProtocol\.trustedAddresses\[0\] as a CIDR range/,
    { 'doors.public.proxyProtocol': { trustedAddresses: ['10.0.0.1'] } },
  ],
  ['no certificate door at all', { 'doors.certificate': [] }, /doors\.certificate as a list of at least 1 entry/, {}],
]
for (const [name, refused, line, accepted] of cases) {
  t.test(`${name} is refused`, async (t) => {
    const problems = problemsOf(() => parseSample({ set: refused }))
    t.equal(problems.length, 1, problems.join('\n'))
    t.match(problems[0], line)
    t.doesNotThrow(() => parseSample({ set: accepted }), 'the accepted twin')
  })
}

t.test(
  'trusted addresses of PROXY headers come out as address/prefix; a door without the field has none',
  async (t) => {
    const { config } = parseSample({ set: proxied('10.0.0.1', 'fd00::/8') })
    t.same(config.doors.certificate[0]?.proxyProtocol, { trustedAddresses: ['10.0.0.1/32', 'fd00::/8'] })
    t.equal(config.doors.public?.proxyProtocol, undefined)
    const front = parseSample({ set: { 'doors.public.proxyProtocol': { trustedAddresses: ['::1'] } } }).config.doors
      .public
    t.same(front?.proxyProtocol, { trustedAddresses: ['::1/128'] })
  },
)

t.test('any number of listeners may take a free port', async (t) => {
  t.doesNotThrow(() =>
    parseSample({ set: { ...listens(['127.0.0.1', 0], ['127.0.0.1', 0]), 'doors.ops.listen': [{ port: 0 }] } }),
  )
})

t.test('names and authorities come out in one spelling', async (t) => {
  const set = { ...hosts('LOCALHOST.', '0:0:0:0:0:0:0:1'), ...alternates('[::1]:8444', 'localhost.:8444') }
  const [door] = parseSample({ set }).config.doors.certificate
  t.same(door?.hostNames, ['localhost', '[::1]'])
  t.same(door?.alternateAuthorities, ['[::1]:8444', 'localhost:8444'])
})

t.test('an ops listener that others can reach is warned of', async (t) => {
  const ops = (host: string): ParseChanges => ({ set: { 'doors.ops.listen': [{ host, port: 9464 }] } })
  t.match(parseSample(ops('0.0.0.0')).warnings, [/doors\.ops listens on 0\.0\.0\.0/])
  t.same(parseSample(ops('::1')).warnings, [])
  t.same(parseSample(ops('127.0.0.2')).warnings, [])
})

t.test('normaliseHost takes names and addresses and nothing else', async (t) => {
  const taken = {
    'A.Example.': 'a.example',
    '10.0.0.1': '10.0.0.1',
    '2001:DB8::0:1': '2001:db8::1',
    '[::1]': '::1',
    xn__a: 'xn__a',
  }
  for (const [written, normal] of Object.entries(taken)) t.equal(normaliseHost(written), normal)
  const refused = [
    '',
    '.',
    'a..b',
    '-a',
    'a b',
    'a/b',
    '[a]',
    'bänk.example',
    '256.1.1.1',
    '1.2.3',
    'fe80::1%eth0',
    `${'a'.repeat(64)}.b`,
    'a:1',
  ]
  for (const written of refused) t.equal(normaliseHost(written), undefined, written)
})

t.test('normaliseAuthority takes host:port and nothing else', async (t) => {
  t.same(normaliseAuthority('A.example:443'), { host: 'a.example', authority: 'a.example:443' })
  t.same(normaliseAuthority('[::1]:65535'), { host: '[::1]', authority: '[::1]:65535' })
  for (const written of ['a', ':1', 'a:', 'a:65536', 'a:01', '::1:8443', 'a:1/', 'u@a:1'])
    t.equal(normaliseAuthority(written), undefined, written)
})
