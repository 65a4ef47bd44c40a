// Goal: a reload may change what can be exchanged and nothing else, and a refusal says which field, without secrets.
// Method: two parses of the sample, the second with some fields changed.
import t from 'tap'
import { fixedDifferences } from '../../src/config/compare-configs.ts'
import {
  caExtensions,
  makeCertificate,
  parseSample,
  sampleConfig,
  sampleFiles,
  serverExtensions,
} from './sample-config.ts'

type Change = Record<string, unknown>

const key = Buffer.alloc(32, 0x5a).toString('base64')
const otherKey = Buffer.alloc(32, 0x5b).toString('base64')
const env = {
  KEY: key,
  OTHER_KEY: otherKey,
  KEY_IN_URL: encodeURIComponent(key),
  OTHER_KEY_IN_URL: encodeURIComponent(otherKey),
}
const here = { host: 'localhost', port: 1 }
const redis = (fields: Change): Change => ({ store: { redis: fields } })
const server = makeCertificate({ commonName: 'new', extensions: serverExtensions('DNS:localhost') })
const operatorsCa = makeCertificate({ commonName: 'new-operators', extensions: caExtensions })
const files = sampleFiles()
  .put('/etc/gateway/new.pem', server.certificate)
  .put('/etc/gateway/new.key', server.key)
  .put('/etc/gateway/new-operators.pem', operatorsCa.certificate)
const newPair = [{ certificate: 'new.pem', key: 'new.key' }]
const parse = (set: Change) => parseSample({ set, env, files }).config
const differences = (old: Change, next: Change) => fixedDifferences(parse(old), parse(next))
const [firstDoor] = sampleConfig().doors.certificate
const secondDoor = { ...firstDoor, name: 'second', listen: [{ port: 8453 }] }

const changeable: [name: string, next: Change][] = [
  ['nothing', {}],
  ['the institution', { 'institution.name.ja': '銀行' }],
  ['issuers', { 'issuers.0.chain': [] }],
  ['server certificates', { 'doors.certificate.0.serverCertificates': newPair }],
  ['server certificates of the public door', { 'doors.public.serverCertificates': newPair }],
  ['logins with a password', { 'doors.public.loginRequests': [{ path: '/login' }] }],
  ['unknown login IDs', { 'doors.public.insecurePassUnknownLoginIds': true }],
  ['server certificates of the admin door', { 'doors.admin.serverCertificates': newPair }],
  ['CAs of operators', { 'doors.admin.operatorIssuers': [{ certificate: 'new-operators.pem' }] }],
  [
    'names of a door',
    { 'doors.certificate.0.hostNames': ['localhost', 'a.bank.example'], 'doors.public.hostNames': ['127.0.0.1'] },
  ],
  ['alternates of a door', { 'doors.certificate.0.alternateAuthorities': ['localhost:1'] }],
  ['where the login ID stands', { 'doors.certificate.0.loginId': { from: 'sanUri', prefix: 'urn:' } }],
  ['how long sessions may be resumed', { 'doors.certificate.0.resumption': { lifetimeSeconds: 10 } }],
  [
    'PROXY headers',
    {
      'doors.certificate.0.proxyProtocol': { trustedAddresses: ['::1'] },
      'doors.public.proxyProtocol': { trustedAddresses: ['::1'] },
    },
  ],
  ['upstreams', { 'upstreams.0.targets.0.url': 'http://localhost:2' }],
  ['routes', { routes: [{ name: 'a', upstream: 'app', pathPrefix: '/a' }] }],
  ['http', { http: { http2: false, dotSegments: 'keep', extraMethods: ['REPORT'] } }],
  ['limits', { limits: { connectionsMax: 10_000, http2StreamsMax: 5 } }],
  ['certificates', { 'certificates.rsaBitsMin': 3_072 }],
  ['revocation', { 'revocation.maxStalenessSeconds': 60 }],
  ['renewal', { 'identity.renewalDueDays': 1 }],
  ['the log level', { logLevel: 'debug' }],
]
for (const [name, next] of changeable) {
  t.test(`may change while running: ${name}`, async (t) => {
    t.same(differences({}, next), [])
    if (name !== 'nothing') t.notSame(parse(next), parse({}), 'it is a change')
  })
}

