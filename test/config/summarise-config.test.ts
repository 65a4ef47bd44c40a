// Goal: people see in a few lines where requests go. Method: the lines for a configuration with something of everything.
import t from 'tap'
import { summariseConfig } from '../../src/config/summarise-config.ts'
import { makeCertificate, parseSample, sampleFiles, samplePems } from './sample-config.ts'

t.test('one line a route, one line an upstream', async (t) => {
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
    'Route all: every host / on certificate, public to bank; bodies to 104857600 bytes',
    'Route assets: localhost /assets on certificate to files; certificate optional; GET HEAD; no WebSocket; bodies to 0 bytes',
    'Upstream bank: a.example:443, [::1]:8443; TLS with a client certificate; affinity loginId; 300 connections; checks /health',
    'Upstream files: localhost:1; 1024 connections; no health check',
  ])
})
