// Goal: values that are fine alone but contradict each other, or loosen more than they say, are refused.
// Method: the correct sample with some fields changed; every refusal has its accepted twin.
import t from 'tap'
import { parseSample, problemsOf } from './sample-config.ts'

type Case = [name: string, refused: Record<string, unknown>, line: RegExp, accepted: Record<string, unknown>]

const limit = (values: Record<string, number>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`limits.${name}`, value]))
const forwarders = (...ranges: string[]) => ({ 'http.trustedForwarders': ranges })
const methods = (...names: string[]) => ({ 'http.extraMethods': names })
const origins = (...values: string[]) => ({ 'http.webSocketOrigins': values })
const helpUrl = (value: string) => ({ 'institution.helpUrl': value })
const logins = (...requests: object[]) => ({ 'doors.public.loginRequests': requests })
const audit = (file: string) => ({ 'auditLog.file': file })
const assertion = (values: object) => ({ 'identity.assertion': { audience: 'app', ...values } })

const cases: Case[] = [
  [
    'a head no larger than a target',
    limit({ headBytesMax: 8_192 }),
    /headBytesMax as more than limits\.targetBytesMax, which is 8192: current value is 8192/,
    limit({ headBytesMax: 8_193 }),
  ],
  [
    'a target larger than the default head',
    limit({ targetBytesMax: 40_000 }),
    /headBytesMax .*current value is 32768 \(the default\)/,
    limit({ targetBytesMax: 40_000, headBytesMax: 50_000 }),
  ],
  [
    'more waiting than connections',
    limit({ connectionsMax: 1_000 }),
    /unauthenticatedConnectionsMax as at most limits\.connectionsMax/,
    limit({ connectionsMax: 1_000, unauthenticatedConnectionsMax: 1_000 }),
  ],
  [
    'more of one address than of all',
    limit({ unauthenticatedPerAddressMax: 4_097 }),
    /unauthenticatedPerAddressMax as at most/,
    limit({ unauthenticatedPerAddressMax: 4_096 }),
  ],
  [
    'a stream window larger than that of the connection',
    limit({ http2StreamWindowBytes: 1_048_577 }),
    /http2StreamWindowBytes as at most limits\.http2ConnectionWindowBytes, which is 1048576/,
    limit({ http2StreamWindowBytes: 1_048_576 }),
  ],
  [
    'a number under its range',
    limit({ handshakeTimeoutMs: 99 }),
    /a whole number from 100 to 60000: current value is 99/,
    limit({ handshakeTimeoutMs: 100 }),
  ],
  [
    'a number over its range',
    limit({ drainTimeoutMs: 3_600_001 }),
    /a whole number from 0 to 3600000/,
    limit({ drainTimeoutMs: 3_600_000 }),
  ],
  [
    'a poll slower than the data may age',
    { 'revocation.pollMs': 1_000, 'revocation.maxStalenessSeconds': 1 },
    /pollMs as less than .*1000 ms/,
    { 'revocation.pollMs': 999, 'revocation.maxStalenessSeconds': 1 },
  ],
  [
    'comparing with the store all the time',
    { 'revocation.reconcileSeconds': 4 },
    /reconcileSeconds as a whole number from 5 to 86400/,
    { 'revocation.reconcileSeconds': 5 },
  ],
  [
    'asking about connected certificates all the time',
    { 'revocation.connectedCheckMs': 199 },
    /connectedCheckMs as a whole number from 200 to 60000/,
    { 'revocation.connectedCheckMs': 200 },
  ],
  [
    'writing snapshots all the time',
    { 'revocation.snapshotSeconds': 4 },
    /snapshotSeconds as a whole number from 5 to 3600/,
    { 'revocation.snapshotSeconds': 5 },
  ],
  [
    'more revocations than the index can hold',
    limit({ revocationEntriesMax: 30_000_001 }),
    /revocationEntriesMax as a whole number from 1000 to 30000000/,
    limit({ revocationEntriesMax: 30_000_000 }),
  ],
  [
    'denying and serving when stale',
    { 'revocation.whenStale': 'deny', 'revocation.insecureServeWhenStale': true },
    /insecureServeWhenStale .*says the opposite/,
    { 'revocation.insecureServeWhenStale': true },
  ],
  [
    'registration without a directory',
    { directory: 'none', 'certificates.mustBeRegistered': true },
    /mustBeRegistered as false, or left out/,
    { directory: 'none', 'certificates.mustBeRegistered': false },
  ],
  [
    'small RSA keys',
    { 'certificates.rsaBitsMin': 1_024 },
    /rsaBitsMin as a whole number from 2048/,
    { 'certificates.rsaBitsMin': 3_072 },
  ],
  [
    'an assertion that lives long',
    assertion({ lifetimeSeconds: 61 }),
    /lifetimeSeconds as a whole number from 5 to 60/,
    assertion({ lifetimeSeconds: 60 }),
  ],
  ['an assertion without audience', { 'identity.assertion': {} }, /assertion\.audience as a text/, assertion({})],
  [
    'a cookie name with a space',
    { 'identity.sealCookies': ['A B'] },
    /sealCookies\[0\] as a cookie name/,
    { 'identity.sealCookies': ['__Host-A'] },
  ],
  [
    'a cookie named twice',
    { 'identity.sealCookies': ['A', 'A'] },
    /sealCookies\[1\] as an entry/,
    { 'identity.sealCookies': ['A', 'a'] },
  ],
  [
    'a range with a wrong prefix',
    forwarders('10.0.0.0/33'),
    /trustedForwarders\[0\] as a CIDR range/,
    forwarders('10.0.0.0/32'),
  ],
  [
    'a range of an IPv6 address with a wrong prefix',
    forwarders('::1/129'),
    /trustedForwarders\[0\]/,
    forwarders('2001:db8::/32'),
  ],
  ['a range that is a name', forwarders('proxy.example'), /trustedForwarders\[0\]/, forwarders('10.0.0.1')],
  [
    'a range of everyone',
    forwarders('10.0.0.0/8', '0.0.0.0/0'),
    /trustedForwarders\[1\] .*let anyone say/,
    forwarders('0.0.0.0/1'),
  ],
  ['a range of everyone in IPv6', forwarders('::/0'), /trustedForwarders\[0\] .*let anyone say/, forwarders('::/1')],
  ['a tunnel method', methods('CONNECT'), /extraMethods\[0\] as a method name/, methods('PROPFIND')],
  ['a method that echoes our headers', methods('TRACE'), /extraMethods\[0\]/, methods('REPORT')],
  ['a method in small letters', methods('propfind'), /extraMethods\[0\]/, methods('M-SEARCH')],
  ['a method twice', methods('REPORT', 'REPORT'), /extraMethods\[1\]/, methods('REPORT', 'SEARCH')],
  [
    'an origin with a path',
    origins('https://www.bank.example/'),
    /webSocketOrigins\[0\] as an origin/,
    origins('https://www.bank.example'),
  ],
  ['an origin without TLS', origins('http://www.bank.example'), /webSocketOrigins\[0\]/, origins('https://[::1]:8443')],
  ['an origin of pages without one', origins('null'), /webSocketOrigins\[0\]/, origins()],
  ['any origin', origins('*'), /webSocketOrigins\[0\]/, origins('https://a.bank.example:444')],
  ['an origin with a user name', origins('https://u@a.example'), /webSocketOrigins\[0\]/, origins('https://a.example')],
  [
    'an origin twice in two spellings',
    origins('https://a.example', 'https://A.example:443'),
    /webSocketOrigins\[1\] as an entry/,
    origins('https://a.example', 'https://a.example:444'),
  ],
  [
    'a rule on slashes that is none',
    { 'http.encodedSlashes': 'decode' },
    /encodedSlashes as one of refuse, keep: current value is "decode"/,
    { 'http.encodedSlashes': 'keep' },
  ],
  [
    'a rule on dots that is none',
    { 'http.dotSegments': true },
    /dotSegments as one of refuse, keep/,
    { 'http.dotSegments': 'keep' },
  ],
  [
    'a help page that is a script',
    helpUrl('javascript:alert(1)'),
    /helpUrl as an http/,
    helpUrl('https://bank.example/help'),
  ],
  ['a help page of another host without scheme', helpUrl('//evil.example'), /helpUrl/, helpUrl('/help')],
  [
    'a time zone that is none',
    { timeZone: 'Asia/Toukyou' },
    /timeZone as a time zone name/,
    { timeZone: 'Europe/Berlin' },
  ],
  [
    'an audit log outside the state folder',
    audit('../audit.log'),
    /auditLog\.file as the path of a file under/,
    audit('audit/today.log'),
  ],
  ['an audit log with an absolute path', audit('/var/log/audit.log'), /auditLog\.file/, audit('a/../audit.log')],
  [
    'logins without a directory',
    { ...logins({ path: '/login' }), directory: 'none' },
    /doors\.public\.loginRequests as an empty list, or left out: .*directory is none/,
    { ...logins(), directory: 'none' },
  ],
  [
    'a login path twice, in another case',
    logins({ path: '/login' }, { path: '/LOGIN' }),
    /loginRequests\[1\]\.path as a path that stands there once/,
    logins({ path: '/login' }, { path: '/login2' }),
  ],
  [
    'a login path with a slash behind it',
    logins({ path: '/login/' }),
    /path as a path that starts/,
    logins({ path: '/' }),
  ],
  [
    'a login path with an escape',
    logins({ path: '/log%69n' }),
    /path as a path that starts/,
    logins({ path: '/a/login.do' }),
  ],
  [
    'a field name that forms escape',
    logins({ path: '/login', loginIdField: 'login id' }),
    /loginIdField as up to 64 letters/,
    logins({ path: '/login', loginIdField: 'form:login_id' }),
  ],
  [
    'a login larger than can be held',
    logins({ path: '/login', bodyBytesMax: 1_048_577 }),
    /bodyBytesMax as a whole number from 256 to 1048576/,
    logins({ path: '/login', bodyBytesMax: 1_048_576 }),
  ],
  [
    'a text that is empty',
    { 'institution.name.ja': '' },
    /institution\.name\.ja as a text that is not empty/,
    { 'institution.name.ja': '銀' },
  ],
]
for (const [name, refused, line, accepted] of cases) {
  t.test(`${name}: refused`, async (t) => {
    const problems = problemsOf(() => parseSample({ set: refused }))
    t.equal(problems.length, 1, problems.join('\n'))
    t.match(problems[0], line)
    t.doesNotThrow(() => parseSample({ set: accepted }), 'the accepted twin')
  })
}