const fixed: [path: string, old: Change, next: Change, values: string][] = [
  ['stateFolder', { stateFolder: '/a' }, { stateFolder: '/b' }, 'current value is "/a"; restart to use "/b"'],
  ['timeZone', {}, { timeZone: 'Europe/Berlin' }, 'current value is "Asia/Tokyo"; restart to use "Europe/Berlin"'],
  [
    'directory',
    { 'certificates.mustBeRegistered': false },
    { 'certificates.mustBeRegistered': false, directory: 'none' },
    'current value is "embedded"; restart to use "none"',
  ],
  ['accessLog.queryStrings', {}, { 'accessLog.queryStrings': true }, 'current value is false; restart to use true'],
  ['limits.drainTimeoutMs', {}, { limits: { drainTimeoutMs: 1 } }, 'current value is 30000; restart to use 1'],
  ['revocation.pollMs', {}, { 'revocation.pollMs': 50 }, 'current value is 250; restart to use 50'],
  ['revocation.reconcileSeconds', {}, { 'revocation.reconcileSeconds': 60 }, 'is 300; restart to use 60'],
  ['revocation.connectedCheckMs', {}, { 'revocation.connectedCheckMs': 500 }, 'is 1000; restart to use 500'],
  ['revocation.snapshotSeconds', {}, { 'revocation.snapshotSeconds': 5 }, 'is 60; restart to use 5'],
  [
    'limits.revocationEntriesMax',
    {},
    { 'limits.revocationEntriesMax': 1_000 },
    'current value is 20000000; restart to use 1000',
  ],
  ['gatewayName', { gatewayName: 'a' }, { gatewayName: 'b' }, 'current value is "a"; restart to use "b"'],
  ['store', {}, redis({ nodes: [here] }), 'current value is "embedded"; restart to use "redis"'],
  ['store', redis({ nodes: [here] }), {}, 'current value is "redis"; restart to use "embedded"'],
  [
    'store.redis.nodes',
    redis({ nodes: [here] }),
    redis({ nodes: [{ ...here, port: 2 }] }),
    'restart to use [{"host":"localhost","port":2}]',
  ],
  [
    'store.redis.mode',
    redis({ nodes: [here] }),
    redis({ nodes: [here], mode: 'cluster' }),
    'current value is "standalone"; restart to use "cluster"',
  ],
  [
    'store.redis.password',
    redis({ url: `redis://:\${KEY_IN_URL}@localhost` }),
    redis({ url: `redis://:\${OTHER_KEY_IN_URL}@localhost` }),
    'current value is a secret (not shown); restart to use a secret (not shown)',
  ],
  [
    'store.redis.sentinelPassword',
    redis({ mode: 'sentinel', nodes: [here], sentinelName: 'a' }),
    redis({ mode: 'sentinel', nodes: [here], sentinelName: 'a', sentinelPassword: `\${KEY}` }),
    'current value is nothing (the field is missing); restart to use a secret (not shown)',
  ],
  [
    'store.redis.tls',
    redis({ nodes: [here] }),
    redis({ nodes: [here], tls: { ca: 'root.pem' } }),
    'current value is nothing (the field is missing); restart to use a group of fields',
  ],
  [
    'store.redis.tls.ca',
    redis({ nodes: [here], tls: { ca: 'root.pem' } }),
    redis({ nodes: [here], tls: { ca: 'user-ca.pem' } }),
    'current value is the content of a file (not shown); restart to use the content of a file (not shown)',
  ],
  [
    'store.redis.tls.serverName',
    redis({ nodes: [here], tls: { serverName: 'a.example' } }),
    redis({ nodes: [here], tls: { serverName: 'b.example' } }),
    'current value is "a.example"; restart to use "b.example"',
  ],
  ['workers', { workers: 1 }, { workers: 2 }, 'current value is 1; restart to use 2'],
  ['auditLog.file', {}, { auditLog: { file: 'b.log' } }, 'current value is "audit.log"; restart to use "b.log"'],
  [
    'accessLog.file',
    {},
    { accessLog: { file: '-' } },
    'current value is nothing (the field is missing); restart to use "-"',
  ],
  [
    'identity.sealCookies',
    { 'identity.sealCookies': ['A'] },
    { 'identity.sealCookies': ['A', 'B'] },
    'current value is ["A"]; restart to use ["A","B"]',
  ],
  [
    'identity.sealingKey',
    { 'identity.sealingKey': `\${KEY}` },
    { 'identity.sealingKey': `\${OTHER_KEY}` },
    'current value is a secret (not shown); restart to use a secret (not shown)',
  ],
  [
    'identity.assertion',
    { 'identity.assertion': { audience: 'a' } },
    {},
    'current value is a group of fields; restart to use nothing (the field is missing)',
  ],
  [
    'identity.assertion.audience',
    { 'identity.assertion': { audience: 'a' } },
    { 'identity.assertion': { audience: 'b' } },
    'current value is "a"; restart to use "b"',
  ],
  [
    'doors.public',
    {},
    { 'doors.public': undefined },
    'current value is a group of fields; restart to use nothing (the field is missing)',
  ],
  [
    'doors.admin',
    { 'doors.admin': undefined },
    {},
    'current value is nothing (the field is missing); restart to use a group of fields',
  ],
  ['doors.public.name', {}, { 'doors.public.name': 'front' }, 'current value is "public"; restart to use "front"'],
  [
    'doors.ops.listen',
    {},
    { 'doors.ops.listen': [{ port: 1 }] },
    'current value is [{"host":"127.0.0.1","port":9464}]; restart to use [{"host":"127.0.0.1","port":1}]',
  ],
  ['doors.admin.listen', {}, { 'doors.admin.listen': [{ port: 1 }] }, 'restart to use [{"host":"127.0.0.1","port":1}]'],
  [
    'doors.certificate[0].listen',
    {},
    { 'doors.certificate.0.listen': [{ port: 1 }] },
    'restart to use [{"host":"127.0.0.1","port":1}]',
  ],
  [
    'doors.certificate',
    {},
    { 'doors.certificate': [firstDoor, secondDoor] },
    'current value is ["certificate"]; restart to use ["certificate","second"]',
  ],
  [
    'doors.certificate',
    {},
    { 'doors.certificate.0.name': 'other' },
    'current value is ["certificate"]; restart to use ["other"]',
  ],
  [
    'doors.certificate[1].resumption.enabled',
    { 'doors.certificate': [firstDoor, secondDoor] },
    { 'doors.certificate': [firstDoor, { ...secondDoor, resumption: { enabled: true } }] },
    'current value is false; restart to use true',
  ],
]
for (const [path, old, next, values] of fixed) {
  t.test(`${path}: ${values}`, async (t) => {
    const [line = '', ...others] = differences(old, next)
    t.same(others, [])
    t.ok(line.startsWith(`Cannot change ${path} while running: current value is `), line)
    t.ok(line.endsWith(values), line)
    t.notMatch(line, /BEGIN|PRIVATE/)
    for (const secret of [key, otherKey]) t.notOk(line.includes(secret))
  })
}

