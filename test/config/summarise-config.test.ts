// Goal: people see in a few lines where requests go. Method: the lines for a configuration with something of everything.
import t from 'tap'
import { nameStore, summariseConfig } from '../../src/config/summarise-config.ts'
import { makeCertificate, parseSample, sampleFiles, samplePems } from './sample-config.ts'

t.test('one line for the store, one line a route, one line an upstream', async (t) => {
  const gateway = makeCertificate({ commonName: 'gateway', extensions: [], issuer: samplePems().root })
  const files = sampleFiles()
    .put('/etc/gateway/gateway.pem', gateway.certificate)
    .put('/etc/gateway/gateway.key', gateway.key)
  const tls = { ca: 'root.pem', certificate: 'gateway.pem', key: 'gateway.key' }
  const targets = ['https://a.example', 'https://[::1]:8443'].map((url) => ({ url }))
  const healthCheck = { path: '/health' }
  const set = {
    upstreams: [
      { name: 'bank', targets, tls, affinity: 'loginId', connectionsMax: 300, healthCheck },
      { name: 'files', targets: [{ url: 'http://localhost:1' }] },
    ],
    routes: [
      { name: 'all', upstream: 'bank' },
      {
        name: 'assets',
        doors: ['certificate'],
        hosts: ['localhost'],
        pathPrefix: '/assets',
        upstream: 'files',
        certificate: 'optional',
        methods: ['GET', 'HEAD'],
        webSocket: false,
        bodyBytesMax: 0,
      },
    ],
  }
  t.same(summariseConfig(parseSample({ files, set }).config), [
    'Store: embedded',
    'Route all: every host / on certificate, public to bank; bodies to 104857600 bytes',
    'Route assets: localhost /assets on certificate to files; certificate optional; GET HEAD; no WebSocket; bodies to 0 bytes',
    'Upstream bank: a.example:443, [::1]:8443; TLS with a client certificate; affinity loginId; 300 connections; checks /health',
    'Upstream files: localhost:1; 1024 connections; no health check',
  ])
})

const stores: [redis: Record<string, unknown>, name: string, rest: string][] = [
  [{ url: 'redis://localhost' }, 'Redis at localhost:6379', 'no TLS; no password; waits for 1 replica'],
  [
    { url: 'rediss://gate:pa55word@[::1]:1/3', replicasWanted: 0 },
    'Redis at [::1]:1',
    'TLS; user gate; a password; database 3',
  ],
  [
    {
      mode: 'sentinel',
      nodes: [
        { host: 'a.example', port: 26_379 },
        { host: 'b.example', port: 26_379 },
      ],
      sentinelName: 'bank',
      password: 'pa55word',
      sentinelPassword: 'pa55word',
      replicasWanted: 2,
      tls: { ca: 'root.pem', certificate: 'gateway.pem', key: 'gateway.key' },
    },
    'Redis bank, by Sentinels at a.example:26379, b.example:26379',
    'TLS with a client certificate; a password; waits for 2 replicas',
  ],
  [
    { mode: 'cluster', nodes: [{ host: '::1', port: 7_000 }] },
    'Redis Cluster at [::1]:7000',
    'no TLS; no password; waits for 1 replica',
  ],
]
for (const [redis, name, rest] of stores) {
  t.test(`${name}: what is secret is not in its line`, async (t) => {
    const { certificate, key } = makeCertificate({ commonName: 'gateway', extensions: [], issuer: samplePems().root })
    const files = sampleFiles().put('/etc/gateway/gateway.pem', certificate).put('/etc/gateway/gateway.key', key)
    const { config } = parseSample({ files, set: { store: { redis } } })
    t.equal(nameStore(config.store), name)
    t.equal(summariseConfig(config)[0], `Store: ${name}; ${rest}`)
    t.notMatch(summariseConfig(config).join(), /pa55word|BEGIN/)
  })
}
