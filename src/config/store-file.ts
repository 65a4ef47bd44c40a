import { z } from 'zod'
import { pemFile, text, whole } from './field.ts'
import { ownCertificate } from './own-certificate.ts'
import { redisDatabaseMax, redisUrlExpected } from './redis-url.ts'

const node = z.strictObject({
  host: text('Where it answers', {
    expected: 'a host name such as redis.bank.example, without port, or an IP address',
  }),
  port: z.number().int().min(1).max(65_535).describe('TCP port; usually 6379, of a Sentinel 26379'),
})

const tls = z
  .strictObject({
    ca: pemFile(
      'PEM file of the CAs that issue the servers’ certificates; left out: the public CAs that Node knows, and those of NODE_EXTRA_CA_CERTS',
    ).optional(),
    serverName: text('Name the servers’ certificates must have, also sent as SNI; left out: the host of each', {
      expected: 'a host name such as redis.bank.example, without port',
    }).optional(),
    ...ownCertificate,
  })
  .optional()
  .describe('Speak TLS, to Sentinels too; left out: only with a `rediss://` URL')

const password = (description: string) =>
  text(description, { expected: `a password, given as \${NAME} or file:PATH`, secret: true })

const redis = z
  .strictObject({
    url: text(
      'Short form for one server: host, port, database, user name and password; not beside `mode` and `nodes`',
      {
        expected: redisUrlExpected,
        secret: true,
      },
    ).optional(),
    mode: z
      .enum(['standalone', 'sentinel', 'cluster'])
      .default('standalone')
      .describe(
        'standalone: one server; sentinel: a primary with replicas, found by asking Sentinels; cluster: a Redis Cluster',
      ),
    nodes: z
      .array(node)
      .min(1)
      .optional()
      .describe('standalone: the server; sentinel: the Sentinels; cluster: some of its nodes, the others are found'),
    sentinelName: text('Name by which the Sentinels know the primary; required with `sentinel`, and only there', {
      pattern: /^[A-Za-z0-9._-]+$/,
      expected: 'the name of a primary (letters, digits, dots, underscores, hyphens)',
    }).optional(),
    sentinelUsername: text('User of the Sentinels themselves').optional(),
    sentinelPassword: password('Password of the Sentinels themselves').optional(),
    database: whole([0, redisDatabaseMax], 0, 'Number of the database; a cluster has 0 only'),
    username: text('ACL user; left out: the default user').optional(),
    password: password('Password of the user').optional(),
    tls,
    connectTimeoutMs: whole([50, 60_000], 2_000, 'Longest time to connect, TLS and log-in included'),
    commandTimeoutMs: whole([50, 60_000], 2_000, 'Longest time to the answer of one command'),
    replicasWanted: whole([0, 100], 1, 'Replicas that should have a change before its answer says how many have it'),
    replicasTimeoutMs: whole([10, 60_000], 500, 'Longest time an answer waits for them'),
    logEventsMax: whole(
      [1_000, 10_000_000],
      100_000,
      'Changes kept in the log, about; a gateway that was away for more of them compares everything',
    ),
  })
  .describe('Redis or Valkey, shared by every gateway that names it')

/** Where trust is kept, as it is written. `readStore` turns it into `StoreConfig`. */
export const storeFile = z
  .strictObject({ redis })
  .optional()
  .describe(
    'Where revocations and the directory are kept. Left out: in a file under `stateFolder`, for one gateway alone.',
  )