t.test('a new client certificate for the store is told without a byte of its key', async (t) => {
  const configs = ['old', 'new'].map((commonName) => {
    const { certificate, key } = makeCertificate({ commonName, extensions: [] })
    const both = sampleFiles().put('/etc/gateway/own.pem', certificate).put('/etc/gateway/own.key', key)
    const tls = { ca: 'root.pem', certificate: 'own.pem', key: 'own.key' }
    return parseSample({ files: both, set: redis({ nodes: [here], tls }) }).config
  })
  const [old = parse({}), next = parse({})] = configs
  const hidden = 'the content of a file (not shown)'
  const line = (name: string) =>
    `Cannot change store.redis.tls.${name} while running: current value is ${hidden}; restart to use ${hidden}`
  t.same(fixedDifferences(old, next), [line('certificate'), line('key')])
  t.same(fixedDifferences(old, old), [])
})

t.test('every fixed field is told at once', async (t) => {
  const lines = differences({ workers: 1 }, { workers: 2, stateFolder: '/b', 'doors.ops.listen': [{ port: 1 }] })
  t.equal(lines.length, 3)
})

t.test('doors are the same by name, not by place', async (t) => {
  const both = { 'doors.certificate': [firstDoor, secondDoor] }
  t.same(differences(both, { 'doors.certificate': [secondDoor, firstDoor] }), [])
  const moved = { ...firstDoor, listen: [{ port: 1 }] }
  t.match(differences(both, { 'doors.certificate': [secondDoor, moved] }), [
    /doors\.certificate\[1\]\.listen while running/,
  ])
})

t.test('resumption may move between doors, as long as one has it', async (t) => {
  const on = { resumption: { enabled: true } }
  const first = { 'doors.certificate': [{ ...firstDoor, ...on }, secondDoor] }
  const second = { 'doors.certificate': [firstDoor, { ...secondDoor, ...on }] }
  t.same(differences(first, second), [])
  t.equal(differences(first, { 'doors.certificate': [firstDoor, secondDoor] }).length, 1)
})

t.test('a field nobody thought of is fixed', async (t) => {
  const config = parse({})
  t.match(fixedDifferences(config, { ...config, unknown: 1 } as never), [/Cannot change unknown while running/])
  const doors = { ...config.doors, ops: { ...config.doors.ops, unknown: 1 } }
  t.match(fixedDifferences(config, { ...config, doors } as never), [/Cannot change doors\.ops\.unknown/])
})
