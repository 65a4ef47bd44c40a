import { z } from 'zod'
import { labelName, pemFile, text, whole } from './field.ts'
import { ownCertificate } from './own-certificate.ts'

const target = z.strictObject({
  url: text('Where the application answers, for example http://127.0.0.1:8081', {
    pattern: /^https?:\/\/[^/]+\/?$/,
    expected: 'an http:// or https:// URL with host and port only',
  }),
})

const tls = z
  .strictObject({
    ca: pemFile('PEM file of the CAs that issue the targets’ certificates; no other CA is trusted'),
    serverName: text('Name the targets’ certificates must have, also sent as SNI; left out: the host of their URL', {
      expected: 'a host name such as app.bank.example, without port',
    }).optional(),
    ...ownCertificate,
  })
  .optional()
  .describe('How the targets are known; required with https:// targets, and only with them')

const healthCheck = z
  .strictObject({
    path: text('Path of a GET request that a healthy target answers with 2xx or 3xx', {
      pattern: /^\/[!-"$-~]*$/,
      expected: 'a path that starts with /, without spaces or #',
    }),
    host: text('Host field of that request; left out: host and port of the target’s URL', {
      expected: 'a host name such as app.bank.example, with or without port',
    }).optional(),
    intervalMs: whole([100, 3_600_000], 5_000, 'Time from one check to the next'),
    timeoutMs: whole([10, 60_000], 2_000, 'Longest time to the head of the answer; at most `intervalMs`'),
    healthyAfter: whole([1, 100], 2, 'Good answers in a row that bring a target back'),
    unhealthyAfter: whole([1, 100], 3, 'Failed checks in a row that put a target out'),
  })
  .optional()
  .describe('Asks every target regularly, from one place of the gateway; left out: only requests tell how targets are')

const ejection = z
  .strictObject({
    failures: whole(
      [1, 1_000],
      5,
      'Failed requests in a row that put a target out, per worker; never the last one left',
    ),
    durationMs: whole(
      [100, 3_600_000],
      10_000,
      'How long it stays out; doubled up to eight times while it keeps failing',
    ),
  })
  .describe('What requests tell about a target')
  .prefault({})

const upstream = z.strictObject({
  name: labelName('Name of the upstream in routes, logs and metrics; unique', 'an upstream'),
  targets: z.array(target).min(1).describe('Machines or processes that answer alike; all http:// or all https://'),
  tls,
  affinity: z
    .enum(['none', 'loginId'])
    .default('none')
    .describe(
      'none: the target with the fewest requests in progress; loginId: one target for each login ID (on the public door: for each client address) as long as it is there',
    ),
  connectTimeoutMs: whole([10, 60_000], 3_000, 'Longest time to connect to a target, TLS included'),
  connectionsMax: whole(
    [1, 100_000],
    1_024,
    'Connections to all targets at the same time, and so requests in progress',
  ),
  idleConnectionsMax: whole([0, 100_000], 256, 'Unused connections kept; at most `connectionsMax`'),
  idleTimeoutMs: whole([100, 600_000], 30_000, 'How long an unused connection is kept'),
  queueMax: whole([0, 100_000], 1_024, 'Requests that may wait for a connection; one more gets 503'),
  queueTimeoutMs: whole([10, 600_000], 5_000, 'Longest time a request waits there; then it gets 503'),
  slowStartMs: whole(
    [0, 600_000],
    10_000,
    'Time in which a target that came back gets its share little by little; 0: at once',
  ),
  ejection,
  healthCheck,
})

/** The applications behind the gateway, as they are written. `readUpstreams` turns them into `UpstreamConfig`. */
export const upstreamsFile = z
  .array(upstream)
  .min(1)
  .describe(
    'The applications behind the gateway. `connectionsMax`, `idleConnectionsMax` and `queueMax` hold for the whole gateway: workers share them.',
  )
