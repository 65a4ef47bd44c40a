// Goal: routes come out complete, and those that lead nowhere, mean nothing or take the same requests are refused.
// Method: the sample with its two doors under several names, one route changed at a time; every refusal has its accepted twin.
import t from 'tap'
import { parseSample, problemsOf } from './sample-config.ts'

type Change = Record<string, unknown>

const doors: Change = {
  'doors.certificate.0.hostNames': ['a.bank.example', 'b.bank.example', '::1'],
  'doors.public.hostNames': ['c.bank.example'],
}
const parse = (set: Change) => parseSample({ set: { ...doors, ...set } })
const routes = (...all: Change[]): Change => ({
  routes: all.map((route, index) => ({ name: `r${index}`, upstream: 'app', ...route })),
})
const two: Change = {
  upstreams: ['app', 'files'].map((name) => ({ name, targets: [{ url: 'http://localhost:1' }] })),
}
const upstreamNamed = (name: string) => ({ upstreams: [{ name, targets: [{ url: 'http://localhost:1' }] }] })

const cases: [name: string, refused: Change, line: RegExp, accepted: Change][] = [
  ['no route', { routes: [] }, /routes as a list of at least 1 entry/, routes({})],
  [
    'several upstreams without routes',
    two,
    /routes as a list of at least 1 entry: .*there are 2 upstreams/,
    { ...two, ...routes({ pathPrefix: '/a' }, { upstream: 'files' }) },
  ],
  [
    'two routes of one name',
    routes({ name: 'a' }, { name: 'a', pathPrefix: '/a' }),
    /routes\[1\]\.name as a route name used once.*routes\[0\]\.name/,
    routes({ name: 'a' }, { name: 'b', pathPrefix: '/a' }),
  ],
  [
    'a route named like the own pages',
    routes({ name: 'own' }),
    /routes\[0\]\.name .*reserved/,
    routes({ name: 'owner' }),
  ],
  [
    'a route named like refusals',
    routes({ name: 'refused' }),
    /routes\[0\]\.name .*reserved/,
    routes({ name: 'refused-2' }),
  ],
  [
    'an upstream whose own route would be named so',
    upstreamNamed('own'),
    /upstreams\[0\]\.name .*routes may not be named so/,
    { ...upstreamNamed('own'), ...routes({ upstream: 'own' }) },
  ],
  [
    'an upstream that is not configured',
    routes({ upstream: 'ap' }),
    /routes\[0\]\.upstream as the name of a configured upstream: current value is "ap" \(the nearest name is app\)/,
    routes({ upstream: 'app' }),
  ],
  [
    'an upstream named like no other',
    routes({ upstream: 'elsewhere' }),
    /routes\[0\]\.upstream .*configured are app/,
    routes({}),
  ],
  [
    'a route without upstream',
    routes({ upstream: undefined }),
    /routes\[0\]\.upstream as the name of a configured upstream/,
    routes({}),
  ],
  [
    'a door that is not configured',
    routes({ doors: ['certificates'] }),
    /routes\[0\]\.doors\[0\] as the name of a certificate door.*nearest name is certificate/,
    routes({ doors: ['certificate'] }),
  ],
  [
    'the admin door',
    routes({ doors: ['admin'] }),
    /routes\[0\]\.doors\[0\] as the name of a certificate door/,
    routes({ doors: ['public'] }),
  ],
  [
    'a door twice',
    routes({ doors: ['public', 'public'] }),
    /routes\[0\]\.doors\[1\] as an entry/,
    routes({ doors: ['public', 'certificate'] }),
  ],
  [
    'a list of no doors',
    routes({ doors: [] }),
    /routes\[0\]\.doors as a list of at least 1 entry/,
    routes({ doors: ['public'] }),
  ],
  [
    'a host of no door',
    routes({ hosts: ['d.bank.example'] }),
    /routes\[0\]\.hosts\[0\] as a host name of one of the route’s doors.*nearest name is a\.bank\.example/,
    routes({ hosts: ['C.bank.example.'] }),
  ],
  [
    'a host of a door that is not its own',
    routes({ doors: ['public'], hosts: ['a.bank.example'] }),
    /routes\[0\]\.hosts\[0\]/,
    routes({ doors: ['certificate'], hosts: ['a.bank.example'] }),
  ],
  [
    'a door that has none of its hosts',
    routes({ doors: ['certificate', 'public'], hosts: ['a.bank.example'] }),
    /routes\[0\]\.doors\[1\] as a door that answers to one of the route’s hosts: current value is "public" \(it answers to c\.bank\.example\)/,
    routes({ doors: ['certificate', 'public'], hosts: ['a.bank.example', 'c.bank.example'] }),
  ],
  [
    'a host twice in two spellings',
    routes({ hosts: ['a.bank.example', 'A.bank.example.'] }),
    /routes\[0\]\.hosts\[1\] as an entry/,
    routes({ hosts: ['a.bank.example', 'b.bank.example'] }),
  ],
  [
    'a prefix without slash',
    routes({ pathPrefix: 'api' }),
    /routes\[0\]\.pathPrefix as a path that starts with \//,
    routes({ pathPrefix: '/api' }),
  ],
  ['a prefix with a slash at its end', routes({ pathPrefix: '/api/' }), /pathPrefix/, routes({ pathPrefix: '/' })],
  ['a prefix with an empty segment', routes({ pathPrefix: '/a//b' }), /pathPrefix/, routes({ pathPrefix: '/a/b' })],
  [
    'a prefix with a dot segment',
    routes({ pathPrefix: '/a/../b' }),
    /pathPrefix .*it has a dot segment/,
    routes({ pathPrefix: '/a/..b/.c' }),
  ],
  ['a prefix with an escaped slash', routes({ pathPrefix: '/a%2Fb' }), /pathPrefix/, routes({ pathPrefix: '/a_~-b' })],
  ['a prefix with a query', routes({ pathPrefix: '/a?b' }), /pathPrefix/, routes({ pathPrefix: '/a' })],
  ['a prefix with a parameter', routes({ pathPrefix: '/a;b' }), /pathPrefix/, routes({ pathPrefix: '/a' })],
  [
    'a method the doors do not know',
    routes({ methods: ['GET', 'PROPFIND'] }),
    /routes\[0\]\.methods\[1\] as a method that the doors let through.*GET, HEAD/,
    { ...routes({ methods: ['GET', 'PROPFIND'] }), 'http.extraMethods': ['PROPFIND'] },
  ],
  [
    'a method twice',
    routes({ methods: ['GET', 'GET'] }),
    /methods\[1\] as an entry/,
    routes({ methods: ['GET', 'HEAD'] }),
  ],
  [
    'a list of no methods',
    routes({ methods: [] }),
    /methods as a list of at least 1 entry/,
    routes({ methods: ['GET'] }),
  ],
  [
    'an optional certificate at the public door',
    routes({ doors: ['public'], certificate: 'optional' }),
    /routes\[0\]\.certificate as asDoor or required.*asks for none/,
    routes({ doors: ['public', 'certificate'], certificate: 'optional' }),
  ],
  [
    'a certificate rule that is none',
    routes({ certificate: 'none' }),
    /certificate as one of asDoor, required, optional/,
    routes({ certificate: 'required' }),
  ],
  [
    'two routes for everything',
    routes({}, {}),
    /routes\[1\]\.pathPrefix as a host and path prefix .*routes\[0\] takes the same/,
    routes({ doors: ['public'] }, { doors: ['certificate'] }),
  ],
  [
    'two routes for one host and prefix',
    routes({ hosts: ['a.bank.example', 'b.bank.example'] }, { hosts: ['b.bank.example'] }),
    /routes\[1\]\.pathPrefix/,
    routes({ hosts: ['a.bank.example'] }, { hosts: ['b.bank.example'] }, {}),
  ],
  [
    'a body limit out of range',
    routes({ bodyBytesMax: -1 }),
    /bodyBytesMax as a whole number from 0 to 1000000000000/,
    routes({ bodyBytesMax: 0 }),
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

const filledIn = {
  doors: ['certificate', 'public'],
  hosts: [],
  pathPrefix: '/',
  upstream: 'app',
  certificate: 'asDoor',
  methods: undefined,
  webSocket: true,
  bodyBytesMax: 104_857_600,
  bodyIdleTimeoutMs: 30_000,
  upstreamResponseTimeoutMs: 60_000,
  webSocketIdleTimeoutMs: 300_000,
}

t.test('without routes everything goes to the one upstream', async (t) => {
  t.same(parse({}).config.routes, [{ name: 'app', ...filledIn }])
  t.same(parse({ 'doors.public': undefined, 'doors.public.hostNames': undefined }).config.routes.length, 1)
})

t.test('a route without limits has those of the limits section, with them its own', async (t) => {
  const limits = {
    bodyBytesMax: 1,
    bodyIdleTimeoutMs: 101,
    upstreamResponseTimeoutMs: 102,
    webSocketIdleTimeoutMs: 103,
  }
  t.same(parse({ ...routes({}), limits }).config.routes, [{ name: 'r0', ...filledIn, ...limits }])
  t.same(parse(routes(limits)).config.routes, [{ name: 'r0', ...filledIn, ...limits }])
})

t.test('hosts come out spelt as those of the doors', async (t) => {
  const [route] = parse(routes({ hosts: ['A.bank.example.', '0:0::1', 'c.bank.example'] })).config.routes
  t.same(route?.hosts, ['a.bank.example', '[::1]', 'c.bank.example'])
})

t.test('upstreams and doors that no route leads to are warned of', async (t) => {
  t.match(parse({ ...two, ...routes({}) }).warnings, [/No route names upstreams\[1\], files/])
  t.match(parse(routes({ doors: ['certificate'] })).warnings, [/No route names the door public: .*404/])
  t.same(parse(routes({ doors: ['certificate'] }, { doors: ['public'] })).warnings, [])
})

t.test('a required certificate where none can be shown is warned of', async (t) => {
  const required = (...names: string[]) => routes({ doors: names, certificate: 'required' }, { pathPrefix: '/x' })
  t.match(parse(required('public')).warnings, [
    /routes\[0\]\.certificate is required and the only door is the public one/,
  ])
  t.same(parse(required('public', 'certificate')).warnings, [])
})