t.test('trusted ranges come out as address/prefix', async (t) => {
  const { config } = parseSample({ set: forwarders('10.0.0.1', '10.0.0.0/8', '::1') })
  t.same(config.http.trustedForwarders, ['10.0.0.1/32', '10.0.0.0/8', '::1/128'])
})

t.test('without a directory nothing has to be registered, with one everything has', async (t) => {
  t.equal(parseSample({ set: { directory: 'none' } }).config.certificates.mustBeRegistered, false)
  t.equal(parseSample().config.certificates.mustBeRegistered, true)
})

t.test('serving with stale data is warned of', async (t) => {
  t.match(parseSample({ set: { 'revocation.insecureServeWhenStale': true } }).warnings, [
    /insecureServeWhenStale is on/,
  ])
})

t.test('origins come out as browsers send them', async (t) => {
  const { config } = parseSample({ set: origins('HTTPS://WWW.Bank.example:443', 'https://a.example:8443') })
  t.same(config.http.webSocketOrigins, ['https://www.bank.example', 'https://a.example:8443'])
})

t.test('logins are recognised where they are asked for, and what that leaves open is warned of', async (t) => {
  const none = parseSample()
  t.same(none.config.doors.public?.loginRequests, [])
  t.equal(none.config.doors.public?.insecurePassUnknownLoginIds, false)
  const sealed = { 'identity.sealCookies': ['SESSION'] }
  const some = parseSample({ set: { ...logins({ path: '/login' }), ...sealed } })
  t.same(some.config.doors.public?.loginRequests, [
    { path: '/login', loginIdField: 'loginId', includeBelow: false, bodyBytesMax: 16_384 },
  ])
  t.same(some.warnings, [])
  const unsealed = parseSample({ set: { ...logins({ path: '/login' }), 'identity.sealCookies': [] } })
  t.match(unsealed.warnings, [/without identity\.sealCookies/])
  const passes = parseSample({ set: { ...sealed, 'doors.public.insecurePassUnknownLoginIds': true } })
  t.match(passes.warnings, [/insecurePassUnknownLoginIds is on/])
})
